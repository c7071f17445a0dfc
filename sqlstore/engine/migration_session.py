"""What a migration needs of a database: a lock, a script run, and the book of what was run.

The book is the table `migrations`, one for all stores of a database. A
`MigrationSession` changes tables and book together, in one transaction under
one lock: whatever happens, a migration is there whole and recorded, or absent.
"""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import StatementError
from sqlstore.engine.resources import book_folder
from sqlstore.engine.values import Engine

Notify: TypeAlias = Callable[[Literal["waiting", "retry", "notice"], str], None]
"""Told while a change runs: who is waited for, why it runs again, what the server says."""

BOOK_COLUMNS: Final = (
    "version, name, checksum, fingerprint, applied_at, duration_ms, applied_by, runner, state"
)
Moment: TypeAlias = datetime | str
"""SQLite keeps time as text."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _PAUSE_GROWTH = 0.02, 0.5, 1.5
_FIRST_REPORT_S, _NEXT_REPORT_S = 2.0, 10.0


@dataclass(frozen=True, slots=True)
class Script:
    """SQL to run whole.

    - sql: the text as the file has it.
    - statements: where each statement starts and ends in it.
    - rebuilds_tables: foreign keys must be off on SQLite, or DROP TABLE deletes the rows that
      point at the table.
    - transaction: False for a statement that cannot run inside one.
    - lock_timeout_s: how long a statement may wait for a table's lock on PostgreSQL, and
      make others wait behind it, before the script is rolled back and tried again.
    """

    sql: str
    statements: tuple[tuple[int, int], ...]
    rebuilds_tables: bool = False
    transaction: bool = True
    lock_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """What the book keeps of a migration that is being applied."""

    name: str
    checksum: str
    fingerprint: str
    applied_by: str
    runner: str
    up_sql: str
    down_sql: str | None

    def row(
        self, version: int, now: Moment, duration_ms: int, state: str
    ) -> tuple[int | str | Moment | None, ...]:
        """The values of BOOK_COLUMNS, up_sql and down_sql."""
        return (
            version,
            self.name,
            self.checksum,
            self.fingerprint,
            now,
            duration_ms,
            self.applied_by,
            self.runner,
            state,
            self.up_sql,
            self.down_sql,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One migration to apply, or to take back where `record` is None."""

    store: str
    version: int
    script: Script
    record: Record | None


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of the book. state is "applied", or "started" for one that was not finished."""

    version: int
    name: str
    checksum: str
    fingerprint: str
    applied_at: datetime
    duration_ms: int
    applied_by: str
    runner: str
    state: str


@dataclass(frozen=True, slots=True)
class History:
    """What the database says about one store's migrations.

    - applied: in order of version.
    - tables: names of all tables, looked up only while nothing is applied.
    - foreign_book: a table `migrations` is there that is not ours.
    """

    applied: tuple[Applied, ...]
    tables: frozenset[str] = frozenset()
    foreign_book: bool = False


Wanted: TypeAlias = Callable[[History], bool]
"""Asked under the lock, with the history as it is now; may raise."""


class ScriptError(Exception):
    """The database refused a script.

    offset: 0-based offset in the script's text, or None where the database does not tell.
    rolled_back: False where the script ran outside a transaction, or ended it.
    """

    def __init__(
        self,
        problem: str,
        *,
        code: str | None = None,
        offset: int | None = None,
        rolled_back: bool = True,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.code = code
        self.offset = offset
        self.rolled_back = rolled_back


class LockNotAcquired(Exception):
    """The lock was not free for the time that was allowed."""

    def __init__(self, waited_s: float, holder: str) -> None:
        super().__init__(holder)
        self.waited_s = waited_s
        self.holder = holder


class MigrationSession(ABC):
    """Applies changes to one database, one after the other."""

    @abstractmethod
    async def apply(self, change: Change, wanted: Wanted) -> int | None:
        """Run a change and record it, in one transaction under the lock, if it is still wanted.

        Gives the milliseconds that the script took, or None when it was not wanted.
        Raises ScriptError, LockNotAcquired, a DatabaseError, or what `wanted` raises.
        """


class LockWait:
    """Waits for a lock by asking again, for `limit_s` seconds in all, and says so now and then."""

    def __init__(self, limit_s: float, notify: Notify) -> None:
        self._notify = notify
        self._limit_s = limit_s
        self._started = time.monotonic()
        self._report_at = _FIRST_REPORT_S
        self._pause_s = _FIRST_PAUSE_S

    async def pause(self, holder: Callable[[], Awaitable[str]]) -> None:
        """Sleep a little. Raises LockNotAcquired when the time is up."""
        waited_s = time.monotonic() - self._started
        if waited_s >= self._limit_s:
            raise LockNotAcquired(waited_s, await holder())
        if waited_s >= self._report_at:
            self._report_at = waited_s + _NEXT_REPORT_S
            self._notify("waiting", f"waiting for the database, which is held by {await holder()}")
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the tries, keeps no secret
        await asyncio.sleep(min(pause_s, self._limit_s - waited_s))
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * _PAUSE_GROWTH)


def open_session(
    driver: Driver, *, lock_wait_s: float, notify: Notify
) -> AbstractAsyncContextManager[MigrationSession]:
    """A session for this driver's database. lock_wait_s: how long to wait for the lock, in seconds."""
    opened: AbstractAsyncContextManager[MigrationSession] = _module(driver.engine).open_session(
        driver, lock_wait_s=lock_wait_s, notify=notify
    )
    return opened


def book_query(store: str) -> str:
    """The SELECT of a store's rows; the same on both engines. `store` is a checked name."""
    return f"SELECT {BOOK_COLUMNS} FROM migrations WHERE store = '{store}' ORDER BY version"


@cache
def book_definition(engine: Engine) -> str:
    """The CREATE TABLE of the book."""
    return (book_folder() / f"book.{engine}.sql").read_text(encoding="utf-8")


async def read_history(driver: Driver, store: str) -> History:
    """What is applied, by reading alone: one query where anything is."""
    try:
        rows = await driver.fetch(book_query(store))
    except StatementError:
        history = history_of((), await _tables(driver))
        if history.foreign_book or "migrations" not in history.tables:
            return history
        rows = await driver.fetch(book_query(store))  # another process has just made the book
    return history_of(rows, () if rows else await _tables(driver))


def history_of(rows: Iterable[Sequence[Any]], tables: Iterable[Sequence[Any]]) -> History:
    """From rows of `book_query`, and of the engine's TABLES: name, and whether it is not a foreign book."""
    found = {name: bool(ours) for name, ours in tables}
    return History(
        tuple(_applied(row) for row in rows),
        frozenset(found),
        foreign_book=not all(found.values()),
    )


def _applied(row: Sequence[Any]) -> Applied:
    values = list(row)
    values[4] = _moment(values[4])
    return Applied(*values)


async def _tables(driver: Driver) -> list[tuple[Any, ...]]:
    return await driver.fetch(_module(driver.engine).TABLES)


def _module(engine: Engine) -> Any:
    return import_module(f"sqlstore.engine.{engine}_migrations")


def milliseconds_since(started: float) -> int:
    """started: on time.perf_counter()'s clock."""
    return round((time.perf_counter() - started) * 1000)


def _moment(value: Moment) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
