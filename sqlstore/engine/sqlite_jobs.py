"""What the thread of a SQLite connection is given to do: jobs, and leases of the writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import DatabaseError, StoreError
from sqlstore.engine.sqlite_errors import translate
from sqlstore.engine.values import Bound

T = TypeVar("T")

WAITING: Final = 0
LOCKING: Final = 1
STARTED: Final = 2
ANSWERED: Final = 3


def execute(
    connection: sqlite3.Connection, sql: str, values: Sequence[Bound]
) -> tuple[list[tuple[Any, ...]], int]:
    """Run a writing statement to its end; gives its rows and the number of rows it changed."""
    cursor = connection.execute(sql, values)
    rows = cursor.fetchall()
    changed = cursor.rowcount
    if changed < 0:  # sqlite3 does not count for `WITH … INSERT`
        (changed,) = connection.execute("SELECT changes()").fetchone()
    return rows, changed


class Job(Generic[T]):
    """One thing to do, and its answer.

    - deadline: on time.monotonic()'s clock.
    - state: WAITING in the queue, LOCKING while the thread asks for the write lock on its
      behalf, STARTED when it runs, ANSWERED once the caller knows the outcome.
    - abandoned: nobody wants the answer any more; stop it if it can be undone.
    - query: the named query, for messages. writes: whether a lost answer leaves the outcome unknown.
    - must_run: a cancelled caller does not withdraw it.
    - started: when it was STARTED, on time.monotonic()'s clock; set by a TimedWorker alone.
    """

    __slots__ = ("abandoned", "deadline", "error", "future", "query", "result", "started", "state")
    future: asyncio.Future[T]
    started: float
    result: T
    writes: ClassVar[bool] = False
    must_run: ClassVar[bool] = False

    def __init__(self, deadline: float, query: str | None = None) -> None:
        self.deadline = deadline
        self.query = query
        self.state = WAITING
        self.abandoned = False
        self.error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> T:
        """Do it, in the thread of the connection."""
        raise NotImplementedError

    def failure(self, error: BaseException) -> Exception:
        """What the caller is told when `run` raises."""
        return translate(error, query=self.query)


AnyJob: TypeAlias = Job[Any]


class Read(Job[T]):
    """A statement that writes nothing."""

    __slots__ = ("statement", "values")

    def __init__(self, deadline: float, statement: Statement[T], values: tuple[Bound, ...]) -> None:
        self.deadline = deadline  # as Job does: a read is the hot path, and a call of super() shows
        self.query = statement.name
        self.state = WAITING
        self.abandoned = False
        self.error = None
        self.statement = statement
        self.values = values

    def run(self, connection: sqlite3.Connection) -> T:
        """All rows at once: a cursor left open would hold up the write-ahead log."""
        statement = self.statement
        return statement.result(connection.execute(statement.sql, self.values).fetchall(), 0)


class Write(Read[T]):
    """A statement that writes; those that wait together share a COMMIT."""

    __slots__ = ()
    writes = True

    def run(self, connection: sqlite3.Connection) -> T:
        """The answer is made before COMMIT, so that one row too many undoes the write."""
        rows, changed = execute(connection, self.statement.sql, self.values)
        return self.statement.result(rows, changed)


class WriteMany(Job[int]):
    """A statement run once for each row, in a transaction of its own."""

    __slots__ = ("rows", "statement")
    writes = True

    def __init__(self, deadline: float, statement: Statement[int], rows: Sequence[tuple[Bound, ...]]) -> None:
        super().__init__(deadline, statement.name)
        self.statement = statement
        self.rows = rows

    def run(self, connection: sqlite3.Connection) -> int:
        """The number of rows changed by all runs together."""
        sql = self.statement.sql
        return sum(execute(connection, sql, values)[1] for values in self.rows)


class Work(Job[T]):
    """A function of the connection that writes nothing through transactions of its own."""

    __slots__ = ("_function",)

    def __init__(self, deadline: float, function: Callable[[sqlite3.Connection], T]) -> None:
        super().__init__(deadline)
        self._function = function

    def run(self, connection: sqlite3.Connection) -> T:
        """What the function returns."""
        return self._function(connection)

    def failure(self, error: BaseException) -> Exception:
        """Errors of sqlite3 translated, the function's own as they are."""
        if isinstance(error, sqlite3.Error | sqlite3.Warning | MemoryError):
            return translate(error, bound=False)
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            return error
        return RuntimeError(f"the function raised {type(error).__name__}")  # a future cannot carry it


class Lease:
    """The writer held by one owner: only its steps run until it ends.

    - begins: whether a transaction is opened with it, which a pause then ends.
    - held: the thread serves it now. active: the owner has it.
    - failed: a step failed, or SQLite rolled back by itself.
    - lost: why it was taken away (idle too long, store closed), None while it was not.
    """

    begins: bool
    held: bool = False
    active: bool = False
    failed: DatabaseError | None = None
    lost: StoreError | None = None

    def check_usable(self) -> None:
        """Raise unless a step may run."""
        if self.lost is not None:
            raise self.lost


class Take(Job[None]):
    """The wish for a lease."""

    __slots__ = ("lease",)

    def __init__(self, deadline: float, lease: Lease) -> None:
        super().__init__(deadline)
        self.lease = lease
        self.result = None


class Step(Job[T]):
    """A job inside a lease."""

    __slots__ = ("job", "lease")

    def __init__(self, lease: Lease, job: Job[T]) -> None:
        super().__init__(job.deadline, job.query)
        self.lease = lease
        self.job = job

    def run(self, connection: sqlite3.Connection) -> T:
        """As the job itself."""
        return self.job.run(connection)

    def failure(self, error: BaseException) -> Exception:
        """As the job itself."""
        return self.job.failure(error)


class Mend(Step[T]):
    """The way back to a savepoint: runs after a failure, and takes the mark away."""

    __slots__ = ()
    must_run = True


class End(Job[None]):
    """The end of a lease: rolled back."""

    __slots__ = ("lease",)
    must_run = True

    def __init__(self, deadline: float, lease: Lease) -> None:
        super().__init__(deadline)
        self.lease = lease
        self.result = None


class Commit(End):
    """The end of a lease: committed, or rolled back and an error."""

    __slots__ = ()
    writes = True
