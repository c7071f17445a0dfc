"""The database file: made safely, checked before it is opened, watched while it is open.

A live database is never opened here: closing a second descriptor would drop the
POSIX locks that SQLite holds on it (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sqlstore.engine.errors import (
    ConfigurationError,
    CorruptDatabase,
    ReadOnlyDatabase,
)
from sqlstore.engine.files import cannot_make, make_folders, sync

APPLICATION_ID: Final = 0x53514C53
"""`PRAGMA application_id` of files made here: "SQLS". Files without it are opened all the same."""

GONE: Final = (
    "the database file was moved, deleted or replaced while it was open: "
    "close the store, put the file back or restore a backup, and open it again"
)

_log = logging.getLogger(__name__)


class DatabaseFile:
    """One database file on disk. create: whether a missing one is made."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path.absolute()
        self._create = create
        self._identity: tuple[int, int] | None = None

    @property
    def uri(self) -> str:
        """What SQLite opens: never creates a file by itself."""
        return f"{self.path.as_uri()}?mode=rw"

    def make_ready(self) -> None:
        """See that a sound, writable database file is there, made if need be.

        Raises ConfigurationError, CorruptDatabase, ReadOnlyDatabase or StorageFull.
        """
        # The companions are looked at first: another process makes the file before its -wal.
        companion = self._companion()
        if not self.path.exists():
            if companion is not None:
                raise CorruptDatabase(
                    f"{self.path} is missing but {companion.name} lies beside it: the database was moved "
                    "or deleted; put it back, or move the companion away to start empty"
                )
            self._make()
        found = self._check()
        self._identity = found.st_dev, found.st_ino

    def is_in_place(self) -> bool:
        """Whether the path still leads to the file that was opened."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - runs after each commit, and Path.stat costs twice
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def log_bytes(self) -> int:
        """Size of the write-ahead log; 0 where there is none."""
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except OSError:
            return 0

    def _companion(self) -> Path | None:
        for suffix in ("-wal", "-journal"):
            companion = self.path.with_name(self.path.name + suffix)
            if companion.exists():
                return companion
        return None

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
        for needed in (self.path, self.path.parent):
            if not os.access(needed, os.R_OK | os.W_OK):
                raise ReadOnlyDatabase(f"{needed} does not take writes; check its owner, mode and mount")
        if found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            _log.warning(
                "%s can be read by other users of this machine; chmod 600 keeps it private",
                self.path,
                extra={"database": str(self.path)},
            )
        return found


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
