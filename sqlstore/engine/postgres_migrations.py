"""Migrations on PostgreSQL: each is one transaction on a connection of the runner's own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.migration_book import (
    History,
    book_definition,
    book_query,
    book_upgrade,
    delete_row,
    history_of,
    insert_row,
    now_text,
    set_state,
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
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_errors import translate
from sqlstore.engine.postgres_indexes import drop_invalid, index_state
from sqlstore.engine.postgres_migration_lock import LockedConnection, Retry, own_connection
from sqlstore.engine.postgres_scripts import SAVEPOINT, execute, execute_whole, script_error
from sqlstore.engine.values import timestamp_text

TABLES: Final = """
    SELECT relname, CASE
        WHEN relname <> 'migrations' THEN ''
        WHEN NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'checksum') THEN 'foreign'
        WHEN NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'accepted') THEN 'old'
        ELSE 'current' END
    FROM pg_class AS c
    WHERE relkind IN ('r', 'p') AND relnamespace = to_regnamespace(quote_ident(current_schema()))"""
_OPEN_TRANSACTIONS: Final = """
    SELECT string_agg(format('process %s (%s)', pid, application_name), ', ' ORDER BY xact_start)
    FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()"""
_HISTORY_CHANGED: Final = "SQ002"
"""A SQLSTATE that only _Known.check raises."""
_MOST_TRIES, _RETRY_LIMIT_S = 10, 120.0


@dataclass(frozen=True, slots=True)
class _Known:
    """A store's rows in the book, as far as they tell whether another session changed them."""

    store: str
    count: int
    newest: int | None
    applied_at: str | None

    @property
    def check(self) -> str:
        """SQL that raises _HISTORY_CHANGED where they did."""
        newest = "NULL" if self.newest is None else self.newest
        applied_at = "NULL" if self.applied_at is None else f"'{self.applied_at}'"
        return (
            "DO $sqlstore$BEGIN IF (SELECT ROW(count(*), max(version), max(applied_at)) IS DISTINCT FROM "
            f"ROW({self.count}::bigint, {newest}::bigint, {applied_at}::timestamptz) "
            f"FROM migrations WHERE store = '{self.store}') "
            f"THEN RAISE SQLSTATE '{_HISTORY_CHANGED}'; END IF; END$sqlstore$; "
        )


@asynccontextmanager
async def open_session(
    driver: Driver, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[MigrationSession]:
    """A session on a connection of its own, which is closed at the end."""
    if not isinstance(driver, PostgresDriver):
        raise TypeError(f"a PostgreSQL session needs a PostgresDriver, not {type(driver).__name__}")
    async with own_connection(driver.settings, driver.timeout_s, notify) as connection:
        yield PostgresSession(connection, driver.settings.schema, lock_wait_s, notify)


class PostgresSession(LockedConnection, MigrationSession):
    """Holds one connection while migrations run."""

    def __init__(
        self, connection: asyncpg.Connection, schema: str, lock_wait_s: float, notify: Notify
    ) -> None:
        super().__init__(connection, schema, lock_wait_s, notify)
        self._has_book = False
        self._known: _Known | None = None

    async def check(self, script: Script) -> None:
        """What runs outside transactions needs a session that is ours alone."""
        if script.transaction:
            return
        # A pooler makes up the process number that it tells when one connects.
        if await self._connection.fetchval("SELECT pg_backend_pid()") != self._connection.get_server_pid():
            raise ConfigurationError(
                "a no-transaction migration cannot run through a pooler, which may change the session under it; "
                "use a direct URL of the server"
            )

    async def apply(self, change: Change, wanted: Wanted) -> Ran | None:
        """Run it, again where other sessions are in the way: 10 times, or for 120 seconds."""
        wait = LockWait(self._lock_wait_s, self._notify)
        started = time.monotonic()
        run = self._run_in_transaction if change.script.transaction else self._run_alone
        for tries in range(1, _MOST_TRIES + 1):
            try:
                return await run(change, wanted, wait)
            except Retry as retry:
                if tries == _MOST_TRIES or time.monotonic() - started > _RETRY_LIMIT_S:
                    raise script_error(retry.error) from None
                await self._pause_before_retry(tries)
            except asyncpg.PostgresError as error:
                raise script_error(error) from None
            except (asyncpg.InterfaceError, OSError) as error:
                raise translate(error) from None
        raise AssertionError("unreachable")

    async def edit(self, store: str, edit: Edit) -> None:
        """Change the book alone."""
        wait = LockWait(self._lock_wait_s, self._notify)
        try:
            async with self._locked_transaction(Script("", ()), wait):
                history = await self._history(store)
                statements = edit(history)
                await self._make_book(history)
                for sql in statements:
                    await self._connection.execute(sql)
        except Retry as retry:
            raise translate(retry.error) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise translate(error) from None

    async def _pause_before_retry(self, tries: int) -> None:
        others = await self._connection.fetchval(_OPEN_TRANSACTIONS) or "none now"
        self._notify("retry", f"other sessions hold its tables, try {tries + 1}; open transactions: {others}")
        await asyncio.sleep(0.1 * tries * random.uniform(0.5, 1.0))  # noqa: S311 - keeps no secret

    async def _run_in_transaction(self, change: Change, wanted: Wanted, wait: LockWait) -> Ran | None:
        known, self._known = self._known, None
        try:
            first = (known.check if known else "") + f"SAVEPOINT {SAVEPOINT}"
            async with self._locked_transaction(change.script, wait, first):
                if known is None:
                    history = await self._history(change.store)
                    if not wanted(history):
                        return None
                    await self._make_book(history)
                    known = _known(change.store, history)
                started = time.perf_counter()
                rows = await execute_whole(self._connection, change.script, counted=change.counted)
                duration_ms, applied_at = milliseconds_since(started), now_text()
                await self._finish(change.script, record_sql(change, duration_ms, applied_at))
        except asyncpg.PostgresError as error:
            if error.sqlstate != _HISTORY_CHANGED:
                raise
            return await self._run_in_transaction(change, wanted, wait)
        if change.record is not None:
            self._known = _Known(change.store, known.count + 1, change.version, applied_at)
        return Ran(duration_ms, rows)

    async def _finish(self, script: Script, record: str) -> None:
        """Undo what the script set, record it, and commit: in one message."""
        ended = ScriptError("the script ended the transaction; a migration must not", rolled_back=False)
        if not self._connection.is_in_transaction():
            raise ended
        settings = await self._settings(script)
        try:
            await self._commit(f"RELEASE {SAVEPOINT}; RESET ROLE; RESET ALL; {settings}; {record}; ")
        except asyncpg.InvalidSavepointSpecificationError:
            raise ended from None

    async def _run_alone(self, change: Change, wanted: Wanted, wait: LockWait) -> Ran | None:
        """Statements that refuse a transaction: the book tells when one was started and not finished."""
        key, record, script = (change.store, change.version), change.record, change.script
        write = self._connection.execute
        self._known = None
        async with self._session_lock(wait):
            await self._settle_unfinished(change)
            async with self._locked_transaction(script, wait):
                history = await self._history(change.store)
                if not wanted(history):
                    return None
                await self._make_book(history)
                started_row = record and insert_row(*key, record, "started", applied_at=now_text())
                await write(started_row or set_state(*key, "started"))
            started = time.perf_counter()
            try:
                await self._execute_alone(script)
            except ScriptError:
                await drop_invalid(self._connection, script.index)
                await write(delete_row(*key) if record else set_state(*key, "applied"))
                raise
            duration_ms = milliseconds_since(started)
            await write(set_state(*key, "applied", duration_ms) if record else delete_row(*key))
            return Ran(duration_ms, None)

    async def _execute_alone(self, script: Script) -> None:
        await self._connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        try:
            for start, end in script.statements:
                await execute(self._connection, script, start, end)
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("RESET ALL")
        if script.index and await index_state(self._connection, script.index) == "invalid":
            raise ScriptError("the index was made, but is not valid", rolled_back=False)

    async def _settle_unfinished(self, change: Change) -> None:
        """An index whose runner died while it was made: it is done, or is to be made again."""
        history = await self._history(change.store)
        index = change.script.index
        started = any(row.version == change.version and row.state == "started" for row in history.applied)
        if index is None or not started:
            return
        state = await index_state(self._connection, index)
        self._notify("notice", f"an earlier runner died while it made the index, which is {state} now")
        await drop_invalid(self._connection, index)
        key = change.store, change.version
        await self._connection.execute(set_state(*key, "applied") if state == "valid" else delete_row(*key))

    async def _history(self, store: str) -> History:
        tables = None if self._has_book else await self._connection.fetch(TABLES)
        found = history_of((), tables or ())
        if tables is not None and found.book in ("absent", "foreign"):
            return found
        rows = await self._connection.fetch(book_query(store, old=found.book == "old"))
        self._has_book = found.book != "old"
        if tables is None and not rows:
            tables = await self._connection.fetch(TABLES)
        return history_of(rows, tables or ())

    async def _make_book(self, history: History) -> None:
        """A current book, where `history` has none or an old one."""
        if history.book == "old":
            await self._connection.execute("; ".join(book_upgrade("postgres")))
        elif history.book == "absent":
            # current_schema() would not do: without the schema, tables are made in pg_temp, and lost.
            if await self._connection.fetchval("SELECT to_regnamespace($1) IS NULL", self._schema):
                await self._connection.execute(f"CREATE SCHEMA {self._schema}")
            await self._connection.execute(book_definition("postgres"))

    async def _record(self, change: Change) -> None:
        await self._connection.execute(record_sql(change, 0, now_text()))


def _known(store: str, history: History) -> _Known:
    applied = history.applied
    if not applied:
        return _Known(store, 0, None, None)
    latest = max(row.applied_at for row in applied)
    return _Known(store, len(applied), applied[-1].version, timestamp_text(latest))
