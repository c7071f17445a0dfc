"""Identifiers that a client makes: UUIDs of version 7, which sort by the time they were made.

A row whose id is made before it is sent can be sent again after a lost answer
without being stored twice. Layout (RFC 9562, section 5.7, with its method 1 for
order within a millisecond):

    48 bits  milliseconds since 1970     4 bits  version, 7
    12 bits  counter, upper part         2 bits  variant, 2
    30 bits  counter, lower part        32 bits  random
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import uuid
from typing import Final

_COUNTER_BITS: Final = 42
_COUNTER_LOWER_BITS: Final = 30
_RANDOM_BITS: Final = 32
_VERSION: Final = 7
_VARIANT: Final = 2


class _Clock:
    """Pairs of millisecond and counter, each greater than all before it, whatever the system's clock does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def tick(self) -> tuple[int, int]:
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                self._begin(now)
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._begin(self._millisecond + 1)
            return self._millisecond, self._counter

    def _begin(self, millisecond: int) -> None:
        """Start a millisecond; its counter has at least half of its range left."""
        self._millisecond = millisecond
        self._counter = secrets.randbits(_COUNTER_BITS - 1)


_clock: Final = _Clock()


def uuid7() -> uuid.UUID:
    """A new UUID of version 7, greater than every one that this process made before.

    From any thread. Those of two processes are in order by the millisecond.
    """
    millisecond, counter = _clock.tick()
    upper, lower = divmod(counter, 1 << _COUNTER_LOWER_BITS)
    value = millisecond << 80 | _VERSION << 76 | upper << 64 | _VARIANT << 62
    return uuid.UUID(int=value | lower << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8)))
