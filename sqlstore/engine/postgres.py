"""PostgreSQL through asyncpg: a free list of connections, each with its prepared statements.

A single call runs in a transaction of its own (READ COMMITTED), again after a deadlock;
`transaction()` is SERIALIZABLE. A call that only reads is dropped when it is cancelled; one that
may write is finished once it was sent, within its deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.driver import (
    DEFAULT_TIMEOUT_S,
    Driver,
    Executor,
    Statement,
    call_deadline,
    calling_place,
    conflict_pause_s,
    deadline,
)
from sqlstore.engine.errors import ConfigurationError, Conflict, DatabaseError, OutcomeUnknown, UsageError
from sqlstore.engine.observe import NOBODY, Reporter
from sqlstore.engine.outlast import outlast
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_connection import PooledConnection
from sqlstore.engine.postgres_errors import lost_to_another, translate
from sqlstore.engine.postgres_pool import Pool, local_settings
from sqlstore.engine.postgres_search import match_text
from sqlstore.engine.postgres_sql import called_functions
from sqlstore.engine.postgres_transaction import PostgresTransaction
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.unclosed import OpenMark
from sqlstore.engine.values import Engine
from sqlstore.engine.vitals import Load, Probe

T = TypeVar("T")
DEFAULT_POOL_SIZE: Final = 8
"""Most connections at once where the URL does not say (`?pool_size=`)."""
_MOST_TRIES: Final = 2
_MAY_WAIT: Final = "; SET LOCAL idle_in_transaction_session_timeout = 0"
_TABLES: Final = (
    "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables WHERE schemaname = current_schema()"
)

_PROBE: Final = """
    SELECT split_part(current_setting('server_version'), ' ', 1), current_setting('transaction_read_only') = 'off'"""


class PostgresDriver(Driver):
    """One PostgreSQL database.

    settings: the address. timeout_s: how long a call may take, in seconds.
    """

    engine: Engine = "postgres"

    def __init__(
        self,
        address: PostgresAddress,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        pool_size: int = DEFAULT_POOL_SIZE,
        reporter: Reporter = NOBODY,
    ) -> None:
        self.settings = address
        self.address = address.shown
        self.timeout_s = timeout_s
        self.reporter = reporter
        self._pool = Pool(
            address, size=address.pool_size or pool_size, timeout_s=timeout_s, reporter=reporter
        )
        self._only_reads: dict[Statement[Any], bool] = {}
        self._local_settings = local_settings(timeout_s) if address.pgbouncer else ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state: Literal["new", "open", "closed"] = "new"
        self._mark: OpenMark | None = None

    async def open(self) -> None:
        """Connect once, to see that it works. Raises Unavailable, AuthenticationFailed, ConfigurationError."""
        if self._state != "new":
            raise UsageError("a driver is opened once; make a new one")
        self._mark = OpenMark(self.address, calling_place())
        self._loop, self._state = asyncio.get_running_loop(), "open"
        try:
            if self.settings.pgbouncer:
                await self._check_schema()
            else:
                self._pool.give_back(await self._pool.take(call_deadline(self.timeout_s)))
        except BaseException:
            await self.close()
            raise
        self.reporter.watch(self)

    async def close(self) -> None:
        """Let go of every connection, within 2 seconds. A second call does nothing."""
        if self._state == "open":
            self._check_open()
            self._state, self._loop = "closed", None
            if self._mark is not None:
                self._mark.clear()
            await self._pool.close()
        self._state = "closed"

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        """A search as this database's full-text query; see `postgres_search`."""
        return match_text(terms, scope)

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Run one statement in a transaction of its own (READ COMMITTED)."""
        self.check_outside_transaction()
        values = statement.encode(*arguments)
        if self.settings.pgbouncer:
            return await self._in_transaction(lambda held: held.call_encoded(statement, values))
        reads = self._only_reads.get(statement)
        if reads is None:
            reads = await self._learn(statement)
        place, (rows, changed) = await self._attempt(
            lambda place: place.run(statement, values), statement, reads=reads
        )
        self._pool.give_back(place)
        try:
            return statement.result(rows, changed)
        except DatabaseError as error:
            if reads:
                raise
            problem = str(error.args[0])
        raise OutcomeUnknown(f"{problem}; what the statement wrote is committed", query=statement.name)

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """Run a `:changed` statement once for each row, sent in one message, in one transaction."""
        self.check_outside_transaction()
        values = [statement.encode(*row) for row in rows]
        self._check_open()
        if not values:
            return 0
        return await self._in_transaction(lambda held: held.call_many_encoded(statement, values))

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a plain SELECT without parameters."""
        self.check_outside_transaction()
        if self.settings.pgbouncer:
            return await self._in_transaction(lambda held: held.fetch(sql))
        place, rows = await self._attempt(lambda place: place.fetch(sql), None, reads=True)
        self._pool.give_back(place)
        return rows

    async def probe(self) -> Probe:
        """The server's version, and whether it takes writes."""
        ((version, writable),) = await self.fetch(_PROBE)
        return Probe(server_version=version, writable=writable)

    def load(self) -> Load:
        """The pool's."""
        return self._pool.load()

    async def backup_to(self, path: Path | None) -> Path:  # noqa: ARG002 - no path would do
        """Refused: a PostgreSQL database is backed up by its own tools."""
        raise ConfigurationError(
            "a PostgreSQL database is not copied to a file like this; `store.backup()` and "
            "`python -m sqlstore backup` back it up, with pg_dump"
        )

    async def vacuum(self) -> None:
        """Mark the space of deleted rows as free, in the tables of this schema; writers go on meanwhile."""
        await self._for_all_tables("VACUUM (ANALYZE)")

    async def analyze(self) -> None:
        """ANALYZE the tables of this schema."""
        await self._for_all_tables("ANALYZE")

    async def merge_search(self, table: str) -> None:
        """Nothing to do: a GIN index has no parts, and VACUUM clears it."""

    async def checkpoint(self) -> None:
        """Nothing to do: the server looks after its own log."""

    async def _for_all_tables(self, command: str) -> None:
        """On a connection of its own, outside of transactions and without a deadline."""
        self._check_open()
        self.check_outside_transaction()
        connection = await connect(self.settings, timeout_s=self.timeout_s)
        try:
            tables = await connection.fetchval(_TABLES)
            if tables is not None:
                await connection.execute(f"{command} {tables}")
            await connection.close(timeout=1)
        except Exception as error:  # noqa: BLE001 - translated
            failure = translate(error)
        else:
            return
        finally:
            connection.terminate()
        raise failure

    async def begin(self) -> PostgresTransaction:
        """Start a SERIALIZABLE transaction that the caller must end. Use `transaction()` instead."""
        self.check_outside_transaction()
        return await self._begin("SERIALIZABLE")

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Executor]:
        """A REPEATABLE READ transaction that only reads, and may wait as long as it wants between calls."""
        self.check_outside_transaction()
        held = await self._begin("REPEATABLE READ, READ ONLY", _MAY_WAIT)
        try:
            await held.fetch("SELECT 1")  # BEGIN sees nothing yet: the first read decides what is seen
            yield held
        finally:
            await held.rollback()

    async def prepare(self, statements: Iterable[Statement[Any]]) -> None:
        """Nothing to do here: each connection prepares a statement when it first runs it; see `check`."""

    async def check(self, statements: Iterable[Statement[Any]]) -> None:
        """Prepare every statement and compare its columns with what is declared, on one connection.

        Raises StatementError naming the first query that does not fit the tables.
        """
        self.check_outside_transaction()

        async def prepare_all(held: PostgresTransaction) -> None:
            for statement in statements:
                await held.prepare(statement)

        await self._in_transaction(prepare_all)

    async def _learn(self, statement: Statement[Any]) -> bool:
        """Whether a statement only reads; the server is asked once where it calls functions."""
        functions = called_functions(statement.sql)
        reads = functions is not None
        if functions:
            place, writes = await self._attempt(
                lambda place: place.calls_writer(functions), statement, reads=True
            )
            self._pool.give_back(place)
            reads = not writes
        self._only_reads[statement] = reads
        return reads

    async def _attempt(
        self,
        work: Callable[[PooledConnection], Coroutine[Any, Any, T]],
        statement: Statement[Any] | None,
        *,
        reads: bool,
    ) -> tuple[PooledConnection, T]:
        """Do something on a connection; once more where that certainly did nothing, as after a deadlock.

        The connection is the caller's to give back. Reading ends at once when it is
        cancelled; what may write is finished.
        """
        self._check_open()
        until = call_deadline(self.timeout_s)
        tries = 0
        while True:
            place = self._pool.take_now() or await self._pool.take(until)
            place.until = until
            try:
                return place, await (work(place) if reads else outlast(work(place)))
            except Exception as error:  # noqa: BLE001 - explained and raised below
                again = place.can_run_again(error, writes=not reads)
                failure = self._pool.explain(place, error, statement, writes=not reads)
                self._pool.give_back(place)
            except BaseException:
                self._pool.give_back(place)
                raise
            tries += 1
            pause_s = 0.0
            if lost_to_another(failure):
                pause_s = conflict_pause_s(tries, until, failure)
            elif not again or tries == _MOST_TRIES:
                raise failure
            self.reporter.call_retried(failure)
            await asyncio.sleep(pause_s)

    async def _begin(self, mode: str, settings: str = "") -> PostgresTransaction:
        sql = f"BEGIN ISOLATION LEVEL {mode}{self._local_settings}{settings}"
        place, _ = await self._attempt(lambda place: place.execute(sql), None, reads=True)
        place.until = math.inf
        return PostgresTransaction(self, self._pool, place)

    async def _in_transaction(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """A call's own transaction (READ COMMITTED); again after a conflict with another one."""
        tries = 0
        with deadline(self.timeout_s):
            while True:
                try:
                    return await self._in_one_transaction(work)
                except Conflict as error:
                    if not lost_to_another(error):
                        raise
                    tries += 1
                    pause_s = conflict_pause_s(tries, call_deadline(self.timeout_s), error)
                    self.reporter.call_retried(error)
                    await asyncio.sleep(pause_s)

    async def _in_one_transaction(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        held = await self._begin("READ COMMITTED")
        try:
            answer = await work(held)
        except BaseException:
            await held.rollback()
            raise
        await held.commit()
        return answer

    async def _check_schema(self) -> None:
        """A pooler takes no search_path from us: see that the role's own is right."""
        ((user, schema),) = await self.fetch("SELECT current_user::text, current_schema()::text")
        if schema != self.settings.schema:
            raise ConfigurationError(
                f"behind PgBouncer the schema is the role's own, which is {schema or 'none'}; as its owner run: "
                f"ALTER ROLE {quoted(user)} SET search_path = "
                f"{quoted(self.settings.schema)}, pg_temp; then RECONNECT in PgBouncer's console"
            )

    def _check_open(self) -> None:
        if asyncio.get_running_loop() is self._loop:
            return
        if self._state == "closed":
            raise UsageError("the store is closed; open it again")
        if self._state == "new":
            raise UsageError("the store is not open; use it inside `async with`, or call open() first")
        if self._in_child():
            raise UsageError("the database was opened before fork(); open it again in the child process")
        raise UsageError("the store was opened in another event loop; open one in each loop")

    def _in_child(self) -> bool:
        """Whether another process has opened it, and forked this one."""
        return self._mark is not None and os.getpid() != self._mark.process_id

    def __del__(self) -> None:
        if self._state != "open" or self._in_child():
            return
        self._state = "closed"
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._pool.terminate()
        if self._mark is not None:
            self._mark.warn(self)
