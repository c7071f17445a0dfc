"""The log of the tutoring bot's persistence: what happened, to which chat, in how many ms."""

from __future__ import annotations

import logging
import time
from typing import Final

from sqlstore.engine.observe import error_fields

log: Final = logging.getLogger("sqlstore")


class Stopwatch:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def ms(self) -> float:
        """Milliseconds since then."""
        return (time.perf_counter() - self._started) * 1_000


def fields(watch: Stopwatch, error: Exception | None = None) -> dict[str, str | float | None]:
    """The fields of a log record."""
    return {"duration_ms": round(watch.ms, 3), **error_fields("lessons", error)}


def session_event(event: str, chat_id: str, watch: Stopwatch) -> None:
    """Log `Session saved for chat_id 42 (1.5 ms)`; a chat_id cannot begin a line of its own."""
    shown = chat_id if chat_id.isprintable() else ascii(chat_id)
    log.info("Session %s for chat_id %s (%.1f ms)", event, shown, watch.ms, extra=fields(watch))
