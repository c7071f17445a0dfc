"""Backups of a SQLite file, back into a new one, every row of both summed up."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from sqlstore.engine.address import MEMORY, PostgresAddress, SqliteAddress
from sqlstore.engine.backup import (
    NEWEST_MIGRATIONS,
    BackupSource,
    Contents,
    RestoreTarget,
    TableSummary,
    compare,
    refuse_empty,
)
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.files import cannot_make
from sqlstore.engine.partial_files import locked_folder, partial_file, publish, refuse_existing
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.engine.sqlite_copy import CHECK_EVERY, COMPANIONS, is_sound, write_copy
from sqlstore.engine.sqlite_errors import primary_code, translate
from sqlstore.engine.sqlite_files import APPLICATION_ID
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Engine
from sqlstore.engine.watch import Watch

_CHUNK_BYTES: Final = 1 << 20
_TABLES: Final = r"""
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name"""


def backup_source(driver: Driver) -> SqliteSource:
    """For an open SqliteDriver. Raises ConfigurationError for a database in memory."""
    if not isinstance(driver, SqliteDriver):
        raise TypeError(f"a SQLite backup needs a SqliteDriver, not {type(driver).__name__}")
    if driver.path == MEMORY:
        raise ConfigurationError("a database in memory cannot be backed up; open it from a file")
    return SqliteSource(Path(driver.path))


class SqliteSource(BackupSource):
    """A database file that is open in this process."""

    engine = "sqlite"
    suffix = ".db"

    def __init__(self, path: Path) -> None:
        self.database = SqliteAddress(path).shown
        self.stem = path.stem
        self.folder = path.parent / "backups"
        self._path = path

    async def copy(self, file: Path, watch: Watch) -> Contents:
        """Through the backup API."""
        return await watch.in_thread(self._copy, file, watch)

    def _copy(self, file: Path, watch: Watch) -> Contents:
        try:
            write_copy(self._path, file, watch)
        except sqlite3.Error as error:
            raise translate(error, bound=False) from error
        contents = _read_contents(file, watch)
        refuse_empty(self.database, contents.tables)
        return contents


def restore_target(_url: str, address: SqliteAddress | PostgresAddress, engine: Engine) -> SqliteTarget:
    """The path of a SQLite URL."""
    if not isinstance(address, SqliteAddress) or engine != "sqlite":
        raise ConfigurationError(
            "this is a backup of PostgreSQL and is restored to PostgreSQL; give a URL postgresql://…"
        )
    if address.path is None:
        raise ConfigurationError("a backup is restored to a file, not to memory; give sqlite:///FILE")
    return SqliteTarget(address.path.absolute())


class SqliteTarget(RestoreTarget):
    """A path where no database is."""

    def __init__(self, path: Path) -> None:
        self.database = SqliteAddress(path).shown
        self._path = path

    async def restore(self, file: Path, contents: Contents, watch: Watch) -> None:
        """Under another name first; it gets its own when it is checked and on disk."""
        self._refuse_taken()
        async with self._brought(file, contents, watch) as partial:
            self._refuse_taken()
            publish(partial, self._path)

    async def drill(self, file: Path, contents: Contents, watch: Watch) -> None:
        """In the same folder, under a name that goes."""
        async with self._brought(file, contents, watch):
            pass

    @asynccontextmanager
    async def _brought(self, file: Path, contents: Contents, watch: Watch) -> AsyncIterator[Path]:
        """The database under a name that goes with the block, checked and on disk."""
        try:
            async with locked_folder(self._path.parent, watch):
                with partial_file(self._path) as partial:
                    await watch.in_thread(_bring, file, partial, contents, watch)
                    yield partial
        except OSError as error:
            raise cannot_make(self._path, error) from error

    def _refuse_taken(self) -> None:
        refuse_existing(self._path)
        for suffix in COMPANIONS:
            companion = self._path.with_name(self._path.name + suffix)
            if companion.exists():  # SQLite would play it back into the restored file
                raise ConfigurationError(
                    f"{companion} is left from another database; restore to another path, or move it away"
                )


async def check_file(file: Path, contents: Contents, watch: Watch) -> None:
    """Every page and every row."""
    await watch.in_thread(_check_file, file, contents, watch)


def _bring(file: Path, partial: Path, contents: Contents, watch: Watch) -> None:
    total = file.stat().st_size
    with file.open("rb") as source, partial.open("wb") as copy:
        while chunk := source.read(_CHUNK_BYTES):
            copy.write(chunk)
            watch.tell("restoring", copy.tell(), total)
        copy.flush()
        os.fsync(copy.fileno())
    _check_file(partial, contents, watch)


def _check_file(file: Path, contents: Contents, watch: Watch) -> None:
    try:
        with closing(_open_finished(file)) as connection:
            watch.tell("checking")
            connection.set_progress_handler(watch.is_stopped, CHECK_EVERY)
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            sound = is_sound(connection)
    except sqlite3.Error as error:
        raise translate(error, bound=False) from error
    if owner not in (APPLICATION_ID, 0):  # adopted files may have none
        raise ConfigurationError(f"{file.name} is a database of another program (application_id {owner:#x})")
    if not sound:
        raise CorruptDatabase(f"{file.name} is damaged; use another backup")
    compare(contents.tables, _read_contents(file, watch).tables, file.name)


def _open_finished(file: Path) -> sqlite3.Connection:
    """A file that nobody writes any more: no lock is taken, and none of its folder's rights is needed."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)


def _read_contents(file: Path, watch: Watch) -> Contents:
    try:
        with closing(_open_finished(file)) as connection:
            connection.set_progress_handler(watch.is_stopped, CHECK_EVERY)
            stores = _newest_migrations(connection)
            names = [name for (name,) in connection.execute(_TABLES).fetchall()]
            connection.text_factory = bytes
            tables = {}
            for number, name in enumerate(names):
                watch.tell("counting", number, len(names))
                tables[name] = _sum_up(connection, name)
    except sqlite3.Error as error:
        raise translate(error, bound=False) from error
    return Contents(server_version=sqlite3.sqlite_version, stores=stores, tables=tables)


def _newest_migrations(connection: sqlite3.Connection) -> dict[str, int]:
    try:
        return dict(connection.execute(NEWEST_MIGRATIONS).fetchall())
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_ERROR:  # no such table, or another program's
            raise
        return {}


def _sum_up(connection: sqlite3.Connection, table: str) -> TableSummary:
    rows = total = 0
    for row in connection.execute(f"SELECT * FROM {quoted(table)}"):
        rows += 1
        total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest()[:8], signed=True)
    return TableSummary(rows, str(total))
