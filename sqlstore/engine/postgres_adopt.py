"""Taking over a PostgreSQL schema: old tables move to a schema of their own until their rows are copied.

Rehearsed the other way round: the store's tables are made in the other schema, and
the transaction is rolled back. Old tables are only read then, and not locked.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import asyncpg

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.adoption import (
    BATCH_ROWS,
    OLD_BOOK,
    AdoptionSession,
    Column,
    ForeignKey,
    PutAside,
    Refusal,
    Row,
    Table,
)
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.migration_book import History
from sqlstore.engine.migration_session import Change, LockNotAcquired, LockWait, Notify, Script
from sqlstore.engine.postgres_belongings import Belongings, check_dependents
from sqlstore.engine.postgres_errors import translate
from sqlstore.engine.postgres_migration_lock import Retry, own_connection
from sqlstore.engine.postgres_migrations import PostgresSession
from sqlstore.engine.postgres_scripts import execute
from sqlstore.engine.postgres_tables import read_tables
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Engine

_READ_AS_TEXT: Final = frozenset(("text", "json", None))
_SHORTEST_WAIT_S: Final = 0.001
"""PostgreSQL takes 0 for no limit."""
_ROW_ERRORS: Final = ("22", "23")
"""SQLSTATE classes that are about a row: data, integrity."""


class _RolledBack(Exception):
    """Leaves a transaction that is not to be committed."""


@asynccontextmanager
async def rehearse(
    address: PostgresAddress, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[AdoptionSession]:
    """A session that makes the store's tables in a schema of their own and is rolled back."""
    async with _session(address, lock_wait_s, notify, rehearsal=True) as session:
        yield session


@asynccontextmanager
async def take_over(
    address: PostgresAddress, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[AdoptionSession]:
    """A session on the schema itself."""
    async with _session(address, lock_wait_s, notify, rehearsal=False) as session:
        yield session


@asynccontextmanager
async def _session(
    address: PostgresAddress, lock_wait_s: float, notify: Notify, *, rehearsal: bool
) -> AsyncIterator[AdoptionSession]:
    async with own_connection(address, DEFAULT_TIMEOUT_S, notify) as connection:
        session = PostgresAdoption(connection, address.schema, lock_wait_s, notify, rehearsal=rehearsal)
        try:
            async with session.transaction():
                yield session
                session.check_wanted()
        except _RolledBack:
            pass
        except Retry:
            raise LockNotAcquired(lock_wait_s, "sessions that use its tables") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, OverflowError) as error:
            raise translate(error) from None  # OverflowError: a time that Python cannot hold


class PostgresAdoption(PostgresSession, AdoptionSession):
    """Holds one connection in a transaction."""

    engine: ClassVar[Engine] = "postgres"
    backs_up = False

    def __init__(
        self,
        connection: asyncpg.Connection,
        schema: str,
        lock_wait_s: float,
        notify: Notify,
        *,
        rehearsal: bool,
    ) -> None:
        super().__init__(connection, schema, lock_wait_s, notify)
        self._to_commit = False
        self._rehearsal = rehearsal
        other = f"sqlstore_adopting_{secrets.token_hex(4)}"
        self._old, self._new = (schema, other) if rehearsal else (other, schema)
        self._home = schema
        self._other = other
        self._belongings: Belongings | None = None
        self._cursors = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """BEGIN under the migrations' lock; committed where the block ends without an error."""
        limits = Script("", (), lock_timeout_s=max(self._lock_wait_s, _SHORTEST_WAIT_S))
        async with self._locked_transaction(limits, LockWait(self._lock_wait_s, self._notify)):
            yield

    def check_wanted(self) -> None:
        """Raise what rolls the transaction back, where nobody said commit."""
        if not self._to_commit:
            raise _RolledBack

    async def history(self, store: str) -> History:
        """What the book says about a store."""
        return await self._history(store)

    async def old_tables(self) -> dict[str, Table]:
        """The tables that are there, by name."""
        return await read_tables(self._connection, self._home)

    async def new_tables(self) -> dict[str, Table]:
        """The tables that are there now, by name."""
        return await read_tables(self._connection, self._new)

    async def back_up(self) -> Path | None:
        """Nothing: pg_dump is the backup."""
        return None

    async def set_aside(self, tables: Sequence[str], *, old_book: bool) -> list[PutAside]:
        """Move the old tables to the other schema; in a rehearsal, the search path."""
        await check_dependents(self._connection, self._home, tables)
        await self._make_other_schema()
        belongings = Belongings(self._connection, self._home, tables)
        put_aside = await belongings.read()
        if self._rehearsal:
            await self._connection.execute(
                f"SET LOCAL search_path TO {quoted(self._other)}, {quoted(self._home)}, pg_temp"
            )
            return put_aside
        self._belongings = belongings
        if old_book:
            await self._connection.execute(f"ALTER TABLE migrations RENAME TO {OLD_BOOK}")
        await belongings.put_aside(self._other)
        return put_aside

    async def _make_other_schema(self) -> None:
        try:
            await self._connection.execute(f"CREATE SCHEMA {quoted(self._other)}")
        except asyncpg.InsufficientPrivilegeError:
            raise ConfigurationError(
                "adopting needs a schema of its own for a while, which this role may not make; "
                "let its owner run: GRANT CREATE ON DATABASE ... TO ..., or connect as the owner"
            ) from None

    async def run(self, script: Script) -> None:
        """Run a script. Raises ScriptError."""
        await execute(self._connection, script, 0, len(script.sql))

    async def fetch(self, sql: str) -> list[Row]:
        """Rows of a SELECT over the new tables."""
        rows: list[Row] = await self._connection.fetch(sql)
        return rows

    async def prepare_copy(self, tables: Sequence[Table], extra: Mapping[str, Sequence[Column]]) -> None:
        """Switch triggers off, and add the columns that the store does not know."""
        for table in tables:
            name = self._new_name(table.name)
            await self._connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
            for column in extra.get(table.name, ()):
                await self._connection.execute(
                    f"ALTER TABLE {name} ADD COLUMN {quoted(column.name)} {column.declared}"
                )

    async def rows(
        self, table: Table, columns: Sequence[Column], order: str | None
    ) -> AsyncIterator[list[Row]]:
        """The rows of an old table in batches; see AdoptionSession."""
        names = [
            f"{quoted(column.name)}::text" if column.type in _READ_AS_TEXT else quoted(column.name)
            for column in columns
        ]
        by_key = ", ".join(map(quoted, table.key)) or "ctid"
        self._cursors += 1
        cursor = f"sqlstore_rows_{self._cursors}"
        await self._connection.execute(
            f"DECLARE {cursor} NO SCROLL CURSOR FOR SELECT {', '.join([_row_name(table), *names])} "
            f"FROM {self._old_name(table.name)} ORDER BY {f'{quoted(order)}, ctid' if order else by_key}"
        )
        while batch := await self._connection.fetch(f"FETCH {BATCH_ROWS} FROM {cursor}"):
            yield batch
        await self._connection.execute(f"CLOSE {cursor}")

    async def orphans(self, table: Table, key: ForeignKey, parent: Table) -> list[str]:
        """The rows of an old table, by name, that point at nothing."""
        column = quoted(key.column)
        rows = await self._connection.fetch(
            f"SELECT {_row_name(table)} FROM {self._old_name(table.name)} AS child WHERE {column} IS NOT NULL "
            f"AND NOT EXISTS (SELECT FROM {self._old_name(parent.name)} AS parent "
            f"WHERE parent.{quoted(key.parent_column)}::text = child.{column}::text)"
        )
        return [name for (name,) in rows]

    async def insert(self, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> list[Refusal]:
        """Write rows together; gives those that the table refuses."""
        names = ", ".join(quoted(column.name) for column in columns)
        marks = ", ".join(
            f"${number}" if column.type else f"${number}::text::{column.declared}"
            for number, column in enumerate(columns, 1)
        )
        sql = f"INSERT INTO {self._new_name(table.name)} ({names}) VALUES ({marks})"
        return await self._insert(sql, rows, 0)

    async def _insert(self, sql: str, rows: Sequence[Row], start: int) -> list[Refusal]:
        """Where one of several rows is refused, the halves by themselves."""
        try:
            await self._try(lambda: self._connection.executemany(sql, rows))
        except asyncpg.PostgresError as error:
            if not str(error.sqlstate).startswith(_ROW_ERRORS):
                raise
            if len(rows) == 1:
                return [Refusal(start, translate(error))]
            middle = len(rows) // 2
            first = await self._insert(sql, rows[:middle], start)
            return first + await self._insert(sql, rows[middle:], start + middle)
        return []

    async def _try(self, work: Any) -> None:
        await self._connection.execute("SAVEPOINT sqlstore_try")
        try:
            await work()
        except asyncpg.PostgresError:
            await self._connection.execute("ROLLBACK TO sqlstore_try; RELEASE sqlstore_try")
            raise
        await self._connection.execute("RELEASE sqlstore_try")

    async def count(self, table: str) -> tuple[int, int]:
        """Rows of the old and of the new table."""
        old, new = await self._connection.fetchrow(
            f"SELECT (SELECT count(*) FROM {self._old_name(table)}), "
            f"(SELECT count(*) FROM {self._new_name(table)})"
        )
        return old, new

    async def finish_copy(self, tables: Sequence[Table], kept: Mapping[str, str]) -> list[PutAside]:
        """Drop the old tables; give the new ones what hung on them."""
        for table in tables:
            await self._connection.execute(f"ALTER TABLE {self._new_name(table.name)} ENABLE TRIGGER USER")
        if self._belongings is None:
            return []
        await self._belongings.continue_ids(tables)
        await self._belongings.drop_old(self._other)
        not_made = []
        for name, table_name in kept.items():
            sql = self._belongings.index_sql[name]
            try:
                await self._try(lambda sql=sql: self._connection.execute(sql))
            except asyncpg.PostgresError:
                not_made.append(PutAside("index", table_name, name, sql))
        await self._belongings.give_back()
        return not_made

    async def record(self, change: Change) -> None:
        """Write a migration into the book."""
        if not self._rehearsal:
            await self._make_book(await self._history(change.store))
            await self._record(change)

    async def commit(self) -> None:
        """Make all of it last."""
        if self._rehearsal:
            raise AssertionError("a rehearsal is never committed")
        self._to_commit = True

    def _old_name(self, table: str) -> str:
        return f"{quoted(self._old)}.{quoted(table)}"

    def _new_name(self, table: str) -> str:
        return f"{quoted(self._new)}.{quoted(table)}"


def _row_name(table: Table) -> str:
    """The primary key, or PostgreSQL's own address of the row, as text."""
    return "concat_ws(', ', " + ", ".join(map(quoted, table.key)) + ")" if table.key else "ctid::text"
