"""What a migration needs of a database: a lock, a script run, and the book of what was run.

A `MigrationSession` changes tables and book (see migration_book.py) together, in one
transaction under one lock: whatever happens, a migration is there whole and recorded, or absent.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import StatementError
from sqlstore.engine.migration_book import (
    History,
    Record,
    book_query,
    delete_row,
    history_of,
    insert_row,
)
from sqlstore.engine.pauses import Pauses
from sqlstore.engine.values import Engine

Notify: TypeAlias = Callable[[Literal["waiting", "retry", "notice"], str], None]
"""Told while a change runs: who is waited for, why it runs again, what the server says."""

DEFAULT_LOCK_TIMEOUT_S: Final = 5.0
"""How long a statement may wait for a table's lock where a file does not say, in seconds."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_FIRST_REPORT_S, _NEXT_REPORT_S = 2.0, 10.0


class ConcurrentIndex(NamedTuple):
    """What CREATE INDEX CONCURRENTLY makes; both names as the SQL has them."""

    name: str
    table: str


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
    - index: what a script outside transactions makes, if that can be told afterwards.
    """

    sql: str
    statements: tuple[tuple[int, int], ...]
    rebuilds_tables: bool = False
    transaction: bool = True
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S
    index: ConcurrentIndex | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One migration to apply, or to take back where `record` is None.

    counted: whether to say how many rows it changed; PostgreSQL then gets one statement at a time.
    """

    store: str
    version: int
    script: Script
    record: Record | None
    counted: bool = False


class Ran(NamedTuple):
    """How a script went.

    - duration_ms: the time it took. rows: how many it changed; None where that was not counted.
    - lost: what hung on tables that were made anew, and is gone: `index idx_users_name of users`.
    """

    duration_ms: int
    rows: int | None
    lost: tuple[str, ...] = ()


def record_sql(change: Change, duration_ms: int, applied_at: str) -> str:
    """What the book is to say once a change is done."""
    if change.record is None:
        return delete_row(change.store, change.version)
    return insert_row(
        change.store, change.version, change.record, "applied", applied_at=applied_at, duration_ms=duration_ms
    )


Wanted: TypeAlias = Callable[[History], bool]
"""Asked under the lock, with the history as it is now; may raise."""
Edit: TypeAlias = Callable[[History], Sequence[str]]
"""Asked under the lock, with the history as it is now, for the SQL that changes the book; may raise."""


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
    async def check(self, script: Script) -> None:
        """See, before anything is run, that the database can run a script.

        Raises ScriptError, ConfigurationError.
        """

    @abstractmethod
    async def apply(self, change: Change, wanted: Wanted) -> Ran | None:
        """Run a change and record it, in one transaction under the lock, if it is still wanted.

        `wanted` is not asked again where nobody but this session changed anything since.
        None when it was not wanted.
        Raises ScriptError, LockNotAcquired, a DatabaseError, or what `wanted` raises.
        """

    @abstractmethod
    async def edit(self, store: str, edit: Edit) -> None:
        """Change the book alone, in one transaction under the lock. Raises as `apply` does."""


class LockWait:
    """Waits for a lock by asking again, for `limit_s` seconds in all, and says so now and then."""

    def __init__(self, limit_s: float, notify: Notify) -> None:
        self._notify = notify
        self._limit_s = limit_s
        self._started = time.monotonic()
        self._report_at = _FIRST_REPORT_S
        self._pauses = Pauses(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    async def pause(self, holder: Callable[[], Awaitable[str]]) -> None:
        """Sleep a little. Raises LockNotAcquired when the time is up."""
        waited_s = time.monotonic() - self._started
        if waited_s >= self._limit_s:
            raise LockNotAcquired(waited_s, await holder())
        if waited_s >= self._report_at:
            self._report_at = waited_s + _NEXT_REPORT_S
            self._notify("waiting", f"waiting for the database, which is held by {await holder()}")
        await asyncio.sleep(min(self._pauses.take(), self._limit_s - waited_s))


def open_session(
    driver: Driver, *, lock_wait_s: float, notify: Notify
) -> AbstractAsyncContextManager[MigrationSession]:
    """A session for this driver's database. lock_wait_s: how long to wait for the lock, in seconds."""
    opened: AbstractAsyncContextManager[MigrationSession] = _module(driver.engine).open_session(
        driver, lock_wait_s=lock_wait_s, notify=notify
    )
    return opened


async def read_history(driver: Driver, store: str) -> History:
    """What is applied, by reading alone: one query where anything is."""
    try:
        rows = await driver.fetch(book_query(store))
    except StatementError:
        history = history_of((), await tables_of(driver))
        if history.book in ("absent", "foreign"):
            return history
        # An old book; or another process has just made it.
        rows = await driver.fetch(book_query(store, old=history.book == "old"))
    return history_of(rows, () if rows else await tables_of(driver))


async def tables_of(driver: Driver) -> list[tuple[Any, ...]]:
    """Name, and for the table `migrations` its BookState, of each table."""
    return await driver.fetch(_module(driver.engine).TABLES)


def as_text(driver: Driver, history: History, changes: Sequence[Change]) -> str:
    """What `apply` would send for these, in order, for the database's own shell: psql, sqlite3."""
    text: str = _module(driver.engine, "migration_text").as_text(driver, history, changes)
    return text


def terminated(script: Script) -> str:
    """A script's text, with a semicolon after its last statement too."""
    _, end = script.statements[-1] if script.statements else (0, 0)
    mark = "" if not end or script.sql[end - 1] == ";" else ";"
    return f"{script.sql[:end]}{mark}{script.sql[end:].rstrip()}\n"


def _module(engine: Engine, part: Literal["migrations", "migration_text"] = "migrations") -> Any:
    return import_module(f"sqlstore.engine.{engine}_{part}")


def milliseconds_since(started: float) -> int:
    """started: on time.perf_counter()'s clock."""
    return round((time.perf_counter() - started) * 1000)
