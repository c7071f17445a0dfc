"""The outbox of an open store: where a write goes, and when what waits goes to the database."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import Context
from dataclasses import replace
from typing import Final, Protocol
from weakref import WeakValueDictionary

from sqlstore.capabilities.outbox.answers import Durability
from sqlstore.capabilities.outbox.away import AWAY, described
from sqlstore.capabilities.outbox.file import OutboxFile
from sqlstore.capabilities.outbox.replay import OnApplied, Replayer
from sqlstore.capabilities.outbox.rows import Record, Write
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import StoreError, Unavailable
from sqlstore.engine.vitals import Backlog

IDLE_S: Final = 30.0
"""How often an outbox is looked at that nobody wrote to, in seconds: a command may have."""
_FORGET_EVERY_S: Final = 3_600.0
_log = logging.getLogger(__name__)


class Target(Protocol):
    """The store, as its outbox uses it."""

    async def reach(self) -> None:
        """Connect if need be, and see that writes are taken. Raises one of AWAY."""

    async def make(self, write: Write) -> object:
        """Make a write now; what its method gives."""

    async def try_values(self, write: Write) -> object:
        """As `make` without a database: raises InvalidValue, else Unavailable, unless nothing is to be written."""

    async def apply_records(self, records: Sequence[Record]) -> Sequence[object]:
        """Make the writes of records in one transaction."""

    async def forget_applied(self) -> None:
        """Delete old rows of `outbox_applied`."""


class Spool:
    """Of one open store. away: the database is known not to take writes, so nobody waits for it."""

    def __init__(
        self, file: OutboxFile, target: Target, store: str, on_applied: OnApplied | None = None
    ) -> None:
        self.away = False
        self.file = file
        self._target = target
        self._store = store
        self._replayer = Replayer(file, self._apply, on_applied)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._wake, self._hurried = asyncio.Event(), asyncio.Event()
        self._forget_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after it, in the background."""
        self._task = asyncio.get_running_loop().create_task(
            self._look_after(), name="sqlstore-outbox", context=Context()
        )

    async def stop(self) -> None:
        """Stop looking after it; what waits stays on disk. Close its file then."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    def backlog(self) -> Backlog:
        """How much waits; asks nobody, from any thread."""
        return self.file.backlog(away=self.away)

    async def save(self, write: Write, kept: Mapping[str, object]) -> tuple[Durability, object]:
        """Make a write now, or keep it; where it is, and what its method gave.

        kept: its arguments, as the outbox keeps them.
        Raises InvalidValue, what the tables refuse, and Overloaded or what ails the disk
        where the write cannot be kept either.
        """
        async with self._in_order(write.keys):
            if self.away or self.file.is_waiting(write.keys):
                with suppress(Unavailable):
                    return "durable", await self._target.try_values(write)  # there was nothing to write
            else:
                try:
                    with deadline(self.file.settings.patience_s):
                        return "durable", await self._target.make(write)
                except AWAY as error:
                    self.went_away(error)
            await self.put(replace(write, arguments=kept))
        return "spooled", None

    async def put(self, write: Write) -> None:
        """Keep a write, its arguments as the outbox keeps them. Raises as `OutboxFile.put`."""
        await self.file.put(write)
        self._wake.set()

    def hurry(self) -> None:
        """The database may be back: try at once."""
        self._hurried.set()
        self._wake.set()

    @property
    def replaying(self) -> asyncio.Lock:
        """Held while records are on their way to the database."""
        return self._replayer.lock

    async def replay(self) -> bool:
        """Write what waits, now; False where something has to be tried again later. Raises one of AWAY."""
        await self._target.reach()
        done = await self._replayer.replay()
        self._came_back()
        return done

    async def _apply(self, records: Sequence[Record]) -> Sequence[object]:
        given = await self._target.apply_records(records)
        self._came_back()  # it takes writes: those about other things go straight from now on
        return given

    @asynccontextmanager
    async def _in_order(self, keys: Collection[str]) -> AsyncIterator[None]:
        """Let writes that share a key go one after the other."""
        async with AsyncExitStack() as stack:
            for key in sorted(keys):
                await stack.enter_async_context(self._locks.setdefault(key, asyncio.Lock()))
            yield

    async def _look_after(self) -> None:
        pause_s = self.file.settings.first_pause_s
        while True:
            if await self._go_on():
                pause_s = self.file.settings.first_pause_s
                if not await _set_within(self._wake, IDLE_S):
                    with suppress(StoreError):
                        await self.file.refresh()
            else:
                await _set_within(self._hurried, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the tries
                pause_s = min(2 * pause_s, self.file.settings.longest_pause_s)

    async def _go_on(self) -> bool:
        """Do what is due; False where it has to be tried again."""
        self._wake.clear()
        self._hurried.clear()
        try:
            done = await self.replay()
            if done and time.monotonic() >= self._forget_at:
                await self._target.forget_applied()
                self._forget_at = time.monotonic() + _FORGET_EVERY_S
        except AWAY as error:
            self.went_away(error)
        except Exception as error:  # noqa: BLE001 - it is tried again, whatever it is
            reason = described(error)
            _log.error("The outbox could not be replayed: %s", reason, extra=self._fields(error))
        else:
            return done
        return False

    def went_away(self, error: Exception) -> None:
        """Nobody waits for the database from now on, until it was reached again."""
        if not self.away:
            _log.warning(
                "The database is away: writes go to the outbox %s (%s)",
                self.file.path, described(error), extra=self._fields(error),
            )  # fmt: skip
        self.away = True
        self._wake.set()

    def _came_back(self) -> None:
        if self.away:
            _log.warning(
                "The database is back: %d writes of the outbox are made now",
                self.backlog().records, extra=self._fields(None),
            )  # fmt: skip
        self.away = False

    def _fields(self, error: Exception | None) -> dict[str, str | None]:
        return {"store": self._store, "error": None if error is None else type(error).__name__}


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
