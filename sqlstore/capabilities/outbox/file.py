"""The outbox on disk: a SQLite file whose every answer is fsynced, with the writes that wait, in order.

Writers that wait at the same time share one fsync (see `engine.sqlite`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import msgspec

from sqlstore.capabilities.outbox import rows
from sqlstore.capabilities.outbox.packing import pack
from sqlstore.capabilities.outbox.rows import DeadLetter, Record, Totals, Waiting, Write
from sqlstore.capabilities.outbox.settings import OutboxSettings
from sqlstore.engine import queries as named_queries
from sqlstore.engine.clock import now
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Transaction
from sqlstore.engine.errors import ConfigurationError, DatabaseError, Overloaded, StoreError
from sqlstore.engine.files import cannot_make, make_folders
from sqlstore.engine.queries import Queries, row_types_of
from sqlstore.engine.repository import pages
from sqlstore.engine.resources import migrations_folder, sql_folder
from sqlstore.engine.vitals import Backlog
from sqlstore.migrations import MigrationSource, migrate

SOURCE_NAME: Final = "outbox"
_FINISH: Final = "; make room, or bring the database back"


@cache
def outbox_queries() -> Queries:
    """The queries of sql/outbox."""
    return named_queries.load(sql_folder(SOURCE_NAME), "sqlite", row_types_of(rows), store=SOURCE_NAME)


class OutboxInUse(ConfigurationError):
    """Another process has this outbox open."""


class OutboxFile:
    """An open outbox. `open` it, `close` it; one event loop uses it.

    Methods raise what the engine raises for a SQLite file: StorageFull, CorruptDatabase
    (deleted or replaced while it was open), ReadOnlyDatabase …
    """

    def __init__(self, settings: OutboxSettings, *, create: bool = True) -> None:
        self.settings = settings
        self.path = settings.path.absolute()
        self._driver = make_driver("sqlite:///" + quote(str(self.path), safe="/"), create=create, readers=1)
        self._lock: int | None = None
        self._waiting: dict[str, Waiting] = {}
        self._adding: set[str] = set()
        self._keys: Counter[str] = Counter()
        self._size = self._buried_size = self._dead = 0
        self._records = outbox_queries().table("records")
        self._letters = outbox_queries().table("dead_letters")

    async def open(self, *, alone: bool = True) -> None:
        """Make the file if need be, and read what waits.

        alone: hold the lock of the one process that replays. Raises ConfigurationError
        where another holds it, and as `Driver.open` of a SQLite file.
        """
        if alone:
            self._lock = _locked(self.path)
        try:
            await self._driver.open()
            await migrate(self._driver, MigrationSource(SOURCE_NAME, migrations_folder(SOURCE_NAME)))
            await self._driver.prepare(outbox_queries())
            await self.refresh()
        except BaseException:
            await self.close()
            raise

    async def note_database(self) -> None:
        """Its database is there: from now on a SQLite file that is missing beside it was lost, and is not made."""
        await self._driver.call(outbox_queries().table("database_seen").note)

    async def close(self) -> None:
        """Let go of the file; what waits stays in it."""
        await self._driver.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def backlog(self, *, away: bool = False) -> Backlog:
        """How much it holds."""
        oldest: Waiting | None = None
        with suppress(RuntimeError):  # asked by another thread while something comes or goes
            oldest = next(iter(self._waiting.values()), None)
        return Backlog(
            records=len(self._waiting),
            size=self._size,
            oldest_s=None if oldest is None else max(0.0, (now() - oldest.created_at).total_seconds()),
            dead_letters=self._dead,
            away=away,
        )

    @property
    def stores(self) -> set[str]:
        """Whose writes wait."""
        return {waiting.store for waiting in self._waiting.values()}

    def is_waiting(self, keys: Collection[str]) -> bool:
        """Whether a write about any of these waits: later ones have to wait behind it."""
        return any(key in self._keys for key in keys)

    async def put(self, write: Write) -> None:
        """Add a record; on disk when this returns. Raises InvalidValue, and Overloaded where the outbox is full."""
        arguments, keys = pack(write.arguments), msgspec.json.encode(sorted(write.keys)).decode()
        size = len(keys.encode()) + len(arguments.encode())
        self._check_room(size)
        self._adding.add(write.id)
        self._note(Waiting(0, write.id, write.store, keys, size, write.moment))
        try:
            await self._driver.call(
                self._records.put, write.id, write.store, write.method, keys, arguments, size, write.moment
            )
        except StoreError as error:
            self._forget([write.id])
            raise _named(error, self.path) from error
        finally:  # after a cancellation it may be there: the next replay tells
            self._adding.discard(write.id)

    def listed(self) -> set[str]:
        """The ids of what should be in the file now; see `forget_missing`."""
        return self._waiting.keys() - self._adding

    def forget_missing(self, listed: Collection[str], found: Collection[str]) -> None:
        """What was listed before a reading of everything and was not found is not there, such as dropped by hand."""
        self._forget([record_id for record_id in listed if record_id not in found])

    async def next(self, after: int, limit: int) -> list[Record]:
        """The first records that stand after a place."""
        return cast("list[Record]", await self._driver.call(self._records.next, after, limit))

    async def remove(self, ids: Sequence[str]) -> int:
        """Take out what the database has now, or nobody wants; how many there were."""
        removed = await self._driver.call(self._records.remove, ids)
        self._forget(ids)
        return cast("int", removed)

    async def remove_about(self, key: str) -> int:
        """Take out everything that waits about one thing; how many there were."""
        about = [waiting.id for waiting in self._waiting.values() if key in _keys(waiting)]
        return await self.remove(about)

    async def count_try(self, record: Record) -> None:
        """A record failed once more."""
        await self._driver.call(self._records.tried, record.id)

    async def bury(self, record: Record, error: str) -> None:
        """Put a record aside, among the dead letters."""

        async def bury(held: Transaction) -> None:
            await held.call(self._letters.bury, record.id, error, now())
            await held.call(self._records.remove, [record.id])

        await self._driver.run(bury)
        self._forget([record.id])
        self._dead += 1
        self._buried_size += record.size

    def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Everything that was put aside, in order."""
        return self._stream(self._letters.all)

    async def waiting(self) -> AsyncIterator[Record]:
        """Everything that waits, in order."""
        after = 0
        while page := await self.next(after, 500):
            for record in page:
                yield record
            after = page[-1].seq

    async def find(self, record_id: str) -> Record | DeadLetter | None:
        """A record or dead letter, or None."""
        record = await self._driver.call(self._records.get, record_id)
        return cast(
            "Record | DeadLetter | None", record or await self._driver.call(self._letters.get, record_id)
        )

    async def revive(self, record_id: str) -> bool:
        """Let a dead letter be tried again, in its old place; False where there is none."""

        async def revive(held: Transaction) -> bool:
            await held.call(self._records.revive, record_id)
            return bool(await held.call(self._letters.remove, [record_id]))

        return await self._driver.run(revive)

    async def drop_letters(self, ids: Sequence[str]) -> int:
        """Delete dead letters; how many there were."""
        return cast("int", await self._driver.call(self._letters.remove, ids))

    async def refresh(self) -> None:
        """Look at what is there: another process, a command, may have put something back."""
        async for waiting in self._stream(self._records.waiting):
            if waiting.id not in self._waiting:
                self._note(waiting)
        totals: Totals = await self._driver.call(self._letters.totals)
        self._dead, self._buried_size = totals.number, totals.size

    def _check_room(self, size: int) -> None:
        settings = self.settings
        records, used = len(self._waiting) + self._dead, self._size + self._buried_size
        if records >= settings.most_records or used + size > settings.most_bytes:
            raise Overloaded(
                f"the outbox {self.path} is full ({records} records, {used} bytes): nothing was kept{_FINISH}"
            )

    def _note(self, waiting: Waiting) -> None:
        self._waiting[waiting.id] = waiting
        self._keys.update(_keys(waiting))
        self._size += waiting.size

    def _forget(self, ids: Collection[str]) -> None:
        for record_id in ids:
            waiting = self._waiting.pop(record_id, None)
            if waiting is None:
                continue
            self._size -= waiting.size
            self._keys.subtract(_keys(waiting))
            for key in _keys(waiting):
                if not self._keys[key]:
                    del self._keys[key]

    async def _stream(self, query: named_queries.Query) -> AsyncIterator[Any]:
        async for page in pages(self._driver, query, {}):
            for row in page:
                yield row


def keys_of(record: Record | Waiting | DeadLetter) -> frozenset[str]:
    """What a record is about. Raises ValueError where its keys cannot be read."""
    return frozenset(msgspec.json.decode(record.keys, type=list[str]))


def _keys(waiting: Waiting) -> frozenset[str]:
    try:
        return keys_of(waiting)
    except (ValueError, msgspec.MsgspecError):
        return frozenset()


def _named(error: StoreError, path: Path) -> StoreError:
    """The same error, which says that it is the outbox that failed."""
    if not isinstance(error, DatabaseError):
        return error
    return type(error)(f"the outbox {path} could not keep the write: {error.args[0]}", code=error.code)


def _locked(path: Path) -> int:
    """Hold `bot.outbox.db.lock`; the lock ends with the process, whatever ends it."""
    import fcntl  # noqa: PLC0415 - not on Windows

    place = path.with_name(f"{path.name}.lock")
    try:
        make_folders(path.parent)
        descriptor = os.open(place, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise cannot_make(place, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutboxInUse(
            f"another process has the outbox {path} open, and writes what waits by itself; "
            "give each process an outbox of its own"
        ) from None
    return descriptor
