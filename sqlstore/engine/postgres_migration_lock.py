"""The migrations' lock on PostgreSQL, and the transactions that are run under it.

The lock is an advisory one, asked for again and again and never waited for in the
server, so that it works behind a pooler and does not deadlock with
CREATE INDEX CONCURRENTLY. It ends with the transaction, and so with the process.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.errors import ReadOnlyDatabase
from sqlstore.engine.migration_session import LockWait, Notify, Script, ScriptError
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_scripts import RETRYABLE
from sqlstore.engine.sqltext import quoted

_LOCK_HELD: Final = "SQ001"
"""A SQLSTATE that only the block of `_begin` raises."""
_READ_ONLY: Final = "25006"
_CLOSE_LIMIT_S: Final = 5.0
_HAS_TRANSACTION_TIMEOUT: Final = 17  # PostgreSQL's version
_HOLDER: Final = """
    SELECT format('process %s (%s, since %s)', pid, application_name,
        to_char(coalesce(xact_start, backend_start) AT TIME ZONE 'UTC', 'HH24:MI:SS UTC'))
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = $1::bigint"""


class Retry(Exception):
    """Rolled back because of other sessions; it can run again."""

    def __init__(self, error: asyncpg.PostgresError) -> None:
        super().__init__()
        self.error = error


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


class LockedConnection:
    """A connection of the runner's own, and the lock of one schema's migrations."""

    def __init__(
        self, connection: asyncpg.Connection, schema: str, lock_wait_s: float, notify: Notify
    ) -> None:
        self._connection = connection
        self._schema = quoted(schema)
        self._key = lock_key(schema)
        self._lock_wait_s = lock_wait_s
        self._notify = notify
        self._sees_its_client: bool | None = None

    @asynccontextmanager
    async def _locked_transaction(
        self, script: Script, wait: LockWait, first: str = ""
    ) -> AsyncIterator[None]:
        """Committed at the end. first: SQL for right after the lock. Raises Retry, ReadOnlyDatabase."""
        while not await self._begin(script, first):
            await wait.pause(self._holder)
        try:
            yield
            if self._connection.is_in_transaction():
                await self._commit("")
        except asyncio.CancelledError:
            raise  # closing the connection ends the statement and the transaction
        except BaseException as error:
            await self._roll_back()
            if isinstance(error, asyncpg.PostgresError) and error.sqlstate in RETRYABLE:
                raise Retry(error) from None
            raise

    async def _begin(self, script: Script, first: str) -> bool:
        """BEGIN and take the lock, in one message; False where somebody else holds it.

        READ COMMITTED: the statements after the lock see what was committed before it was taken.
        """
        block = (
            "IF current_setting('transaction_read_only')::boolean THEN "
            "RAISE read_only_sql_transaction; END IF; "
            f"IF NOT pg_try_advisory_xact_lock({self._key}) THEN RAISE SQLSTATE '{_LOCK_HELD}'; END IF; "
        )
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; {await self._settings(script)}"
        try:
            await self._connection.execute(f"{begin}; DO $sqlstore$BEGIN {block}END$sqlstore$; {first}")
        except asyncpg.PostgresError as error:
            await self._roll_back()
            if error.sqlstate == _LOCK_HELD:
                return False
            if error.sqlstate == _READ_ONLY:
                raise ReadOnlyDatabase(
                    "the server takes no writes: it is a standby, or default_transaction_read_only is on",
                    code=_READ_ONLY,
                ) from None
            raise
        return True

    async def _commit(self, last_statements: str) -> None:
        """Run statements and COMMIT in one message, and see that the server did."""
        if await self._connection.execute(f"{last_statements}COMMIT") != "COMMIT":
            raise ScriptError("the server rolled the transaction back instead of committing it")

    async def _roll_back(self) -> None:
        if self._connection.is_in_transaction():
            await self._connection.execute("ROLLBACK")

    @asynccontextmanager
    async def _session_lock(self, wait: LockWait) -> AsyncIterator[None]:
        while not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key):
            await wait.pause(self._holder)
        try:
            yield
        except Exception:
            if not self._connection.is_closed():
                await self._connection.execute(f"SELECT pg_advisory_unlock({self._key})")
            raise
        await self._connection.execute(f"SELECT pg_advisory_unlock({self._key})")

    async def _holder(self) -> str:
        return str(await self._connection.fetchval(_HOLDER, self._key) or "another session")

    async def _settings(self, script: Script) -> str:
        if self._sees_its_client is None:
            self._sees_its_client = await self._can_see_its_client()
        version = self._connection.get_server_version().major
        return transaction_settings(
            self._schema, script.lock_timeout_s, version=version, sees_its_client=self._sees_its_client
        )

    async def _can_see_its_client(self) -> bool:
        """Whether a runner that was killed can be noticed during a long statement."""
        try:
            await self._connection.execute(
                "SELECT set_config('client_connection_check_interval', '2s', true)"
            )
        except asyncpg.PostgresError:  # not every version and platform can
            return False
        return True


def transaction_settings(
    schema: str, lock_timeout_s: float, *, version: int | None, sees_its_client: bool
) -> str:
    """SET LOCAL alone, which works behind a pooler too. schema: quoted; version: PostgreSQL's, None for any."""
    settings = {
        "search_path": f"{schema}, pg_temp",
        "standard_conforming_strings": "on",  # the book's SQL is written so
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "lock_timeout": f"'{round(lock_timeout_s * 1000)}ms'",
    }
    if version is not None and version >= _HAS_TRANSACTION_TIMEOUT:
        settings["transaction_timeout"] = "0"
    if sees_its_client:
        settings["client_connection_check_interval"] = "'2s'"
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())


def lock_key(schema: str) -> int:
    """One key for each schema; advisory locks are per database already."""
    digest = hashlib.sha256(f"sqlstore\0{schema}\0migrations".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
