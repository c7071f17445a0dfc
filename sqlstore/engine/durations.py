"""Durations as people write them: `500ms`, `30s`, `2m`, `12h`, `7d`, `2w`."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "": 1.0}


def parse_duration(text: str) -> float | None:
    """Seconds; a number without a unit is seconds too. None for what is no duration."""
    found = _DURATION.fullmatch(text.strip())
    return float(found[1]) * _SECONDS[found[2]] if found else None
