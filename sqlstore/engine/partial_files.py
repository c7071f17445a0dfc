"""Files that take long to write: under another name until they are whole, and swept up after a kill.

Whoever writes such files into a folder holds the folder's lock. So what bears a
partial name while the lock is held is what a killed process left behind.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.files import cannot_make, make_folders, sync
from sqlstore.engine.watch import Watch

LOCK_NAME: Final = ".sqlstore-backup.lock"
_PARTIAL = re.compile(r"\..+\.[0-9a-f]{16}\.partial(-journal|-wal|-shm)?")
_PAUSE_S: Final = 0.1


@asynccontextmanager
async def locked_folder(folder: Path, watch: Watch) -> AsyncIterator[None]:
    """Make the folder if need be, wait for its lock, and sweep up what killed processes left.

    The lock ends with the process, whatever ends it. Raises ReadOnlyDatabase, StorageFull
    or ConfigurationError where the folder cannot be written.
    """
    lock = _open_lock(folder)
    try:
        while not _try_lock(lock):
            watch.tell("waiting")
            await asyncio.sleep(_PAUSE_S)
        _sweep(folder)
        yield
    finally:
        os.close(lock)


@contextmanager
def partial_file(target: Path) -> Iterator[Path]:
    """An empty file (0600) beside the target, deleted after the block unless it was published."""
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise cannot_make(target, error) from error
    try:
        yield partial
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def publish(partial: Path, target: Path) -> None:
    """Give a whole file, on disk already, its name. Raises ConfigurationError where the name is taken."""
    refuse_existing(target)
    try:
        os.link(partial, target)  # takes no name that another process has taken meanwhile
    except FileExistsError:
        refuse_existing(target)
    except OSError:  # a file system without hard links, such as that of a USB stick
        partial.replace(target)
    sync(target.parent)


def refuse_existing(target: Path) -> None:
    """Raise ConfigurationError where something bears the name."""
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} is there already; give another name, or move it away first")


def _open_lock(folder: Path) -> int:
    try:
        make_folders(folder)
        return os.open(folder / LOCK_NAME, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise cannot_make(folder, error) from error


def _sweep(folder: Path) -> None:
    for leftover in folder.iterdir():
        if _PARTIAL.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
