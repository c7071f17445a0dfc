"""The lines of an export as they stand in the file, packed or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from sqlstore.capabilities.transfer.format import MAX_LINE_BYTES, FirstLine, Header, ImportRefused
from sqlstore.engine.errors import ConfigurationError

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What decoding a line can raise."""

Lines = Iterator[tuple[int, bytes]]
"""Each line with its number, from 1, and its end."""


@contextmanager
def open_lines(path: Path) -> Iterator[Lines]:
    """The lines of a file. Raises ConfigurationError where it cannot be read, ImportRefused for a bad line.

    A last line without an end is a cut, and not given.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            yield _split(path, gzip.GzipFile(fileobj=raw) if packed else raw)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error


def read_header(path: Path, lines: Lines) -> Header:
    """What the first line tells. Raises ImportRefused."""
    _, line = next(lines, (0, b""))
    if line.startswith(_BOM):
        raise refused(path, 1, "", "begins with a byte order mark; save the file as UTF-8 without one")
    try:
        return msgspec.json.decode(line, type=FirstLine).sqlstore
    except UNREADABLE:
        raise refused(path, 1, "", "is not the first line of an export of sqlstore") from None


def store_of(path: Path) -> str:
    """The store that a file is of. Raises ImportRefused where it is no export."""
    with open_lines(path) as lines:
        return read_header(path, lines).store


def refused(path: Path, line: int | None, place: str, reason: str) -> ImportRefused:
    """The error for a line that is not taken, before anything was written."""
    return ImportRefused(str(path), line, place, f"{reason}; nothing was written")


def _split(path: Path, file: IO[bytes] | gzip.GzipFile) -> Lines:
    number = 0
    line = b""
    try:
        while (line := file.readline(MAX_LINE_BYTES + 1)).endswith(b"\n"):
            number += 1
            if line.endswith(b"\r\n"):
                raise refused(
                    path, number, "", "ends in CR LF: the file was changed on its way; move it as binary"
                )
            yield number, line
    except EOFError:
        return
    except (gzip.BadGzipFile, zlib.error):
        raise refused(path, number + 1, "", "the gzip data is damaged from here on") from None
    if len(line) > MAX_LINE_BYTES:
        raise refused(path, number + 1, "", f"is longer than {MAX_LINE_BYTES} bytes")
