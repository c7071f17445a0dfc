"""The SQLite driver: one writer that shares its commits, readers beside it.

See `sqlite_session` for what the threads do and `sqlite_worker` for how calls reach them.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import weakref
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlstore.engine.address import MEMORY
from sqlstore.engine.driver import (
    DEFAULT_TIMEOUT_S,
    Driver,
    Executor,
    Statement,
    call_deadline,
    calling_place,
)
from sqlstore.engine.errors import ConfigurationError, DatabaseError, UsageError
from sqlstore.engine.observe import NOBODY, Reporter
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.sqlite_copy import back_up
from sqlstore.engine.sqlite_files import DatabaseFile
from sqlstore.engine.sqlite_jobs import Read, Work, Write, WriteMany
from sqlstore.engine.sqlite_prepare import Synchronous, configure, examine
from sqlstore.engine.sqlite_probe import load_of, probe_database
from sqlstore.engine.sqlite_search import match_text, merge_some
from sqlstore.engine.sqlite_timing import TimedWorker
from sqlstore.engine.sqlite_transaction import Exclusive, SqliteSnapshot, SqliteTransaction
from sqlstore.engine.sqlite_worker import Worker
from sqlstore.engine.unclosed import OpenMark
from sqlstore.engine.vitals import Load, Probe

T = TypeVar("T")

IDLE_LIMIT_S: Final = 5.0
"""How long a transaction may pause between two statements, in seconds: everybody else's writes wait."""
CHECKPOINT_BYTES: Final = 16 * 1024 * 1024
"""Size of the write-ahead log from which `checkpoint` cuts it."""
ANALYZED_ROWS: Final = 1000
"""How much of each index ANALYZE reads; what SQLite's documentation recommends."""
_FINISH_S, _STOP_S = 1.0, 0.8

_drivers: weakref.WeakSet[SqliteDriver] = weakref.WeakSet()
_inherited: list[SqliteDriver] = []


class SqliteDriver(Driver):
    """One SQLite database: a file, or `:memory:` where path is None.

    - timeout_s: how long a public call may take, waiting included.
    - create: whether a missing file is made; without it that is a ConfigurationError.
    - readers: how many connections read beside the writer; `:memory:` has none. One does the reads,
      the others what would wait for a long one.
    - read_only: nothing will be written, and everything that would be is refused; the file
      may then stand where nothing can be written.
    - synchronous: "full" keeps every acknowledged write through a power cut,
      "normal" may lose the last seconds and seldom waits for the disk.
    - idle_limit_s: how long a transaction may pause; then it is rolled back.
    """

    engine = "sqlite"

    def __init__(
        self,
        path: Path | None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        create: bool = True,
        readers: int = 2,
        read_only: bool = False,
        synchronous: Synchronous = "full",
        idle_limit_s: float = IDLE_LIMIT_S,
        reporter: Reporter = NOBODY,
    ) -> None:
        self.address = MEMORY if path is None else str(path)
        self.path = MEMORY if path is None else str(path.absolute())
        self.timeout_s = timeout_s
        self._file = None if path is None else DatabaseFile(path, create=create, read_only=read_only)
        self._reader_count = 0 if path is None else readers
        self._read_only = read_only
        self._synchronous: Synchronous = synchronous
        self._idle_limit_s = idle_limit_s
        self.reporter = reporter
        self._workers: list[Worker] = []
        self._writes: dict[Statement[Any], bool] = {}
        self._mark: OpenMark | None = None
        self._closed = False

    async def open(self) -> None:
        """Make the file if need be, and connect.

        Raises ConfigurationError (no such file, not a file), CorruptDatabase (empty, or
        not a database), ReadOnlyDatabase, StorageFull, DeadlineExceeded, UsageError when opened before.
        """
        if self._workers:
            raise UsageError("this driver was opened before; make a new one")
        until = call_deadline(self.timeout_s)
        self._mark = OpenMark(self.address, calling_place())
        try:
            self._writer = await self._add_worker(self._file, until)
            for _ in range(self._reader_count):
                reader = await self._add_worker(None, until)
                self._writer.closes_after.add(reader.host)
        except BaseException as error:
            await self.close()
            if isinstance(error, DatabaseError) and self.address not in str(error):
                error.args = (f"{self.address}: {error.args[0]}",)
            raise
        self._reader, *helpers = self._workers[1:] or self._workers
        self._reader.helpers = helpers
        _drivers.add(self)
        self.reporter.watch(self)

    async def _add_worker(self, file: DatabaseFile | None, until: float) -> Worker:
        address = MEMORY if self._file is None else self._file.uri
        started = time.monotonic()
        worker_type = TimedWorker if self.reporter.observers else Worker
        worker = worker_type(address, file, self._idle_limit_s)
        writer = not self._workers and not self._read_only
        self._workers.append(worker)
        settings = partial(
            configure,
            writer=writer,
            file=self._file,
            synchronous=self._synchronous,
            until=until,
        )
        await worker.do(Work(until, settings))
        self.reporter.connected(self.address, time.monotonic() - started)
        return worker

    async def close(self) -> None:
        """Finish what runs, for a second; stop it then; let go of the file and the threads."""
        self._closed = True
        if self._mark is not None:
            self._mark.clear()
        for worker in self._workers:
            worker.stop("the store is closed; open it again")
        try:
            await self._wait_for_hosts(_FINISH_S)
        finally:
            for worker in self._workers:
                worker.hurry()
        await self._wait_for_hosts(_STOP_S)

    async def _wait_for_hosts(self, seconds: float) -> None:
        hosts = [worker.host for worker in self._workers if not worker.host.done()]
        if hosts:
            await asyncio.wait(hosts, timeout=seconds)

    def __del__(self) -> None:
        if not self._workers or self._closed:
            return
        for worker in self._workers:
            worker.stop("the store was never closed")
        if self._mark is not None:
            self._mark.warn(self)

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this database's full-text query; see `sqlite_search`."""
        return match_text(terms, scope)

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement: a read beside the writer, a write with those that wait at the same time."""
        self.check_outside_transaction()
        values = statement.encode(*arguments)
        writes = self._writes.get(statement)
        if writes is None:
            writes = await self.writes(statement)
        until = call_deadline(self.timeout_s)
        if writes:
            return await self._writer.do(Write(until, statement, values))
        return await self._reader.do(Read(until, statement, values))

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Run a statement for each row in a transaction of its own, which nobody shares."""
        self._check_open()
        self.check_outside_transaction()
        encoded = [statement.encode(*row) for row in rows]
        if not encoded:
            return 0
        await self.writes(statement)
        return await self._writer.do(WriteMany(call_deadline(self.timeout_s), statement, encoded))

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a plain SELECT, beside the writer."""
        self._check_open()
        self.check_outside_transaction()
        return await self._reader.do(
            Work(call_deadline(self.timeout_s), lambda connection: connection.execute(sql).fetchall())
        )

    async def prepare(self, statements: Iterable[Statement[Any]]) -> None:
        """Compile statements and compare their columns with what is declared, once.

        Raises StatementError naming the first query that does not fit the tables.
        """
        self._check_open()
        self.check_outside_transaction()
        fresh = [statement for statement in statements if statement not in self._writes]
        if fresh:
            work = Work(call_deadline(self.timeout_s), partial(examine, statements=fresh))
            examined = await self._reader.do(work)
            self._writes.update(examined)

    async def writes(self, statement: Statement[Any]) -> bool:
        """Whether a statement writes, as SQLite says. Raises StatementError where it does not fit the tables."""
        await self.prepare([statement])
        return self._writes[statement]

    async def probe(self) -> Probe:
        """SQLite's version, and how the file is; asked beside the writer, so it takes no lock."""
        self._check_open()
        self.check_outside_transaction()
        return await self._reader.do(
            Work(call_deadline(self.timeout_s), partial(probe_database, file=self._file))
        )

    def load(self) -> Load:
        """How many jobs each connection has."""
        return load_of(() if self._closed else tuple(self._workers))

    def wal_bytes(self) -> int | None:
        """Size of the write-ahead log; None for a database in memory."""
        return None if self._file is None else self._file.log_bytes()

    async def backup_to(self, path: Path | None) -> Path:
        """Copy the database through a connection of its own: writers go on meanwhile. See `sqlite_copy`."""
        self._check_open()
        if self._file is None:
            raise ConfigurationError("a database in memory cannot be backed up; open it from a file")
        return await asyncio.to_thread(back_up, self._file.path, path)

    async def vacuum(self) -> None:
        """Write the database anew without gaps. Raises StorageFull where there is no room for both."""
        async with self.exclusive() as held:
            await held.run(_vacuum)

    async def analyze(self) -> None:
        """ANALYZE, which looks at a sample of each index."""
        async with self.exclusive() as held:
            await held.run(_analyze)

    async def merge_search(self, table: str) -> None:
        """Merge the parts of an FTS5 index, each step a write of its own."""
        first = True
        while True:
            async with self.exclusive() as held:
                merged = await held.run(partial(merge_some, table=table, first=first))
            first = False
            if not merged:
                return
            await self.checkpoint()

    async def checkpoint(self) -> None:
        """Cut the write-ahead log where it has grown beyond CHECKPOINT_BYTES, unless a reader needs it."""
        self._check_open()
        if self._file is not None and self._file.log_bytes() > CHECKPOINT_BYTES:
            await self._writer.do(Work(call_deadline(self.timeout_s), _checkpoint))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Executor]:
        """A connection of its own, in a transaction that only reads."""
        self._check_open()
        if self._file is None:
            async with self.transaction() as held:
                yield held
            return
        worker = await self._add_worker(None, call_deadline(self.timeout_s))
        try:
            snapshot = SqliteSnapshot(worker, self)
            await snapshot.begin()
            yield snapshot
        finally:
            worker.stop("the snapshot has ended")
            self._workers.remove(worker)
            await asyncio.wait([worker.host], timeout=_FINISH_S)

    async def begin(self) -> SqliteTransaction:
        """Wait for the writer and take it: BEGIN IMMEDIATE. Raises DeadlineExceeded while others hold it."""
        self._check_open()
        self.check_outside_transaction()
        held = SqliteTransaction(self, self._writer, self._writes)
        await held.take()
        return held

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Exclusive]:
        """The writer, with no transaction open, until the block ends: for migrations."""
        self._check_open()
        self.check_outside_transaction()
        held = Exclusive(self._writer, self.timeout_s)
        await held.take()
        try:
            yield held
        finally:
            await held.release()

    def refuse(self, refusal: str) -> None:
        """Refuse every call, and leave files and threads alone: they belong to another process."""
        for worker in self._workers:
            worker.refuse(refusal)

    def _check_open(self) -> None:
        if self._closed or not self._workers:
            raise UsageError("the store is not open; use it inside `async with`, or call open() first")


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    _checkpoint(connection)  # the file shrinks only now


def _analyze(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA analysis_limit = {ANALYZED_ROWS}").fetchall()
    connection.execute("ANALYZE")


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _refuse_in_child() -> None:
    """A child process must neither use nor close what its parent opened: both would damage the file."""
    for driver in list(_drivers):
        _inherited.append(driver)
        driver.refuse("the database was opened before fork(); open it again in the child process")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_in_child)
