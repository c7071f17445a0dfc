"""Pauses between tries: longer and longer ones, of which no two processes have the same."""

from __future__ import annotations

import asyncio
import random
from typing import Final

_GROWTH: Final = 1.5


class Pauses:
    """first_s, longest_s: in seconds, before chance takes up to half away."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._next_s = first_s
        self._longest_s = longest_s

    def take(self) -> float:
        """The next one, in seconds."""
        pause_s = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the tries, keeps no secret
        self._next_s = min(self._longest_s, self._next_s * _GROWTH)
        return pause_s

    async def wait(self) -> None:
        """Sleep for the next one."""
        await asyncio.sleep(self.take())
