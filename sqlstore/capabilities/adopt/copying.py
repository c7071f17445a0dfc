"""The rows of old tables into new ones; those that cannot go are listed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Final

from sqlstore.capabilities.adopt.compare import Tables, extra_columns
from sqlstore.capabilities.adopt.convert import converter
from sqlstore.capabilities.adopt.errors import AdoptionError
from sqlstore.capabilities.adopt.report import MAX_LISTED, Problem
from sqlstore.engine.adoption import AdoptionSession, Column, Row, Table
from sqlstore.engine.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidValue,
    NotNullViolation,
    UniqueViolation,
)

_REASONS: Final[dict[type[DatabaseError], str]] = {
    NotNullViolation: "is NULL, and must have a value",
    UniqueViolation: "is in another row too, and must be in one only",
}
_NOT_THERE: Final = "points at a row that is not there"


@dataclass(slots=True)
class Problems:
    """Rows that are refused: the first MAX_LISTED, and how many there are."""

    listed: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, table: str, row: str, column: str, reason: str) -> None:
        """Count one, and keep it while there is room."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(Problem(table, row, column, reason))


class Copying:
    """Copies tables one by one. old, new: the tables; zone: of times that have none."""

    def __init__(self, session: AdoptionSession, old: Tables, new: Tables, zone: tzinfo) -> None:
        self.problems = Problems()
        self.rows: dict[str, int] = {}
        self._session = session
        self._old = old
        self._new = new
        self._zone = zone

    async def copy(self, name: str) -> None:
        """Copy one table. Raises AdoptionError where a row is missing though none was refused so far."""
        old, new = self._old[name], self._new[name]
        await self._find_orphans(old, new)
        kept = [replace(column, type=None) for column in extra_columns(old, new)]
        columns = [*(column for column in new.columns if old.column(column.name)), *kept]
        async for batch in self._session.rows(old, columns, _order_of(old, new)):
            await self._copy_batch(new, columns, batch)
        before, after = await self._session.count(name)
        if before != after and not self.problems.count:
            raise AdoptionError(
                f"{name} has {before} rows and would have {after}; nothing was changed; "
                "is another program writing? stop it and try again"
            )
        self.rows[name] = after

    async def _find_orphans(self, old: Table, new: Table) -> None:
        """Asked of the old tables, so that a row whose parent is refused is not blamed for it."""
        for key in new.foreign_keys:
            parent = self._old[key.parent]
            if old.column(key.column) and parent.column(key.parent_column):
                for row in await self._session.orphans(old, key, parent):
                    self.problems.add(old.name, row, key.column, _NOT_THERE)

    async def _copy_batch(self, table: Table, columns: Sequence[Column], batch: Sequence[Row]) -> None:
        converters = [converter(self._session.engine, column.type, self._zone) for column in columns]
        names: list[str] = []
        rows: list[Row] = []
        for name, *given in batch:
            row: list[object] = []
            for column, convert, value in zip(columns, converters, given, strict=True):
                try:
                    row.append(convert(value))
                except InvalidValue as error:
                    self.problems.add(table.name, name, column.name, error.reason)
            if len(row) == len(columns):
                names.append(name)
                rows.append(row)
        for refusal in await self._session.insert(table, columns, rows):
            if not isinstance(refusal.error, ForeignKeyViolation):
                place = _column_of(refusal.error.constraint, table)
                self.problems.add(table.name, names[refusal.position], place, _reason(refusal.error))


def _order_of(old: Table, new: Table) -> str | None:
    """Where the store counts rows up in the order of arrival and the old table did not: its first time."""
    if all(old.column(column) for column in new.key):
        return None
    times = (column.name for column in new.columns if column.type == "timestamp" and old.column(column.name))
    return next(times, None)


def _column_of(constraint: str | None, table: Table) -> str:
    """Constraints are named table_column_kind."""
    found = re.fullmatch(rf"{re.escape(table.name)}_(?:(.+)_)?(check|key|not_null|pkey)", constraint or "")
    if found is None:
        return ""
    if found[2] == "pkey":
        return ", ".join(table.key)
    return found[1] if found[1] and table.column(found[1]) else ""


def _reason(error: DatabaseError) -> str:
    if isinstance(error, CheckViolation):
        return f"is refused by {error.constraint}" if error.constraint else "is refused by a CHECK"
    return _REASONS.get(type(error)) or str(error.args[0])
