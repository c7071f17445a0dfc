"""Migrations on SQLite: each is one job in the driver's writer thread.

SQLite has no lock by name and needs none: BEGIN IMMEDIATE admits one writer, and
nothing of it survives the process. Statements are run one by one, because
`executescript` commits whatever is open.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final, TypeAlias, TypeVar

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import (
    History,
    book_definition,
    book_query,
    book_upgrade,
    history_of,
    now_text,
)
from sqlstore.engine.migration_session import (
    Change,
    Edit,
    LockWait,
    MigrationSession,
    Notify,
    Ran,
    Script,
    ScriptError,
    Wanted,
    milliseconds_since,
    record_sql,
)
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.engine.sqlite_errors import primary_code, translate
from sqlstore.engine.sqlite_lock import lock_holder
from sqlstore.engine.sqlite_transaction import Exclusive

T = TypeVar("T")
TABLES: Final = """
    SELECT name, CASE
        WHEN name <> 'migrations' THEN ''
        WHEN NOT EXISTS (SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'checksum') THEN 'foreign'
        WHEN NOT EXISTS (SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'accepted') THEN 'old'
        ELSE 'current' END
    FROM sqlite_schema WHERE type = 'table'"""
_BUSY_TIMEOUT_MS = 200
"""How long SQLite itself asks for the lock before the runner has a word."""

_Violations: TypeAlias = "Counter[tuple[str, int | None, str, int]]"
"""Rows that point at nothing: table, rowid, parent table, which of the table's foreign keys."""


class _Busy(Exception):
    """Another connection writes."""


@asynccontextmanager
async def open_session(
    driver: Driver, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[MigrationSession]:
    """A session on the driver's own writer, so that `:memory:` works too."""
    if not isinstance(driver, SqliteDriver):
        raise TypeError(f"a SQLite session needs a SqliteDriver, not {type(driver).__name__}")
    async with driver.exclusive() as exclusive:
        yield SqliteSession(exclusive, driver.address, lock_wait_s, notify)


class SqliteSession(MigrationSession):
    """Holds the driver's writer while migrations run."""

    def __init__(self, exclusive: Exclusive, path: str, lock_wait_s: float, notify: Notify) -> None:
        self._exclusive = exclusive
        self._path = path
        self._lock_wait_s = lock_wait_s
        self._notify = notify
        self._asked_at: int | None = None

    async def check(self, script: Script) -> None:
        """SQLite's own parser must agree with ours on where each statement ends."""
        for start, end in script.statements:
            if not sqlite3.complete_statement(script.sql[start:end].rstrip(";") + ";"):
                raise ScriptError("the end of this statement cannot be told; end it with `;`", offset=start)

    async def apply(self, change: Change, wanted: Wanted) -> Ran | None:
        """Run it in one job, again and again while somebody else writes."""
        work = self._run_in_transaction if change.script.transaction else self._run_alone
        return await self._when_free(partial(work, change=change, wanted=wanted))

    async def edit(self, store: str, edit: Edit) -> None:
        """Change the book alone."""

        def work(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                history = history_in(connection, store)
                statements = edit(history)
                make_book(connection, history)
                for sql in statements:
                    connection.execute(sql)

        await self._when_free(work)

    async def _when_free(self, work: Callable[[sqlite3.Connection], T]) -> T:
        wait = LockWait(self._lock_wait_s, self._notify)
        while True:
            try:
                return await self._exclusive.run(work)
            except _Busy:
                self._asked_at = None
                await wait.pause(self._holder)
            except BaseException:
                self._asked_at = None
                raise

    async def _holder(self) -> str:
        return lock_holder(self._path)

    def _run_in_transaction(
        self, connection: sqlite3.Connection, change: Change, wanted: Wanted
    ) -> Ran | None:
        with _foreign_keys_off(connection, needed=change.script.rebuilds_tables), _transaction(connection):
            if not self._is_wanted(connection, change, wanted):
                return None
            violations = _violations(connection)
            hanging = _hanging(connection) if change.script.rebuilds_tables else None
            started, before = time.perf_counter(), connection.total_changes
            _execute_all(connection, change.script)
            duration_ms, rows = milliseconds_since(started), connection.total_changes - before
            lost = () if hanging is None else tuple(_lost(connection, hanging, change.script))
            ran = Ran(duration_ms, rows, lost)
            _check_violations(violations, _violations(connection))
            record_change(connection, change, ran.duration_ms)
            return ran

    def _run_alone(self, connection: sqlite3.Connection, change: Change, wanted: Wanted) -> Ran | None:
        """VACUUM and PRAGMA: run again without harm where the process died before recording them."""
        with _transaction(connection):
            if not self._is_wanted(connection, change, wanted):
                return None
        started = time.perf_counter()
        for start, end in change.script.statements:
            execute_statement(connection, change.script, start, end)
        duration_ms = milliseconds_since(started)
        with _transaction(connection):
            if not self._is_wanted(connection, change, wanted):
                return None
            record_change(connection, change, duration_ms)
        return Ran(duration_ms, None)

    def _is_wanted(self, connection: sqlite3.Connection, change: Change, wanted: Wanted) -> bool:
        """Ask, unless no other connection has committed anything since that was asked before."""
        (data_version,) = connection.execute("PRAGMA data_version").fetchone()
        if data_version == self._asked_at:
            return True
        history = history_in(connection, change.store)
        if not wanted(history):
            return False
        make_book(connection, history)
        self._asked_at = data_version
        return True


def _execute_all(connection: sqlite3.Connection, script: Script) -> None:
    for start, end in script.statements:
        execute_statement(connection, script, start, end)
        if not connection.in_transaction:
            raise ScriptError(
                "the statement ended the transaction; a migration must not", offset=start, rolled_back=False
            )


def _hanging(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Indexes and triggers, and the table of each."""
    found = connection.execute(
        "SELECT type, name, tbl_name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    )
    return {(kind, name): table for kind, name, table in found}


def _lost(
    connection: sqlite3.Connection, before: dict[tuple[str, str], str], script: Script
) -> Iterator[str]:
    """What went with a table that is there again, unless the script drops it by name."""
    after = _hanging(connection)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for (kind, name), table in before.items():
        dropped = re.search(rf"DROP\s+{kind}\b[^;]*\b{re.escape(name)}\b", script.sql, re.IGNORECASE)
        if (kind, name) not in after and table in tables and not dropped:
            yield f"{kind} {name} of {table}"


@contextmanager
def _foreign_keys_off(connection: sqlite3.Connection, *, needed: bool) -> Iterator[None]:
    """The switch does nothing inside a transaction, so it stands around it."""
    if not needed:
        yield
        return
    (before,) = connection.execute("PRAGMA foreign_keys").fetchone()
    _switch_foreign_keys(connection, 0)
    try:
        yield
    finally:
        _switch_foreign_keys(connection, before)


def _switch_foreign_keys(connection: sqlite3.Connection, value: int) -> None:
    connection.execute(f"PRAGMA foreign_keys = {value}")
    (now,) = connection.execute("PRAGMA foreign_keys").fetchone()
    if now != value:
        raise ScriptError("SQLite did not switch its foreign keys; is a transaction open?")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    (busy_timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            raise _Busy from None
        raise translate(error) from None
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")


def history_in(connection: sqlite3.Connection, store: str) -> History:
    """What the book says about a store, inside the transaction that is open."""
    tables = connection.execute(TABLES).fetchall()
    history = history_of((), tables)
    if history.book in ("absent", "foreign"):
        return history
    query = book_query(store, old=history.book == "old")
    return history_of(connection.execute(query).fetchall(), tables)


def execute_statement(connection: sqlite3.Connection, script: Script, start: int, end: int) -> None:
    """Run one statement of a script. Raises ScriptError."""
    try:
        connection.execute(script.sql[start:end]).fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            raise _Busy from None
        code = getattr(error, "sqlite_errorname", None)
        raise ScriptError(str(error), code=code, offset=start, rolled_back=script.transaction) from None


def _violations(connection: sqlite3.Connection) -> _Violations:
    return Counter(connection.execute("PRAGMA foreign_key_check"))


def _check_violations(before: _Violations, after: _Violations) -> None:
    new = after - before
    if not new:
        return
    table, rowid, parent, _ = next(iter(new))
    raise ScriptError(
        f"{new.total()} rows would point at nothing, the first in table {table} (rowid {rowid}), "
        f"which refers to {parent}; keep or remove these rows in the migration",
        code="SQLITE_CONSTRAINT_FOREIGNKEY",
    )


def record_change(connection: sqlite3.Connection, change: Change, duration_ms: int) -> None:
    """Write a change into the book, which is there."""
    connection.execute(record_sql(change, duration_ms, now_text()))


def make_book(connection: sqlite3.Connection, history: History) -> None:
    """A current book, where `history` has none or an old one."""
    if history.book == "absent":
        connection.execute(book_definition("sqlite"))
    elif history.book == "old":
        for sql in book_upgrade("sqlite"):
            connection.execute(sql)
