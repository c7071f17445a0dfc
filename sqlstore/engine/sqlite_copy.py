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
from typing import Final

from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.files import make_folders, sync
from sqlstore.engine.sqlite_errors import translate
from sqlstore.engine.sqlite_files import reading_uri
from sqlstore.engine.watch import Watch

COMPANIONS: Final = ("-wal", "-journal")
"""What SQLite keeps beside a database in use, and plays back into whatever bears its name."""
CHECK_EVERY: Final = 10_000
"""How many of SQLite's instructions between two looks whether the work is to end."""
_STEP_PAGES: Final = 1024


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
    for suffix in COMPANIONS:
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
        write_copy(database, temporary, Watch())
        temporary.replace(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_copy(database: Path, file: Path, watch: Watch) -> None:
    """Fill a file with one snapshot of a database, see that it is sound, and wait until it is on disk."""
    with (
        closing(sqlite3.connect(reading_uri(database), uri=True, isolation_level=None)) as source,
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
        copy.set_progress_handler(watch.is_stopped, CHECK_EVERY)
        if not is_sound(copy):
            raise CorruptDatabase("the backup is damaged, and so is the database; the backup was discarded")
    sync(file)


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether SQLite finds nothing wrong with the database."""
    return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
