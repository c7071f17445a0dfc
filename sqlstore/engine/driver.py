"""What a driver does: few verbs, each with one return contract on both engines.

A `Statement` is a named query made ready for one engine. An `Executor` runs it:
a `Driver` in a transaction of its own (committed when the call returns), a
`Transaction` inside the one that is held.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

from sqlstore.engine.errors import (
    Conflict,
    DatabaseError,
    DeadlineExceeded,
    TransactionAborted,
    UsageError,
)
from sqlstore.engine.observe import NOBODY, Reporter
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.values import Bound, Engine
from sqlstore.engine.vitals import Load, Probe

T = TypeVar("T")
Kind = Literal["one", "many", "stream", "value", "changed"]
Rows = Sequence[Sequence[Any]]

DEFAULT_TIMEOUT_S: Final = 30.0
"""How long a public call may take, in seconds, waiting included."""
MAX_TRIES: Final = 20
"""How often a transaction runs that meets a Conflict: that of `run`, or of a single call."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.005, 0.5
_PACKAGE: Final = str(Path(__file__).parents[1])

_deadline: ContextVar[float | None] = ContextVar("sqlstore_deadline", default=None)
_held: ContextVar[Transaction | None] = ContextVar("sqlstore_transaction", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything inside the block that many seconds together.

    An outer deadline that ends earlier stays in force.
    """
    until = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(until if outer is None else min(outer, until))
    try:
        yield
    finally:
        _deadline.reset(token)


def call_deadline(timeout_s: float) -> float:
    """When the call that starts now must end, on time.monotonic()'s clock."""
    until = _deadline.get()
    return time.monotonic() + timeout_s if until is None else until


def calling_place() -> str:
    """File and line of the nearest caller outside of sqlstore, for warnings."""
    frame = sys._getframe(1)  # noqa: SLF001 - as the warnings module does
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def conflict_pause_s(attempt: int, until: float, error: DatabaseError) -> float:
    """How long to wait before a transaction that met a Conflict runs again, in seconds.

    attempt: how often it has run. until: on time.monotonic()'s clock. Raises the error where it
    has run often enough, DeadlineExceeded where no time is left.
    """
    if attempt == MAX_TRIES:
        raise error
    pause_s: float = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)
    pause_s *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads the tries, keeps no secret
    if time.monotonic() + pause_s > until:
        raise DeadlineExceeded(
            "other transactions were first until the time was up; nothing was written", code=error.code
        ) from error
    return pause_s


@dataclass(frozen=True, slots=True, eq=False)
class Statement(Generic[T]):
    """A named query, ready for one engine.

    - name: `chatbot.users.get`; source: `sql/chatbot/users.sql:12`.
    - sql: with `?` (SQLite) or `$1::bigint` (PostgreSQL) as placeholders.
    - kind: what `result` makes of the rows.
    - columns: the names the rows must have, in order; None where any will do.
    - encode(*arguments): through the value gate to what is bound, in placeholder
      order; raises InvalidValue. TypeError for a wrong number of arguments.
    - result(rows, changed): the call's answer; raises TooManyRows.
    - parameters: the declared names, in the order of encode's arguments.
    """

    name: str
    source: str
    sql: str
    kind: Kind
    columns: tuple[str, ...] | None
    encode: Callable[..., tuple[Bound, ...]]
    result: Callable[[Rows, int], T]
    parameters: tuple[str, ...] = ()


class Executor(ABC):
    """Something that runs statements: a driver, or a transaction."""

    engine: Engine

    @abstractmethod
    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement and give what its kind promises.

        Raises InvalidValue before any I/O, else a member of DatabaseError.
        """

    @abstractmethod
    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this engine's full-text query, which finds at least what the terms mean.

        scope: words of the index that a row must have besides, such as those of its owner.
        """

    @abstractmethod
    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Run a `:changed` statement once for each row of arguments, all or none.

        Returns the number of rows changed. `[]` does nothing and gives 0.
        """


class Transaction(Executor):
    """A transaction that is held. Leaving its block commits; an exception rolls back.

    A statement that fails marks it failed, on both engines: every later call and
    the commit raise TransactionAborted. A `savepoint()` block lets the caller go on.
    """

    driver: Driver
    active: bool
    failed: DatabaseError | None

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[Transaction]:
        """A block that can fail alone: an exception undoes what it did, no more."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit; raises unless the database said COMMIT. Called by `Driver.transaction`."""

    @abstractmethod
    async def rollback(self) -> None:
        """Undo everything; never raises. Called by `Driver.transaction`."""

    def check_usable(self) -> None:
        """Raise UsageError after the end, TransactionAborted after a failure."""
        if not self.active:
            raise UsageError("this transaction has ended; use it only inside its `async with` block")
        if self.failed is not None:
            raise TransactionAborted(
                "a statement failed in this transaction before; leave the block, "
                "and put what may fail into `async with tx.savepoint()`",
                query=self.failed.query,
            ) from self.failed


class Driver(Executor):
    """One database, open."""

    address: str
    """Where the database is, without a password; for messages."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """How long a public call may take where no `deadline` block says otherwise, in seconds."""
    reporter: Reporter = NOBODY
    """Is told what happens here."""

    @abstractmethod
    async def open(self) -> None:
        """Connect. Raises ConfigurationError, Unavailable, CorruptDatabase and their like."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what runs, refuse what comes, let go of everything; at most 2 seconds."""

    @abstractmethod
    async def prepare(self, statements: Iterable[Statement[Any]]) -> None:
        """Get a store's statements ready; raises StatementError for one that does not fit the tables.

        SQLite looks at all of them now, PostgreSQL at each when it first runs.
        """

    @abstractmethod
    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a plain SELECT without parameters: for the migration runner and checks."""

    @abstractmethod
    async def probe(self) -> Probe:
        """Ask the database how it is. Raises what keeps it from answering."""

    @abstractmethod
    def load(self) -> Load:
        """How busy this driver is; asks nobody, may be called from any thread. All 0 when it is closed."""

    def wal_bytes(self) -> int | None:
        """Size of SQLite's write-ahead log, from the file system; None where there is none."""
        return None

    @abstractmethod
    async def backup_to(self, path: Path | None) -> Path:
        """Copy the database, while it is in use, to a file that is whole or not there at all; gives its path.

        path: None means `backups/NAME_YYYYmmdd_HHMMSS.db` beside the database, in UTC.
        Raises ConfigurationError where the database cannot do that, or the place cannot take it.
        """

    @abstractmethod
    async def vacuum(self) -> None:
        """Give back the space of deleted rows. SQLite's writers wait meanwhile; has no deadline."""

    @abstractmethod
    async def analyze(self) -> None:
        """Look at the tables anew, so that queries are planned for the rows that are there now."""

    @abstractmethod
    async def merge_search(self, table: str) -> None:
        """Put the parts of a full-text index together, in small steps beside live traffic; has no deadline.

        Words that stand in no row any more leave the index with that. table: the index, `messages_search`.
        """

    @abstractmethod
    async def checkpoint(self) -> None:
        """Called between batches of bulk work: keeps SQLite's write-ahead log small beside live traffic."""

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[Executor]:
        """A block that reads the database as it was at one moment, whatever is written meanwhile.

        For reading only; it may last for hours. A SQLite file's write-ahead log grows as
        long; a database in memory has one connection, so its other calls wait.
        """

    @abstractmethod
    async def begin(self) -> Transaction:
        """Start a transaction that the caller must end. Use `transaction()` instead."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A block that commits as one, or not at all (SERIALIZABLE on both engines).

        Raises Conflict when another transaction was first; `run` tries again.
        """
        self.check_outside_transaction()
        held = await self.begin()
        self.reporter.watch(held)
        token = _held.set(held)
        try:
            yield held
        except BaseException:
            await held.rollback()
            raise
        else:
            await held.commit()
        finally:
            _held.reset(token)

    async def run(
        self, function: Callable[[Transaction], Awaitable[T]], *, timeout_s: float | None = None
    ) -> T:
        """Run a whole transaction, again after a Conflict, and give what it returns.

        function may run several times: it must do nothing but use its transaction.
        timeout_s: for all tries together; None means the driver's own.
        """
        with deadline(self.timeout_s if timeout_s is None else timeout_s):
            until = call_deadline(self.timeout_s)
            for attempt in range(1, MAX_TRIES + 1):
                try:
                    async with self.transaction() as transaction:
                        return await function(transaction)
                except (Conflict, TransactionAborted) as error:
                    if not _is_conflict(error):
                        raise
                    pause_s = conflict_pause_s(attempt, until, error)
                    self.reporter.transaction_retried(attempt, error)
                    await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    def check_outside_transaction(self) -> None:
        """Raise UsageError where this driver's own transaction is held by the caller."""
        held = _held.get()
        if held is not None and held.driver is self and held.active:
            raise UsageError(
                "the store was used inside its own transaction; "
                "use the `tx` that `async with store.transaction() as tx` gave"
            )


def _is_conflict(error: DatabaseError) -> bool:
    """A swallowed Conflict comes back as TransactionAborted: the whole can run again too."""
    return error.retryable or isinstance(error.__cause__, Conflict)
