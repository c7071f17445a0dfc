"""Turns: who comes first, in one process and between several."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from typing import Final

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25


class Turns:
    """Tasks of one process that want the same wait for each other here, not in the database."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._wanted: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def of(self, place: Hashable) -> AsyncGenerator[None, None]:
        """A block in which one task at a time is, in the order they came."""
        lock = self._locks.setdefault(place, asyncio.Lock())
        self._wanted[place] += 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[place] -= 1
            if not self._wanted[place]:
                del self._locks[place], self._wanted[place]


class Pauses:
    """Longer and longer ones, of which no two processes have the same."""

    def __init__(self) -> None:
        self._pause_s = _FIRST_PAUSE_S

    async def wait(self) -> None:
        """Once more, at most a quarter of a second."""
        await asyncio.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the tries
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 1.5)
