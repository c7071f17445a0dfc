"""A circuit breaker: after some failures in a row nobody asks for a while, then one does."""

from __future__ import annotations

import time
from typing import Final

FAILURES: Final = 3
"""How many failures in a row open it."""
PAUSE_S: Final = 5.0
"""How long nobody asks then, in seconds."""


class CircuitBreaker:
    """Closed: everybody asks. Open: one asks in each pause; when that goes well, it is closed."""

    def __init__(self, failures: int = FAILURES, pause_s: float = PAUSE_S) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether most calls are turned away now."""
        return self._failures >= self._limit

    def admits(self) -> bool:
        """Whether this call may ask; one that may, after a pause, makes all others wait for the next."""
        if not self.is_open:
            return True
        moment = time.monotonic()
        if moment < self._until:
            return False
        self._until = moment + self._pause_s
        return True

    def succeeded(self) -> None:
        """There was an answer."""
        self._failures = 0

    def failed(self) -> None:
        """There was none."""
        self._failures += 1
        self._until = time.monotonic() + self._pause_s
