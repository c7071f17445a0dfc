"""A file of an export, read line by line: every line is judged before a row is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from sqlstore.capabilities.transfer.file_lines import (
    UNREADABLE,
    Lines,
    open_lines,
    read_header,
    refused,
)
from sqlstore.capabilities.transfer.format import (
    FORMAT,
    End,
    Header,
    ImportRefused,
    LastLine,
    RowLine,
    Tally,
)
from sqlstore.capabilities.transfer.tables import CarriedTable, Key, Layout
from sqlstore.engine.errors import InvalidValue

BATCH_ROWS, BATCH_BYTES = 1_000, 4 * 1024 * 1024
"""A batch, which is written in one transaction, ends at either."""
TELL_EVERY: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z]\w{0,62}", re.ASCII)
_DEEP: Final = "is nested too deep"
_LAST: Final = 2**63 - 1


@dataclass(slots=True)
class Contents:
    """What a file holds. end: None where it was cut off; last_ids: what ids must go on after."""

    header: Header
    end: End | None = None
    rows: dict[str, int] = field(default_factory=dict)
    last_ids: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table that stand together. ends: whether they are its last."""

    table: CarriedTable
    rows: Sequence[msgspec.Struct]
    lines: Sequence[int]
    ends: bool


class ImportFile:
    """A file that rows are taken from. layout: the tables that they go to; migration: the database's newest."""

    def __init__(self, path: Path, layout: Layout, migration: int) -> None:
        self._path = path
        self._store = layout.store
        self._migration = migration
        self._tables = {table.name: table for table in layout.tables}
        self._decoders = {name: _strict_decoder(table.row) for name, table in self._tables.items()}

    def validate(self, *, partial: bool, tell: Callable[[int], None]) -> Contents:
        """Judge every line. Raises ImportRefused for the first that is not taken.

        partial: take what is there of a file that was cut off or changed. tell: is told how many
        lines were judged.
        """
        with open_lines(self._path) as lines:
            contents = Contents(self._header(lines))
            tallies = self._validate_rows(lines, contents, tell)
        if contents.end is None and not partial:
            raise self._refused(
                None, "", "is cut off: its last line is missing; --partial takes what is there"
            )
        for name, tally in tallies.items():
            contents.rows[name] = tally.rows
        if contents.end is not None:
            self._check_end(contents.end, tallies, partial=partial)
            for name, last in contents.end.last_ids.items():
                contents.last_ids[name] = max(last, contents.last_ids.get(name, 0))
        return contents

    def batches(self) -> Generator[Batch, None, None]:
        """The rows again, after `validate`."""
        with open_lines(self._path) as lines:
            next(lines)
            table: CarriedTable | None = None
            rows: list[msgspec.Struct] = []
            numbers: list[int] = []
            size = 0
            for number, line in lines:
                if line.startswith(b'{"end":'):
                    break
                found, row = self._row(number, line)
                full = len(rows) == BATCH_ROWS or size > BATCH_BYTES
                if table is not None and rows and (full or found is not table):
                    yield Batch(table, rows, numbers, ends=found is not table)
                    rows, numbers, size = [], [], 0
                table = found
                rows.append(row)
                numbers.append(number)
                size += len(line)
            if table is not None and rows:
                yield Batch(table, rows, numbers, ends=True)

    def refused_row(self, line: int, table: str, reason: str) -> ImportRefused:
        """The error for a row that the database does not take."""
        return ImportRefused(str(self._path), line, table, reason)

    def _header(self, lines: Lines) -> Header:
        header = read_header(self._path, lines)
        if header.format > FORMAT:
            raise self._refused(1, "format", "is of a newer sqlstore; upgrade this one")
        if header.store != self._store:
            raise self._refused(1, "store", f"is of another store than {self._store}")
        if header.migration > self._migration:
            raise self._refused(
                1, "migration", f"is newer than the database, which is at {self._migration}; upgrade sqlstore"
            )
        if unknown := next((name for name in header.tables if name not in self._tables), None):
            raise self._refused(1, "tables", f"{_shown(unknown)} is no table of {self._store}")
        return header

    def _validate_rows(
        self, lines: Lines, contents: Contents, tell: Callable[[int], None]
    ) -> dict[str, Tally]:
        tallies = {name: Tally(name) for name in contents.header.tables}
        waiting, last = list(tallies), ()
        for number, line in lines:
            if line.startswith(b'{"end":'):
                contents.end = self._end(number, line)
                if next(lines, None) is not None:
                    raise self._refused(number + 1, "", "stands behind the last line")
                break
            table, row = self._row(number, line)
            if table.name not in waiting:
                raise self._refused(
                    number, table.name, "stands behind its table's place, which the first line tells"
                )
            if waiting[0] != table.name:
                waiting, last = waiting[waiting.index(table.name) :], ()
            last = self._check_row(number, line, table, row, last)
            tallies[table.name].add(line, 1)
            if len(last) == 1 and isinstance(last[0], int):
                contents.last_ids[table.name] = last[0]
            if number % TELL_EVERY == 0:
                tell(number)
        return tallies

    def _row(self, number: int, line: bytes) -> tuple[CarriedTable, msgspec.Struct]:
        name = ""
        try:
            told = msgspec.json.decode(line, type=RowLine)
            name = told.table
            if name in self._tables:
                return self._tables[name], self._decoders[name].decode(told.row)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            place, reason = _explained(error)
            raise self._refused(number, f"{name}{place}" if name else place.lstrip("."), reason) from None
        except RecursionError:
            raise self._refused(number, name, _DEEP) from None
        raise self._refused(number, "table", f"{_shown(name)} is no table of {self._store}")

    def _check_row(
        self, number: int, line: bytes, table: CarriedTable, row: msgspec.Struct, last: Key
    ) -> Key:
        """What decoding lets pass: values that no database keeps, repeated names, repeated keys."""
        try:
            table.upsert.encode(row)
        except InvalidValue as error:
            raise self._refused(number, f"{table.name}.{error.parameter}", error.reason) from None
        if table.line(row) != line:
            self._check_names(number, line)
        key = table.key_of(row)
        if last and not last < key:
            raise self._refused(
                number, f"{table.name}.{table.key[0]}", "is not above that of the line before; keep the order"
            )
        return key

    def _check_names(self, number: int, line: bytes) -> None:
        """Only for lines that are not in the form that an export has: it costs more than all the rest."""
        try:
            json.loads(line, object_pairs_hook=_without_repetition, parse_int=str)
        except (InvalidValue, ValueError):
            raise self._refused(number, "", "has a name twice in one object") from None

    def _end(self, number: int, line: bytes) -> End:
        try:
            end = msgspec.json.decode(line, type=LastLine).end
        except UNREADABLE:
            raise self._refused(number, "end", "is not the last line of an export of sqlstore") from None
        if end.last_ids.keys() - self._tables or any(
            not 0 <= last <= _LAST for last in end.last_ids.values()
        ):
            raise self._refused(number, "last_ids", "tells no ids that this store's tables could have given")
        return end

    def _check_end(self, end: End, tallies: Mapping[str, Tally], *, partial: bool) -> None:
        for name, tally in tallies.items():
            state = tally.state
            if not partial and (end.rows.get(name), end.digests.get(name)) != (state.rows, state.digest):
                raise self._refused(
                    None, name, "is not as it was exported; --partial takes the file as it is now"
                )

    def _refused(self, line: int | None, place: str, reason: str) -> ImportRefused:
        return refused(self._path, line, place, reason)


def _strict_decoder(row: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    strict = msgspec.defstruct(row.__name__, [], bases=(row,), forbid_unknown_fields=True, frozen=True)
    return msgspec.json.Decoder(strict)


def _explained(error: Exception) -> tuple[str, str]:
    """The field (`.latency`) and the reason, without what msgspec quotes of the line."""
    text = str(error)
    if isinstance(error, UnicodeDecodeError):
        return "", "is not UTF-8"
    reason, _, place = text.partition(" - at `$")
    place = place.rstrip("`")
    if not isinstance(error, msgspec.ValidationError):
        return "", "is not JSON: " + reason.removeprefix("JSON is malformed: ")
    if reason.startswith("Invalid enum value"):
        reason = "is none of the values that the field has"
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", reason, re.DOTALL):
        reason = f"has a field {_shown(found[1])} that is not the store's"
    return place, reason[0].lower() + reason[1:]


def _shown(name: str) -> str:
    """A name out of a file, where it looks like one."""
    return name if _NAME.fullmatch(name) else "(not a name)"


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) != len(pairs):
        raise InvalidValue("is there twice")
    return found
