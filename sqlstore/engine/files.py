"""Files that survive a crash, and folders that others cannot read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlstore.engine.errors import ConfigurationError, ReadOnlyDatabase, StorageFull, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, where missing, for their owner alone (0700).

    Their names are on disk when this returns: files in them would go with them in a power cut.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync(each.parent)


def outbox_beside(database: Path) -> Path:
    """Where the outbox of a SQLite file lies by default: `bot.db` has `bot.outbox.db`."""
    return database.with_name(f"{database.stem}.outbox.db")


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place whole, see `whole_file`."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file (0600) to write, which is put in place whole: after a crash there is the old one or the new one.

    The new name itself is sure to be on disk after `sync(path.parent)`. An exception leaves the old one.
    """
    temporary = path.with_name(f".{os.urandom(8).hex()}.new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def placed_file(path: Path) -> Iterator[IO[bytes]]:
    """`whole_file`, with its folders made and its name on disk in the end.

    Raises ConfigurationError where it cannot be written, StorageFull where there is no room.
    """
    folder = path.absolute().parent
    try:
        make_folders(folder)
        with whole_file(path.absolute()) as file:
            yield file
        sync(folder)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"there is no room to export to {path}; free some space") from error
        raise ConfigurationError(f"cannot export to {path}: {error.strerror or error}") from error


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_make(path: Path, error: OSError) -> StoreError:
    """Why a file or folder cannot be made, and what to do."""
    if error.errno in _FULL:
        return StorageFull(f"there is no room to create {path}; free some space")
    if error.errno in _DENIED:
        return ReadOnlyDatabase(
            f"{path} cannot be created: {error.strerror}; check its folder's owner and mode"
        )
    return ConfigurationError(f"{path} cannot be created: {error.strerror}; check the path")
