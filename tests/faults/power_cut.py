"""What a power cut would leave of the files that a process wrote: recorded with strace, and replayed.

A disk keeps for sure what was fsynced: of a file its bytes and length, of a folder its names. What
was written since may be there, in any part: a file's writes in any selection, each torn into sectors;
a folder's names up to some moment.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .writer_process import ROOT

SECTORS = (512, 4096)
_CALLS = (
    "open openat creat close read write pwrite64 writev pwritev pwritev2 lseek ftruncate truncate fallocate "
    "fsync fdatasync sync_file_range rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir "
    "dup dup2 dup3 copy_file_range sendfile clone fork vfork"
)
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_REPORT = 1
"""The descriptor on which the process says what is acknowledged."""


def record(folder: Path, scenario: str, *arguments: object) -> "Iterator[Cut]":
    """Run a scenario of power_cut_process.py in the folder, and give what each power cut would leave.

    What is in the folder before is on disk. Skips where strace is missing.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("power cuts are replayed from what strace records; apt install strace")
    before = Disk(folder)
    trace = folder.with_name(f"{folder.name}.trace")
    command = [
        strace, "-f", "--seccomp-bpf", "-qq", "-xx", "-s", "4194304", "-e", "signal=none", "-o", str(trace),
        "-e", "trace=" + ",".join(f"?{name}" for name in _CALLS.split()),
        sys.executable, "-W", "error", "-m", "tests.faults.power_cut_process", scenario, str(folder),
    ]  # fmt: skip
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return cuts(before, trace)


@dataclass(frozen=True)
class Cut:
    """A moment at which the power went: the disk, what the process had said by then, and which fsync was next."""

    disk: "Disk"
    said: tuple[str, ...]
    number: int

    def leave(self, folder: Path, dice: random.Random | None = None) -> None:
        """Make a folder what the disk keeps: what is sure, and by the dice some of the rest."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        _write_out(self.disk.root, folder, dice)


def cuts(disk: "Disk", trace: Path) -> Iterator[Cut]:
    """Just before each fsync is done, which is when most is at stake, and at the end."""
    said: list[str] = []
    number = 0
    for name, arguments, result in _finished_calls(trace, disk):
        if result < 0:
            continue
        if name in ("fsync", "fdatasync"):
            if disk.has(arguments):
                yield Cut(disk, tuple(said), number)
                number += 1
                disk.synced(arguments)
        elif name == "write" and int(arguments.split(",")[0]) == _REPORT:
            said += _texts(arguments)[0].decode().split()
        else:
            disk.apply(name, arguments, result)
    yield Cut(disk, tuple(said), number)


def _finished_calls(trace: Path, disk: "Disk") -> Iterator[tuple[str, str, int]]:
    """Each system call when it has ended, as (name, arguments, result); the disk hears when an fsync begins."""
    begun: dict[str, str] = {}
    with trace.open() as lines:
        for line in lines:
            process, _, text = line.rstrip("\n").partition(" ")
            text = text.lstrip()
            if text.endswith("<unfinished ...>"):
                begun[process] = text.removesuffix("<unfinished ...>").rstrip()
                _begin(begun[process], disk)
                continue
            if text.startswith("<... "):
                text = begun.pop(process) + text.partition(" resumed>")[2]
            else:
                _begin(text, disk)
            found = _CALL.match(text)
            if found:
                yield found["name"], found["arguments"], int(found["result"])


def _begin(text: str, disk: "Disk") -> None:
    """Only what was written before an fsync began is sure after it."""
    name, _, arguments = text.partition("(")
    if name in ("fsync", "fdatasync"):
        disk.syncing(arguments)


def _texts(arguments: str) -> list[bytes]:
    return [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]


@dataclass
class File:
    """sure: what is on disk. pending: (offset, bytes), or the length it was cut to, since."""

    sure: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)
    syncing: int = 0

    def keep(self, changes: "list[tuple[int, bytes] | int]") -> None:
        for change in changes:
            _change(self.sure, change)

    def synced(self) -> None:
        self.keep(self.pending[: self.syncing])
        del self.pending[: self.syncing]

    def left(self, dice: random.Random | None) -> bytes:
        content = bytearray(self.sure)
        for change in self.pending if dice else ():
            for part in _torn(change, dice):
                _change(content, part)
        return bytes(content)


@dataclass
class Folder:
    """names: as processes see it. sure: as it is on disk. pending: changes since, each whole or not at all."""

    names: "dict[str, File | Folder]" = field(default_factory=dict)
    sure: "dict[str, File | Folder]" = field(default_factory=dict)
    pending: "list[dict[str, File | Folder | None]]" = field(default_factory=list)
    syncing: int = 0

    def set(self, changes: "dict[str, File | Folder | None]") -> None:
        _rename(self.names, changes)
        self.pending.append(changes)

    def synced(self) -> None:
        for changes in self.pending[: self.syncing]:
            _rename(self.sure, changes)
        del self.pending[: self.syncing]

    def left(self, dice: random.Random | None) -> "dict[str, File | Folder]":
        names = dict(self.sure)
        for changes in self.pending[: dice.randint(0, len(self.pending))] if dice else ():
            _rename(names, changes)
        return names


def _change(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(change - len(content)))
        return
    offset, data = change
    if data:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _torn(change: tuple[int, bytes] | int, dice: random.Random) -> Iterator[tuple[int, bytes] | int]:
    """All of a change, nothing, or some sectors of what was written."""
    fate = dice.random()
    if fate < 0.4:
        yield change
    elif fate < 0.7 and not isinstance(change, int):
        offset, data = change
        sector = dice.choice(SECTORS)
        start = 0
        while start < len(data):
            end = min(len(data), (offset + start) // sector * sector + sector - offset)
            if dice.random() < 0.5:
                yield offset + start, data[start:end]
            start = end


def _rename(names: "dict[str, File | Folder]", changes: "dict[str, File | Folder | None]") -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _write_out(folder: Folder, path: Path, dice: random.Random | None) -> None:
    for name, node in folder.left(dice).items():
        if isinstance(node, Folder):
            (path / name).mkdir()
            _write_out(node, path / name, dice)
        elif not name.endswith("-shm"):  # written through mmap; SQLite makes it anew from the -wal
            (path / name).write_bytes(node.left(dice))


class Disk:
    """The files below a folder, as system calls change them."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder)
        self.root = _as_it_is(folder)
        self._open: dict[int, tuple[File | Folder, int]] = {}

    def has(self, arguments: str) -> bool:
        """Whether a call's first argument is a descriptor of one of them."""
        return _number(arguments) in self._open

    def syncing(self, arguments: str) -> None:
        if self.has(arguments):
            node, _ = self._open[_number(arguments)]
            node.syncing = len(node.pending)

    def synced(self, arguments: str) -> None:
        self._open[_number(arguments)][0].synced()

    def apply(self, name: str, arguments: str, result: int) -> None:
        """A call that succeeded. Raises AssertionError for one of these files that is not understood here."""
        if name in ("open", "openat", "creat"):
            self._opened(arguments, result)
        elif name in _BY_NAME:
            self._by_name(name, arguments)
        elif name == "close":
            self._open.pop(_number(arguments), None)
        elif self.has(arguments):
            self._written(name, arguments, result)

    def _written(self, name: str, arguments: str, result: int) -> None:
        descriptor = _number(arguments)
        node, position = self._open[descriptor]
        if name in ("write", "read", "lseek"):
            end = result if name == "lseek" else position + result
            self._open[descriptor] = node, end
        if name in ("read", "lseek"):
            return
        assert isinstance(node, File), name
        if name == "ftruncate":
            node.pending.append(int(arguments.rpartition(",")[2]))
            return
        assert name in ("write", "pwrite64"), f"{name} is not understood"
        (data,) = _texts(arguments)
        offset = position if name == "write" else int(arguments.rpartition(",")[2])
        node.pending.append((offset, data[:result]))

    def _opened(self, arguments: str, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        place = self._place(_texts(arguments)[0])
        if place is None:
            return
        folder, name = place
        node = folder.names.get(name) if name else folder
        if node is None and "O_CREAT" in arguments:
            node = File()
            folder.set({name: node})
        if isinstance(node, File) and "O_TRUNC" in arguments:
            node.pending.append(0)
        assert node is not None
        self._open[descriptor] = node, 0

    def _by_name(self, name: str, arguments: str) -> None:
        places = [self._place(path) for path in _texts(arguments)]
        if None in places:
            assert places == [None] * len(places), f"{name} over the edge of the folder"
            return
        (folder, old), *rest = places
        if name.startswith("mkdir"):
            folder.set({old: Folder()})
        elif name.startswith(("unlink", "rmdir")):
            folder.set({old: None})
        elif name.startswith("link"):
            rest[0][0].set({rest[0][1]: folder.names[old]})
        elif rest[0][0] is folder:
            folder.set({old: None, rest[0][1]: folder.names[old]})
        else:
            rest[0][0].set({rest[0][1]: folder.names[old]})
            folder.set({old: None})

    def _place(self, path: bytes) -> tuple[Folder, str] | None:
        """The folder and the name in it; None for what is not below ours."""
        text = path.decode()
        if text == self.path:
            return self.root, ""
        if not text.startswith(self.path + "/"):
            return None
        *folders, name = text.removeprefix(self.path + "/").split("/")
        folder = self.root
        for each in folders:
            found = folder.names[each]
            assert isinstance(found, Folder)
            folder = found
        inner = folder.names.get(name)
        return (inner, "") if isinstance(inner, Folder) else (folder, name)


_BY_NAME = {
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
}  # fmt: skip


def _number(arguments: str) -> int:
    found = re.match(r"-?\d+", arguments)
    return int(found[0]) if found else -1


def _as_it_is(path: Path) -> Folder:
    names = {
        entry.name: _as_it_is(entry) if entry.is_dir() else File(bytearray(entry.read_bytes()))
        for entry in path.iterdir()
    }
    return Folder(dict(names), dict(names))
