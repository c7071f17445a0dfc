"""Migrations on PostgreSQL: each is one transaction on a connection of the runner's own.

The lock is an advisory one, asked for again and again and never waited for in the
server, so that it works behind a pooler and does not deadlock with
CREATE INDEX CONCURRENTLY. It ends with the transaction, and so with the process.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import asyncpg

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import Unavailable
from sqlstore.engine.migration_session import (
    BOOK_COLUMNS,
    Change,
    History,
    LockWait,
    MigrationSession,
    Notify,
    Script,
    ScriptError,
    Wanted,
    book_definition,
    book_query,
    history_of,
    milliseconds_since,
)
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_errors import translate

TABLES: Final = """
    SELECT relname, relname <> 'migrations' OR EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'checksum')
    FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = to_regnamespace(quote_ident(current_schema()))"""
_INSERT = f"""INSERT INTO migrations (store, {BOOK_COLUMNS}, up_sql, down_sql)
    VALUES ($1{"".join(f", ${number}" for number in range(2, 13))})"""
_FINISH = "UPDATE migrations SET state = 'applied', duration_ms = $3 WHERE store = $1 AND version = $2"
_DELETE = "DELETE FROM migrations WHERE store = $1 AND version = $2"
_TRY_LOCK = "SELECT CASE WHEN pg_try_advisory_xact_lock($1) THEN pg_current_xact_id()::text END"
_HOLDER = """
    SELECT format('process %s (%s, since %s)', pid, application_name,
        to_char(coalesce(xact_start, backend_start) AT TIME ZONE 'UTC', 'HH24:MI:SS UTC'))
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = $1::bigint"""
_OPEN_TRANSACTIONS = """
    SELECT string_agg(format('process %s (%s)', pid, application_name), ', ' ORDER BY xact_start)
    FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()"""
_RETRYABLE = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock_timeout
_MOST_TRIES, _RETRY_LIMIT_S = 10, 120.0
_CLOSE_LIMIT_S = 5.0


class Retry(Exception):
    """Rolled back because of other sessions; it can run again."""

    def __init__(self, error: asyncpg.PostgresError) -> None:
        super().__init__()
        self.error = error


@asynccontextmanager
async def open_session(
    driver: Driver, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[MigrationSession]:
    """A session on a connection of its own, which is closed at the end."""
    if not isinstance(driver, PostgresDriver):
        raise TypeError(f"a PostgreSQL session needs a PostgresDriver, not {type(driver).__name__}")
    async with own_connection(driver.settings, driver.timeout_s, notify) as connection:
        yield PostgresSession(connection, driver.settings.schema, lock_wait_s, notify)


@asynccontextmanager
async def own_connection(
    address: PostgresAddress, timeout_s: float, notify: Notify
) -> AsyncIterator[asyncpg.Connection]:
    """A connection without time limits, which says what the server says, and is closed at the end."""
    connection = await connect(address, timeout_s=timeout_s, application_name="sqlstore migrations")
    try:
        connection.add_log_listener(lambda _, message: notify("notice", str(message.message)))
        yield connection
    finally:
        closing = asyncio.ensure_future(connection.close(timeout=_CLOSE_LIMIT_S))
        await asyncio.wait([closing], timeout=_CLOSE_LIMIT_S)
        connection.terminate()


class PostgresSession(MigrationSession):
    """Holds one connection while migrations run."""

    def __init__(
        self, connection: asyncpg.Connection, schema: str, lock_wait_s: float, notify: Notify
    ) -> None:
        self._connection = connection
        self._schema = '"' + schema.replace('"', '""') + '"'
        self._key = _lock_key(schema)
        self._lock_wait_s = lock_wait_s
        self._notify = notify
        self._has_book = False

    async def apply(self, change: Change, wanted: Wanted) -> int | None:
        """Run it, again where other sessions are in the way: 10 times, or for 120 seconds."""
        wait = LockWait(self._lock_wait_s, self._notify)
        started = time.monotonic()
        run = self._run_in_transaction if change.script.transaction else self._run_alone
        for tries in range(1, _MOST_TRIES + 1):
            try:
                return await run(change, wanted, wait)
            except Retry as retry:
                if tries == _MOST_TRIES or time.monotonic() - started > _RETRY_LIMIT_S:
                    raise _script_error(retry.error) from None
                await self._pause_before_retry(tries)
            except asyncpg.PostgresError as error:
                raise _script_error(error) from None
            except (asyncpg.InterfaceError, OSError) as error:
                raise translate(error) from None
        raise AssertionError("unreachable")

    async def _pause_before_retry(self, tries: int) -> None:
        others = await self._connection.fetchval(_OPEN_TRANSACTIONS) or "none now"
        self._notify("retry", f"other sessions hold its tables, try {tries + 1}; open transactions: {others}")
        await asyncio.sleep(0.1 * tries * random.uniform(0.5, 1.0))  # noqa: S311 - keeps no secret

    async def _run_in_transaction(self, change: Change, wanted: Wanted, wait: LockWait) -> int | None:
        async with self._locked_transaction(change.script, wait) as transaction:
            if not wanted(await self._history(change.store)):
                return None
            await self._make_book()
            started = time.perf_counter()
            if change.script.statements:  # asyncpg does not understand the answer to an empty query
                await self._execute(change.script, 0, len(change.script.sql))
            duration_ms = milliseconds_since(started)
            await self._take_back_settings(change.script, transaction)
            await self._record(change, "applied", duration_ms)
            return duration_ms

    async def _run_alone(self, change: Change, wanted: Wanted, wait: LockWait) -> int | None:
        """Statements that refuse a transaction: the book tells when one was started and not finished."""
        row = (change.store, change.version)
        async with self._session_lock(wait):
            async with self._locked_transaction(change.script, wait):
                if not wanted(await self._history(change.store)):
                    return None
                await self._make_book()
                await self._record(change, "started", 0)
            started = time.perf_counter()
            try:
                await self._connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
                for start, end in change.script.statements:
                    await self._execute(change.script, start, end)
            except ScriptError:
                await self._connection.execute(_DELETE, *row)
                raise
            duration_ms = milliseconds_since(started)
            await self._connection.execute("RESET ALL")
            await self._connection.execute(_FINISH, *row, duration_ms)
            return duration_ms

    @asynccontextmanager
    async def _locked_transaction(self, script: Script, wait: LockWait) -> AsyncIterator[str]:
        """Gives the transaction's id. READ COMMITTED shows what is there after the lock was taken."""
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {self._settings(script)}"
        await self._connection.execute(begin)
        try:
            while (transaction := await self._connection.fetchval(_TRY_LOCK, self._key)) is None:
                await wait.pause(self._holder)
            yield transaction
            await self._commit()
        except asyncio.CancelledError:
            raise  # closing the connection ends the statement and the transaction
        except BaseException as error:
            if self._connection.is_in_transaction():
                await self._connection.execute("ROLLBACK")
            if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _RETRYABLE:
                raise Retry(error) from None
            raise

    async def _commit(self) -> None:
        if await self._connection.execute("COMMIT") != "COMMIT":
            raise ScriptError("the server rolled the transaction back instead of committing it")

    @asynccontextmanager
    async def _session_lock(self, wait: LockWait) -> AsyncIterator[None]:
        while not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key):
            await wait.pause(self._holder)
        yield
        await self._connection.execute("SELECT pg_advisory_unlock($1)", self._key)

    def _settings(self, script: Script) -> str:
        """SET LOCAL alone, which works behind a pooler too."""
        limits = ["statement_timeout", "idle_in_transaction_session_timeout"]
        if self._connection.get_server_version().major >= 17:  # noqa: PLR2004 - where it came in
            limits.append("transaction_timeout")
        return (
            f"SET LOCAL search_path TO {self._schema}, pg_temp; "
            + "".join(f"SET LOCAL {limit} = 0; " for limit in limits)
            + f"SET LOCAL lock_timeout = '{round(script.lock_timeout_s * 1000)}ms'; "
            # A runner that was killed is noticed during a long statement; not every platform can.
            "DO $$BEGIN PERFORM set_config('client_connection_check_interval', '2s', true); "
            "EXCEPTION WHEN OTHERS THEN NULL; END$$"
        )

    async def _holder(self) -> str:
        holder = await self._connection.fetchval(_HOLDER, self._key)
        return str(holder or "another session")

    async def _history(self, store: str) -> History:
        if not self._has_book:
            found = history_of((), await self._connection.fetch(TABLES))
            if found.foreign_book or "migrations" not in found.tables:
                return found
            self._has_book = True
        rows = await self._connection.fetch(book_query(store))
        return history_of(rows, () if rows else await self._connection.fetch(TABLES))

    async def _make_book(self) -> None:
        if self._has_book:
            return
        # current_schema() would not do: without the schema, tables are made in pg_temp, and lost.
        if await self._connection.fetchval("SELECT to_regnamespace($1) IS NULL", self._schema):
            await self._connection.execute(f"CREATE SCHEMA {self._schema}")
        await self._connection.execute(book_definition("postgres"))

    async def _execute(self, script: Script, start: int, end: int) -> None:
        try:
            await self._connection.execute(script.sql[start:end])
        except asyncpg.PostgresError as error:
            if error.sqlstate in _RETRYABLE and script.transaction:
                raise
            offset = _offset(error, start, [cut for cut, _ in script.statements if start <= cut < end])
            raise _script_error(error, offset, rolled_back=script.transaction) from None

    async def _take_back_settings(self, script: Script, transaction: str) -> None:
        """Undo what the script set, in the same transaction, and see that it is the same."""
        is_same = f"pg_current_xact_id_if_assigned()::text IS NOT DISTINCT FROM '{transaction}'"
        check = f"DO $$BEGIN IF NOT {is_same} THEN RAISE no_active_sql_transaction; END IF; END$$"
        ended = ScriptError("the script ended the transaction; a migration must not", rolled_back=False)
        if not self._connection.is_in_transaction():
            raise ended
        try:
            await self._connection.execute(f"{check}; RESET ROLE; RESET ALL; {self._settings(script)}")
        except asyncpg.NoActiveSQLTransactionError:
            raise ended from None

    async def _record(self, change: Change, state: str, duration_ms: int) -> None:
        record = change.record
        if record is None:
            await self._connection.execute(_DELETE, change.store, change.version)
            return
        row = record.row(change.version, datetime.now(UTC), duration_ms, state)
        await self._connection.execute(_INSERT, change.store, *row)


def _lock_key(schema: str) -> int:
    """One key for each schema; advisory locks are per database already."""
    digest = hashlib.sha256(f"sqlstore\0{schema}\0migrations".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _offset(error: asyncpg.PostgresError, start: int, statements: list[int]) -> int | None:
    """Where it failed: the server tells for some errors; of a single statement it is plain."""
    position = getattr(error, "position", None)  # in characters, from 1
    if position:
        return start + int(position) - 1
    return statements[0] if len(statements) == 1 else None


def _script_error(
    error: asyncpg.PostgresError, offset: int | None = None, *, rolled_back: bool = True
) -> Exception:
    """A ScriptError; Unavailable where it is the connection that failed."""
    translated = translate(error)
    if isinstance(translated, Unavailable):
        return translated
    return ScriptError(_problem(error), code=error.sqlstate, offset=offset, rolled_back=rolled_back)


def _problem(error: asyncpg.PostgresError) -> str:
    """The server's own sentence, except in class 22, where it quotes the value."""
    sentence = str(getattr(error, "message", "") or type(error).__name__)
    if str(error.sqlstate).startswith("22"):
        sentence = f"a value cannot be used as it is: {type(error).__name__}"
    hint = getattr(error, "hint", None)
    return f"{sentence} (hint: {hint})" if hint else sentence
