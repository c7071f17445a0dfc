"""The database file: made safely, checked before it is opened, watched while it is open.

A live database is never opened here: closing a second descriptor would drop the
POSIX locks that SQLite holds on it (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import sqlite3
import stat
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sqlstore.engine.errors import (
    ConfigurationError,
    CorruptDatabase,
    ReadOnlyDatabase,
)
from sqlstore.engine.files import cannot_make, make_folders, outbox_beside, sync
from sqlstore.engine.sqlite_errors import primary_code

APPLICATION_ID: Final = 0x53514C53
"""`PRAGMA application_id` of files made here: "SQLS". Files without it are opened all the same."""

GONE: Final = (
    "the database file was moved, deleted, emptied or replaced while it was open: "
    "close the store, put the file back or restore a backup, and open it again"
)
LOG_GONE: Final = (
    "the -wal file of the database was moved, deleted or replaced while it was open: "
    "close the store, which writes what it still holds to the database, and open it again"
)

_SETTLED_NS: Final = 3_000_000_000
"""How long ago a folder must have changed, so that its next change has another time: FAT counts in steps of 2 s."""

_log = logging.getLogger(__name__)


class DatabaseFile:
    """One database file on disk. create: whether a missing one is made.

    read_only: nothing will be written, so file and folder need not take writes.
    """

    def __init__(self, path: Path, *, create: bool, read_only: bool = False) -> None:
        self.path = path.absolute()
        self._create = create
        self._read_only = read_only
        self._identity: tuple[int, int] | None = None
        self._log: tuple[str, tuple[int, int]] | None = None
        self._database, self._folder = str(self.path), str(self.path.parent)
        self._entries_seen: tuple[int, int, int] | None = None

    @property
    def uri(self) -> str:
        """What SQLite opens: never creates a file by itself."""
        if self._read_only and _unwritable(self.path) is not None:
            return reading_uri(self.path)
        return f"{self.path.as_uri()}?mode=rw"

    def make_ready(self) -> None:
        """See that a sound database file is there, made if need be, and writable unless it is only read.

        Raises ConfigurationError, CorruptDatabase, ReadOnlyDatabase or StorageFull.
        """
        # The log is looked at first: another process makes the file before its -wal.
        log = self._left_log()
        if not self.path.exists():
            sign = log or self._other_sign()
            if log is not None or (sign is not None and not self.path.exists()):
                raise CorruptDatabase(
                    f"{self.path} is missing but {sign} lies beside it: the database was moved "
                    "or deleted; put it back, or restore a backup, or move what is left away to start empty"
                )
            self._make()
        found = self._check()
        self._identity = _identity(found)

    def watch_log(self) -> None:
        """From now on the write-ahead log is watched too: this process has it open."""
        path = f"{self.path}-wal"
        with suppress(FileNotFoundError):
            self._log = path, _identity(os.stat(path))  # noqa: PTH116 - as below

    def trouble(self) -> str | None:
        """What happened to the files since they were opened; None where they are in place.

        SQLite itself goes on writing to files that nobody will find again.
        """
        try:
            found = os.stat(self._database)  # noqa: PTH116 - runs around each commit, and a Path costs twice
            folder = os.stat(self._folder)  # noqa: PTH116
        except OSError:
            return GONE
        if _identity(found) != self._identity or not found.st_size:
            return GONE
        entries = (*_identity(folder), folder.st_mtime_ns)
        return None if entries == self._entries_seen else self._log_trouble(entries)

    def _log_trouble(self, entries: tuple[int, int, int]) -> str | None:
        """As `trouble`, of the log. entries: the folder as it is, which changes with each name that comes or goes.

        Where it has not changed, the log need not be looked at. To look at a file that is being
        written is dear: Linux from 6.13 on then gives the next write a time of its own, and a commit
        has that to write too (seen: 235 µs in place of 160).
        https://docs.kernel.org/filesystems/multigrain-ts.html
        """
        if self._log is None:
            return None
        path, identity = self._log
        try:
            if _identity(os.stat(path)) != identity:  # noqa: PTH116
                return LOG_GONE
        except OSError:
            return LOG_GONE
        if time.time_ns() - entries[-1] > _SETTLED_NS:
            self._entries_seen = entries
        return None

    def log_bytes(self) -> int:
        """Size of the write-ahead log; 0 where there is none."""
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except OSError:
            return 0

    def _left_log(self) -> str | None:
        """The name of what SQLite keeps beside a database that is open, or was not closed."""
        names = (self.path.name + suffix for suffix in ("-wal", "-journal"))
        return next((name for name in names if self.path.with_name(name).exists()), None)

    def _other_sign(self) -> str | None:
        """What else tells that the database was here: its outbox, or its newest backup."""
        outbox = outbox_beside(self.path)
        if outbox.exists() and _had_database(outbox):
            return outbox.name
        made_here = re.compile(rf"{re.escape(self.path.stem)}_\d{{8}}_\d{{6}}(_\d+)?\.db")
        names = (entry.name for entry in self.path.parent.glob("backups/*.db"))
        newest = max(filter(made_here.fullmatch, names), default=None)
        return None if newest is None else f"backups/{newest}"

    def _make(self) -> None:
        if not self._create:
            raise ConfigurationError(
                f"there is no database at {self.path} and create=False; check the path, or create it first"
            )
        try:
            make_folders(self.path.parent)
            _make_database(self.path)
        except OSError as error:
            raise cannot_make(self.path, error) from error

    def _check(self) -> os.stat_result:
        try:
            found = self.path.stat()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be opened: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"{self.path} is not a file; give the path of the database file")
        if found.st_size == 0:
            raise CorruptDatabase(
                f"{self.path} is empty, so what it held is lost; restore a backup, or delete it to start anew"
            )
        unwritable = _unwritable(self.path)
        if unwritable is not None and not self._read_only:
            raise ReadOnlyDatabase(f"{unwritable} does not take writes; check its owner, mode and mount")
        if found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            _log.warning(
                "%s can be read by other users of this machine; chmod 600 keeps it private",
                self.path,
                extra={"database": str(self.path)},
            )
        return found


def reading_uri(database: Path) -> str:
    """For SQLite to read a database that may stand where nothing can be written.

    Without the right to make a -wal SQLite does not read at all, unless it is told that nobody writes.
    Where there is no -wal, nobody has it open.
    """
    alone = _unwritable(database) is not None and not Path(f"{database}-wal").exists()
    return f"{database.as_uri()}?mode=ro" + ("&immutable=1" if alone else "")


def _unwritable(database: Path) -> Path | None:
    """The file or its folder, if one does not take writes."""
    needed = (database, database.parent)
    return next((each for each in needed if not os.access(each, os.R_OK | os.W_OK)), None)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _had_database(outbox: Path) -> bool:
    """What an outbox says; one that cannot be read may have had one."""
    try:
        with closing(sqlite3.connect(f"{outbox.as_uri()}?mode=rw", uri=True)) as connection:
            return connection.execute("SELECT id FROM database_seen").fetchone() is not None
    except sqlite3.Error as error:
        return primary_code(error) != sqlite3.SQLITE_ERROR  # no such table: it has not been used yet


def _make_database(path: Path) -> None:
    """Make the file under another name, whole and on disk, before it gets its own.

    Of two processes that do this at once one is first, and both use its file.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
        sync(temporary)
        with suppress(FileExistsError):
            os.link(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink()
