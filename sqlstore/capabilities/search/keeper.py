"""Keeps the index of an open store up to date: indexes what is pending, shortly after it was written.

It asks every few seconds, so that nothing hangs on the writes themselves, and writes of
other programs are met too. What it has not met yet, a search looks at by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Sequence
from contextvars import Context
from typing import Final

from sqlstore.capabilities.search.indexing import BATCH_ROWS, extend, index_pending, is_older, restart, states
from sqlstore.capabilities.search.maintenance import catch_up, complete, rebuild
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import StoreError
from sqlstore.engine.progress import OnProgress

PAUSE_S: Final = 2.0
"""How long after an indexing the next may come, in seconds; longer while nothing is written."""
LONGEST_PAUSE_S: Final = 16.0
_SHORTEST_PAUSE_S: Final = 0.01

_log: Final = logging.getLogger("sqlstore")


class Keeper:
    """Of one open store. Made in its event loop.

    tables: those that are searched.
    """

    def __init__(self, driver: Driver, tables: Sequence[str]) -> None:
        self._driver = driver
        self._tables = tuple(tables)
        self._loop = asyncio.get_running_loop()
        self._pause_s = PAUSE_S
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._started = False
        self._stopped = False

    async def start(self) -> None:
        """Switch search on where it is off, begin anew where the index is of an older version, and go on.

        Never fails: what could not be done, such as without the right to, is tried again later.
        """
        try:
            await self._take_up()
        except StoreError as error:
            _log.info("search could not be started yet: %s", error)
        self._wake_after(PAUSE_S)

    async def settle(self) -> None:
        """Index what is pending by now: then nothing is kept of texts that were changed or deleted before."""
        for table in self._tables:
            while await index_pending(self._driver, table) == BATCH_ROWS:
                pass

    async def complete(self, on_progress: OnProgress, *, anew: bool = False) -> None:
        """Index everything that is not indexed yet, as fast as it goes. anew: empty the indexes first.

        What the keeper does by itself waits meanwhile: it would index the same rows beside it.
        """
        async with self._turn:
            await (rebuild if anew else complete)(self._driver, self._tables, on_progress)

    async def tidy(self) -> None:
        """Index what is pending, and put the index's parts together; words that stand nowhere leave it."""
        await self.settle()
        for table in self._tables:
            await self._driver.merge_search(f"{table}_search")

    async def stop(self) -> None:
        """Stop at once; what is not indexed stays pending."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _take_up(self) -> None:
        for state in await states(self._driver):
            if state.source in self._tables and is_older(state.version):
                await restart(self._driver, state.source, state.version)
                await extend(self._driver, state.source)
        self._started = True

    def _wake_after(self, seconds: float) -> None:
        if self._stopped:
            return
        # In a context of its own: deadlines and transactions of whoever opened the store are not ours.
        self._timer = self._loop.call_later(seconds, _wake, weakref.ref(self), context=Context())

    def begin(self) -> None:
        """Start the work that is due, as a task."""
        self._task = self._loop.create_task(self._work(), context=Context())

    async def _work(self) -> None:
        started = time.monotonic()
        try:
            if not self._started:
                await self._take_up()
            async with self._turn:
                busy = [await catch_up(self._driver, table) for table in self._tables]
        except StoreError as error:
            _log.info("search could not index what is pending: %s", error)
            self._started = False
            self._pause_s = LONGEST_PAUSE_S
        else:
            self._pause_s = PAUSE_S if any(busy) else min(2 * self._pause_s, LONGEST_PAUSE_S)
            if any(busy):
                # As long as the work took: half of the time is everybody else's.
                self._wake_after(max(_SHORTEST_PAUSE_S, time.monotonic() - started))
                return
        self._wake_after(self._pause_s)


async def switch_off(driver: Driver) -> None:
    """Empty the indexes of a store; nothing is noted for them any more. Never fails, as `Keeper.start`.

    What is off is switched off again: an adoption switches all triggers of a table on.
    """
    try:
        for state in await states(driver):
            await restart(driver, state.source, state.version, off=True)
    except StoreError as error:
        _log.info("search could not be switched off: %s", error)


def _wake(keeper: weakref.ref[Keeper]) -> None:
    alive = keeper()
    if alive is not None:
        alive.begin()
