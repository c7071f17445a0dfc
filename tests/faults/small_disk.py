"""A file system of a test's own that can be full, and read-only: a tmpfs, which needs the rights to mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """folder: where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many bytes, in whole blocks."""
        found = os.statvfs(self.folder)
        self.make_room()
        free = os.statvfs(self.folder).f_bavail * found.f_frsize
        with self._filling.open("wb") as file:
            for _ in range(max(0, free - leave) // found.f_frsize):
                file.write(b"\xff" * found.f_frsize)

    def make_room(self) -> None:
        """Give back what was taken."""
        self._filling.unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """Nothing of it may be open for writing."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)

    def make_writable(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", self.folder], check=True)

    def url(self, name: str = "bot.db") -> str:
        return f"sqlite:///{self.folder / name}"


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """One of so many bytes. Skips where it cannot be mounted."""
    folder.mkdir()
    options = ["-o", f"size={size},mode=0700"]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(
            f"a small disk needs the right to mount one; run the tests as root ({mounted.stderr.strip()})"
        )
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
