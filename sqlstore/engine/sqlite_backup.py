"""A copy of a SQLite database that is in use: whole, checked, private, or not there at all.

The backup API reads one snapshot through a connection of its own; writers go on
meanwhile. The copy is made under another name and gets its own only when it is
on disk and found sound, so what bears the name is never half a backup.
`back_up` makes the copy alone; the classes serve `capabilities.backup`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
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
)
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.files import cannot_make, make_folders, sync
from sqlstore.engine.partial_files import locked_folder, partial_file, publish, refuse_existing
from sqlstore.engine.sqlite_errors import primary_code, translate
from sqlstore.engine.sqlite_files import APPLICATION_ID
from sqlstore.engine.sqlite_tables import quoted
from sqlstore.engine.values import Engine
from sqlstore.engine.watch import Watch

_STEP_PAGES: Final = 1024
_CHUNK_BYTES: Final = 1 << 20
_CHECK_EVERY: Final = 10_000
"""How many of SQLite's instructions between two looks whether the work is to end."""
_TABLES: Final = r"""
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name"""
_COMPANIONS: Final = ("-wal", "-journal")


def back_up(database: Path, target: Path | None) -> Path:
    """Copy a database that is open in this process; gives where the copy is. Blocks.

    target: None means `backups/NAME_YYYYmmdd_HHMMSS.db` beside the database, in UTC;
    an older backup there is replaced. Raises ConfigurationError for a place that
    cannot take it, CorruptDatabase where the copy is damaged, or another DatabaseError.
    """
    target = (default_target(database) if target is None else target).absolute()
    _refuse_live_database(database, target)
    try:
        make_folders(target.parent)
        copy_database(database, target)
    except OSError as error:
        raise ConfigurationError(f"cannot back up to {target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise translate(error) from error
    return target


def default_target(database: Path) -> Path:
    """A name for a backup made now."""
    return database.parent / "backups" / f"{database.stem}_{datetime.now(UTC):%Y%m%d_%H%M%S}.db"


def _refuse_live_database(database: Path, target: Path) -> None:
    if target.exists() and target.samefile(database):
        raise ConfigurationError(f"{target} is the database itself; give the backup another name")
    for suffix in _COMPANIONS:
        if target.with_name(target.name + suffix).exists():
            raise ConfigurationError(
                f"{target} has a {suffix} file beside it: it is a database in use; give the backup another name"
            )


def copy_database(database: Path, target: Path) -> None:
    """Copy a database to a file that is whole or not there at all; nothing of the database is changed.

    Raises sqlite3.Error, OSError, or CorruptDatabase where the copy is damaged.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.new")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        _write_copy(database, temporary, Watch())
        temporary.replace(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _write_copy(database: Path, file: Path, watch: Watch) -> None:
    """Fill a file with one snapshot of a database, see that it is sound, and wait until it is on disk."""
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(file, isolation_level=None)) as copy,
    ):
        # The open read keeps the snapshot: without it, a busy writer makes the copy start again for ever.
        source.execute("BEGIN")
        (page_bytes,) = source.execute("SELECT page_size FROM pragma_page_size").fetchone()
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

        def tell(_status: int, remaining: int, total: int) -> None:
            watch.tell("copying", (total - remaining) * page_bytes, total * page_bytes)

        source.backup(copy, pages=_STEP_PAGES, progress=tell)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with no -wal beside it
        watch.tell("checking")
        copy.set_progress_handler(watch.is_stopped, _CHECK_EVERY)
        if not _is_sound(copy):
            raise CorruptDatabase("the backup is damaged, and so is the database; the backup was discarded")
    sync(file)


def _is_sound(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def backup_source(driver: Driver) -> SqliteSource:
    """For an open SqliteDriver. Raises ConfigurationError for a database in memory."""
    if driver.address == MEMORY:
        raise ConfigurationError("a database in memory cannot be backed up; open it from a file")
    return SqliteSource(Path(driver.address).absolute())


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
            _write_copy(self._path, file, watch)
        except sqlite3.Error as error:
            raise translate(error, bound=False) from error
        return _read_contents(file, watch)


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
        for suffix in _COMPANIONS:
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
            connection.set_progress_handler(watch.is_stopped, _CHECK_EVERY)
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            sound = _is_sound(connection)
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
            connection.set_progress_handler(watch.is_stopped, _CHECK_EVERY)
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
