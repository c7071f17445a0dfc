"""Who holds a SQLite file's write lock, as far as the operating system tells."""

from __future__ import annotations

import os
from pathlib import Path

_UNKNOWN = "another connection"
_LOCKS = Path("/proc/locks")  # Linux only; see proc(5)
_WRITE_BYTE = {"": 1073741825, "-shm": 120}
"""The byte that is locked by a writer: RESERVED_BYTE in the file, WAL_WRITE_LOCK in its -shm.

See sqlite.org/src, os.h and wal.c."""


def lock_holder(path: str) -> str:
    """A description such as `process 4711 (python)`, or `another connection`."""
    try:
        locks = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
        for suffix, byte in _WRITE_BYTE.items():
            inode = os.stat(path + suffix).st_ino  # noqa: PTH116 - never open it: closing would drop its locks
            for lock in locks:
                if _covers(lock, inode, byte):
                    return _process(int(lock[4]))
    except (OSError, ValueError):
        pass
    return _UNKNOWN


def _covers(lock: list[str], inode: int, byte: int) -> bool:
    """A line of proc(5): `1: POSIX ADVISORY WRITE 4711 08:01:1234 120 120`."""
    if len(lock) != 8 or lock[3] != "WRITE" or int(lock[5].rsplit(":", 1)[1]) != inode:  # noqa: PLR2004
        return False
    return int(lock[6]) <= byte and (lock[7] == "EOF" or byte <= int(lock[7]))


def _process(number: int) -> str:
    name = Path(f"/proc/{number}/comm")
    return (
        f"process {number} ({name.read_text(encoding='utf-8').strip()})"
        if name.exists()
        else f"process {number}"
    )
