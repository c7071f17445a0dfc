"""Taking over a SQLite database: old tables are renamed, and dropped when their rows are copied.

Rehearsed on a copy of the file, so that a database that is not taken over keeps
every byte.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from sqlstore.engine.address import SqliteAddress
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
from sqlstore.engine.errors import ConfigurationError, DatabaseError
from sqlstore.engine.migration_book import History
from sqlstore.engine.migration_session import Change, LockWait, Notify, Script
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.engine.sqlite_belongings import can_make, continue_ids, drop_all
from sqlstore.engine.sqlite_copy import copy_database
from sqlstore.engine.sqlite_errors import primary_code, translate
from sqlstore.engine.sqlite_files import DatabaseFile
from sqlstore.engine.sqlite_lock import lock_holder
from sqlstore.engine.sqlite_migrations import execute_statement, history_in, make_book, record_change
from sqlstore.engine.sqlite_tables import read_tables
from sqlstore.engine.sqlite_transaction import Exclusive
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Engine

T = TypeVar("T")

_ASIDE: Final = "sqlstore_adopting_"


@asynccontextmanager
async def rehearse(
    address: SqliteAddress, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[AdoptionSession]:
    """A session on a copy in the system's folder for temporary files."""
    path = _path(address)
    DatabaseFile(path, create=False).make_ready()
    with tempfile.TemporaryDirectory(prefix="sqlstore-adopt-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        await asyncio.to_thread(_copy, path, copy)
        driver = SqliteDriver(copy, readers=0, synchronous="normal")
        async with _session(driver, None, lock_wait_s, notify) as session:
            yield session


@asynccontextmanager
async def take_over(
    address: SqliteAddress, *, lock_wait_s: float, notify: Notify
) -> AsyncIterator[AdoptionSession]:
    """A session on the file itself."""
    path = _path(address)
    driver = SqliteDriver(path, create=False, readers=0)
    async with _session(driver, driver, lock_wait_s, notify) as session:
        yield session


def _path(address: SqliteAddress) -> Path:
    if address.path is None:
        raise ConfigurationError("a database in memory has nothing to adopt; give the path of a file")
    return address.path.absolute()


def _copy(database: Path, target: Path) -> None:
    try:
        copy_database(database, target)
    except sqlite3.Error as error:
        raise translate(error) from error
    except OSError as error:
        raise ConfigurationError(
            f"{database} cannot be copied to {target.parent}: {error.strerror}; "
            "TMPDIR names another folder, with room for the database twice"
        ) from error


@asynccontextmanager
async def _session(
    driver: SqliteDriver, backed_up: SqliteDriver | None, lock_wait_s: float, notify: Notify
) -> AsyncIterator[AdoptionSession]:
    try:
        await driver.open()
        async with driver.exclusive() as exclusive:
            await exclusive.run(_configure)
            wait = LockWait(lock_wait_s, notify)
            while not await exclusive.run(_begin):
                await wait.pause(lambda: _holder(driver.path))
            yield SqliteAdoption(exclusive, backed_up)
    finally:
        await driver.close()


def _configure(connection: sqlite3.Connection) -> None:
    """Rows must not follow the tables that are dropped, nor other tables the ones that are renamed.

    Bytes that are no UTF-8 become lone surrogates, which the value gate refuses by name.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA legacy_alter_table = ON")
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")


def _begin(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


async def _holder(path: str) -> str:
    return lock_holder(path)


class SqliteAdoption(AdoptionSession):
    """Holds the writer of a driver. backed_up: the driver whose file `back_up` copies, if any."""

    engine: ClassVar[Engine] = "sqlite"
    backs_up = True

    def __init__(self, exclusive: Exclusive, backed_up: SqliteDriver | None) -> None:
        self._do = exclusive.run
        self._backed_up = backed_up
        self._index_sql: dict[str, str] = {}
        self._trigger_sql: list[str] = []
        self._largest_ids: dict[str, int] = {}

    async def history(self, store: str) -> History:
        """What the book says about a store."""
        return await self._do(lambda connection: history_in(connection, store))

    async def old_tables(self) -> dict[str, Table]:
        """The tables that are there, by name."""
        return await self._do(read_tables)

    async def new_tables(self) -> dict[str, Table]:
        """The tables that are there now, by name."""
        return await self._do(read_tables)

    async def back_up(self) -> Path | None:
        """Copy the file while it is locked; a rehearsal copies nothing."""
        return None if self._backed_up is None else await self._backed_up.backup_to(None)

    async def set_aside(self, tables: Sequence[str], *, old_book: bool) -> list[PutAside]:
        """Rename the old tables; drop their indexes and triggers."""
        return await self._do(lambda connection: self._set_aside(connection, tables, old_book=old_book))

    def _set_aside(
        self, connection: sqlite3.Connection, tables: Sequence[str], *, old_book: bool
    ) -> list[PutAside]:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
            self._largest_ids = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        triggers = [
            PutAside("trigger", table, name, sql)
            for table in tables
            for name, sql in drop_all(connection, "trigger", table).items()
        ]
        for table in tables:
            self._index_sql |= drop_all(connection, "index", table)
            connection.execute(f"ALTER TABLE {quoted(table)} RENAME TO {_aside(table)}")
        if old_book:
            connection.execute(f"ALTER TABLE migrations RENAME TO {OLD_BOOK}")
        return triggers

    async def run(self, script: Script) -> None:
        """Run a script. Raises ScriptError."""

        def run_all(connection: sqlite3.Connection) -> None:
            for start, end in script.statements:
                execute_statement(connection, script, start, end)

        await self._do(run_all)

    async def fetch(self, sql: str) -> list[Row]:
        """Rows of a SELECT over the new tables."""
        return await self._do(lambda connection: connection.execute(sql).fetchall())

    async def prepare_copy(self, tables: Sequence[Table], extra: Mapping[str, Sequence[Column]]) -> None:
        """Extra columns are of type ANY, which keeps every value of a STRICT table as it is."""

        def prepare(connection: sqlite3.Connection) -> None:
            for table in tables:
                self._trigger_sql += drop_all(connection, "trigger", table.name).values()
                for column in extra.get(table.name, ()):
                    connection.execute(
                        f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column.name)} ANY"
                    )

        await self._do(prepare)

    async def rows(
        self, table: Table, columns: Sequence[Column], order: str | None
    ) -> AsyncIterator[list[Row]]:
        """The rows of an old table in batches; see AdoptionSession."""
        names = ", ".join([_row_name(table), *(quoted(column.name) for column in columns)])
        # Times are of several shapes until they are converted; what is no time comes first.
        by_time = f"julianday({quoted(order)}), rowid" if order else ""
        by_key = ", ".join(map(quoted, table.key)) or "rowid"
        sql = f"SELECT {names} FROM {_aside(table.name)} ORDER BY {by_time or by_key}"
        cursor = await self._do(lambda connection: connection.execute(sql))
        while batch := await self._do(lambda _: cursor.fetchmany(BATCH_ROWS)):
            yield batch

    async def orphans(self, table: Table, key: ForeignKey, parent: Table) -> list[str]:
        """The rows of an old table, by name, that point at nothing."""
        column = quoted(key.column)
        sql = f"""SELECT {_row_name(table)} FROM {_aside(table.name)} AS child
            WHERE child.{column} IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM {_aside(parent.name)} AS parent
                WHERE parent.{quoted(key.parent_column)} = child.{column})"""
        return [name for (name,) in await self._do(lambda connection: connection.execute(sql).fetchall())]

    async def insert(self, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> list[Refusal]:
        """Write rows one by one; gives those that the table refuses."""
        names = ", ".join(quoted(column.name) for column in columns)
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({marks})"

        def insert_all(connection: sqlite3.Connection) -> list[Refusal]:
            refusals = []
            for position, row in enumerate(rows):
                try:
                    connection.execute(sql, row)
                except sqlite3.IntegrityError as error:
                    refused = translate(error)
                    if not isinstance(refused, DatabaseError):
                        raise
                    refusals.append(Refusal(position, refused))
            return refusals

        return await self._do(insert_all)

    async def count(self, table: str) -> tuple[int, int]:
        """Rows of the old and of the new table."""
        sql = f"SELECT (SELECT count(*) FROM {_aside(table)}), (SELECT count(*) FROM {quoted(table)})"
        old, new = await self._do(lambda connection: connection.execute(sql).fetchone())
        return old, new

    async def finish_copy(self, tables: Sequence[Table], kept: Mapping[str, str]) -> list[PutAside]:
        """Drop the old tables; make triggers and kept indexes; ids go on where they were."""

        def finish(connection: sqlite3.Connection) -> list[PutAside]:
            for table in tables:
                connection.execute(f"DROP TABLE IF EXISTS {_aside(table.name)}")
                continue_ids(connection, table.name, self._largest_ids.get(table.name, 0))
            for sql in self._trigger_sql:
                connection.execute(sql)
            return [
                PutAside("index", table, name, self._index_sql[name])
                for name, table in kept.items()
                if not can_make(connection, self._index_sql[name])
            ]

        return await self._do(finish)

    async def record(self, change: Change) -> None:
        """Write a migration into the book."""

        def write(connection: sqlite3.Connection) -> None:
            make_book(connection, history_in(connection, change.store))
            record_change(connection, change, 0)

        await self._do(write)

    async def commit(self) -> None:
        """Make all of it last."""
        if self._backed_up is None:
            raise AssertionError("a rehearsal is never committed")
        await self._do(lambda connection: connection.execute("COMMIT"))


def _aside(table: str) -> str:
    return quoted(_ASIDE + table)


def _row_name(table: Table) -> str:
    """The primary key, or SQLite's own number of the row, as text."""
    columns = [f"CAST({quoted(column)} AS TEXT)" for column in table.key]
    return " || ', ' || ".join(columns) or "CAST(rowid AS TEXT)"
