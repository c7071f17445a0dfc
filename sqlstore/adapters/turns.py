"""Turns: who comes first among the tasks of one process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager


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
