"""A copy of a SQLite database that is in use: whole, checked, private, or not there at all.

The backup API reads one snapshot through a connection of its own; writers go on
meanwhile. The copy is made under another name and gets its own only when it is
on disk and found sound, so what bears the name is never half a backup.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.files import make_folders, sync
from sqlstore.engine.sqlite_errors import translate

_EVERY_PAGE = -1  # in steps, a busy writer would make it start again for ever


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
    for suffix in ("-wal", "-journal"):
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
        with (
            closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(temporary)) as copy,
        ):
            source.backup(copy, pages=_EVERY_PAGE)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, with no -wal beside it
            if copy.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise CorruptDatabase(
                    "the backup is damaged, and so is the database; the backup was discarded"
                )
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
