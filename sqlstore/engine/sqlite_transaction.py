"""The writer, held: a transaction, or exclusively for migrations."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar, cast

from sqlstore.engine.driver import Driver, Executor, Statement, Transaction, call_deadline
from sqlstore.engine.errors import DatabaseError, StoreError, UsageError
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.sqlite_jobs import (
    Commit,
    End,
    Job,
    Lease,
    Mend,
    Read,
    Step,
    Take,
    Work,
    Write,
    WriteMany,
)
from sqlstore.engine.sqlite_prepare import examine
from sqlstore.engine.sqlite_search import match_text
from sqlstore.engine.sqlite_worker import Worker

T = TypeVar("T")
_LOOK: Final = "SELECT count(*) FROM sqlite_schema"


class HeldWriter(Lease):
    """What a transaction and an exclusive hold share: taking the writer, and giving it back."""

    def __init__(self, worker: Worker, timeout_s: float) -> None:
        self._worker = worker
        self._timeout_s = timeout_s

    async def take(self) -> None:
        """Wait for the writer. Raises DeadlineExceeded, CorruptDatabase, UsageError."""
        try:
            await self._worker.do(Take(self._until(), self))
        except BaseException:
            end = End(self._until(), self)
            if self.held:  # cancelled at the very moment it was given
                with suppress(StoreError):
                    await self._worker.do(end)
            else:
                self._worker.post(end)
            raise
        self.active = True

    async def _end(self, end: type[End]) -> None:
        try:
            await self._worker.do(end(self._until(), self))
        finally:
            self.active = False

    def _until(self) -> float:
        return call_deadline(self._timeout_s)


class Exclusive(HeldWriter):
    """The writer with no transaction open, for one owner: no deadline, no idle limit."""

    begins = False
    _running: Job[Any] | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in the writer's thread and give its result.

        Errors of sqlite3 come translated, all others as they are. Cancelling interrupts the
        statement that runs and waits for work to end.
        """
        if not self.active:
            raise UsageError("the writer was given back; use it only inside its `async with` block")
        self._running = Step(self, Work(math.inf, work))
        return cast(T, await self._worker.do(self._running))

    def interrupt(self) -> None:
        """Stop the statement that runs now: `run` raises DeadlineExceeded."""
        if self._running is not None:
            self._running.abandoned = True

    async def release(self) -> None:
        """Give the writer back; a transaction that was left open is rolled back."""
        with suppress(StoreError):  # a store that was closed meanwhile took it back
            await self._end(End)


class SqliteTransaction(HeldWriter, Transaction):
    """A held transaction: BEGIN IMMEDIATE, then nobody else's statements until its end."""

    engine = "sqlite"
    begins = True

    def __init__(self, driver: Driver, worker: Worker, known: dict[Statement[Any], bool]) -> None:
        super().__init__(worker, driver.timeout_s)
        self.driver = driver
        self._known = known
        self._depth = 0

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this database's full-text query; see `sqlite_search`."""
        return match_text(terms, scope)

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement; its failure marks the transaction failed."""
        self.check_usable()
        values = statement.encode(*arguments)
        writes = await self._writes(statement)
        return await self._step((Write if writes else Read)(self._until(), statement, values))

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Run a statement for each row; a failure marks the transaction failed."""
        self.check_usable()
        encoded = [statement.encode(*row) for row in rows]
        if not encoded:
            return 0
        await self._writes(statement)
        return await self._step(WriteMany(self._until(), statement, encoded))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Transaction]:
        """A SAVEPOINT; yields this same transaction."""
        self.check_usable()
        self._depth += 1
        name = f"sqlstore_{self._depth}"
        try:
            await self._control(f"SAVEPOINT {name}")
            try:
                yield self
                await self._control(f"RELEASE {name}")
            except BaseException:
                await self._return_to(name)
                raise
        finally:
            self._depth -= 1

    async def commit(self) -> None:
        """Commit. Raises TransactionAborted after a failure, OutcomeUnknown when the disk fails in it."""
        if not self.active:
            self.check_usable()
        await self._end(Commit)

    async def rollback(self) -> None:
        """Undo everything; does nothing after the end."""
        if self.active:
            with suppress(StoreError):  # the thread has rolled back already, or the store was closed
                await self._end(End)

    def check_usable(self) -> None:
        """Raise what took the transaction away, UsageError after its end, TransactionAborted after a failure."""
        if self.lost is not None:
            raise self.lost
        Transaction.check_usable(self)

    async def _step(self, job: Job[T]) -> T:
        try:
            return await self._worker.do(Step(self, job))
        except DatabaseError as error:
            self.failed = self.failed or error  # the thread does not know of a step that was given up
            raise

    async def _writes(self, statement: Statement[Any]) -> bool:
        """Whether a statement writes: asked here, where tables made in this transaction are seen."""
        if statement not in self._known:
            examined = await self._step(Work(self._until(), partial(examine, statements=[statement])))
            self._known.update(examined)
        return self._known[statement]

    async def _control(self, sql: str) -> None:
        await self._step(Work(self._until(), lambda connection: _execute_all(connection, sql)))

    async def _return_to(self, savepoint: str) -> None:
        both = Work(
            self._until(),
            lambda connection: _execute_all(connection, f"ROLLBACK TO {savepoint}", f"RELEASE {savepoint}"),
        )
        with suppress(StoreError):  # the transaction stays marked as failed
            await self._worker.do(Mend(self, both))


class SqliteSnapshot(Executor):
    """Reads through a connection of its own, all in one transaction."""

    engine = "sqlite"

    def __init__(self, worker: Worker, driver: Driver) -> None:
        self._worker = worker
        self._driver = driver

    async def begin(self) -> None:
        """BEGIN sees nothing yet: the first read decides what is seen.

        What sorts a whole table does so on disk, not in memory.
        """
        settings = ("PRAGMA temp_store = FILE", "BEGIN", _LOOK)
        await self._worker.do(Work(self._until(), lambda connection: _execute_all(connection, *settings)))

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this database's full-text query; see `sqlite_search`."""
        return match_text(terms, scope)

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement that reads."""
        return await self._worker.do(Read(self._until(), statement, statement.encode(*arguments)))

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Refused: a snapshot only reads."""
        raise UsageError(f"{statement.name}: a snapshot only reads, it takes no {len(rows)} rows to write")

    def _until(self) -> float:
        return call_deadline(self._driver.timeout_s)


def _execute_all(connection: sqlite3.Connection, *statements: str) -> None:
    for sql in statements:
        connection.execute(sql)
