"""What stands in an export: lines of JSON, UTF-8, each ended by LF.

    {"sqlstore":{"format":1,"store":"chatbot","migration":2,"engine":"sqlite","at":"…","tables":["users",…]}}
    {"table":"users","row":{"id":1,…}}
    …
    {"end":{"rows":{"users":1},"digests":{"users":"…"},"last_ids":{"users":7}}}

Rows stand table by table in the order that the first line tells, in each by primary key.
A digest is the SHA-256 over a table's lines; last_ids are the largest ids ever given.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import msgspec

from sqlstore.engine.errors import StoreError
from sqlstore.engine.values import Engine

FORMAT: Final = 1
MAX_LINE_BYTES: Final = 90 * 1024 * 1024
"""Longest line: a row with the longest text that a store takes (64 MiB), and what JSON adds."""

_encode = msgspec.json.encode


class TransferError(StoreError):
    """An export, an import or a copy that cannot go on; the message says what was written."""


class ImportRefused(TransferError):
    """A file, or one line of it, that is not taken.

    Attributes: line (int, from 1; None for the file as a whole), place (str, `users.latency`;
    "" where it is no field), reason (str, never holds a value).
    """

    def __init__(self, path: str, line: int | None, place: str, reason: str) -> None:
        where = f"{path}:{line}" if line else path
        super().__init__(f"{where}: {place + ': ' if place else ''}{reason}")
        self.line = line
        self.place = place
        self.reason = reason


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. migration: the newest one of the database that was exported."""

    format: int
    store: str
    migration: int
    engine: Engine
    at: datetime
    tables: list[str]


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line."""

    rows: dict[str, int]
    digests: dict[str, str]
    last_ids: dict[str, int]


class FirstLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line as it stands."""

    sqlstore: Header


class RowLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line between first and last."""

    table: str
    row: msgspec.Raw


class LastLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line as it stands."""

    end: End


class TableState(msgspec.Struct, frozen=True):
    """How many rows a table has, and the digest over their lines."""

    table: str
    rows: int
    digest: str


class Tally:
    """Counts the lines of one table, and takes their digest."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._digest = hashlib.sha256()
        self.rows = 0

    def add(self, lines: bytes, rows: int) -> None:
        """The next lines, as many rows."""
        self._digest.update(lines)
        self.rows += rows

    @property
    def state(self) -> TableState:
        """What it is so far."""
        return TableState(self._table, self.rows, self._digest.hexdigest())


def first_line(header: Header) -> bytes:
    """The line, with its end."""
    return _encode(FirstLine(header)) + b"\n"


def last_line(end: End) -> bytes:
    """The line, with its end."""
    return _encode(LastLine(end)) + b"\n"
