"""Column types, and which changes of one PostgreSQL makes without reading or writing the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlstore.migrations.lint.phrase import Phrase

COLUMN_CONSTRAINTS: Final = frozenset(
    (
        "NOT",
        "NULL",
        "DEFAULT",
        "PRIMARY",
        "UNIQUE",
        "CHECK",
        "REFERENCES",
        "GENERATED",
        "CONSTRAINT",
        "AS",
        "USING",
    )
)
"""Words that end a column's type."""
SERIAL: Final = frozenset(("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"))
_SAME: Final = {
    "character varying": "varchar",
    "decimal": "numeric",
    "bit varying": "varbit",
    "timestamptz": "timestamp with time zone",
    "timestamp without time zone": "timestamp",
    "timetz": "time with time zone",
    "time without time zone": "time",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "float8": "double precision",
    "float4": "real",
}
_LENGTH_LIMITED: Final = frozenset(
    ("varchar", "varbit", "timestamp", "timestamp with time zone", "time", "time with time zone")
)
"""Whose one argument is a limit that can be raised, or dropped."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """name: the plain one of several that mean the same; arguments: as in numeric(10, 2)."""

    name: str
    arguments: tuple[str, ...]
    collation: str


def column_type(phrase: Phrase) -> ColumnType:
    """The type at the start of a phrase, with its collation."""
    declared = phrase.until(COLUMN_CONSTRAINTS)
    collation = declared.find("COLLATE").skip(1).name()[0]
    words = [word.lower() for word in declared.until(frozenset(("COLLATE", ";"))).words]
    arguments: list[str] = []
    if "(" in words:
        opening, closing = words.index("("), words.index(")")
        arguments = [word for word in words[opening + 1 : closing] if word != ","]
        words[opening : closing + 1] = []
    name = " ".join(words)
    return ColumnType(_SAME.get(name, name), tuple(arguments), collation)


def is_widening(old: ColumnType, new: ColumnType) -> bool:
    """Whether every value stays as it is stored, and no row need be looked at."""
    if old.collation != new.collation:
        return False
    if old == new or (old.name, new.name) == ("cidr", "inet"):
        return True
    if {old.name, new.name} == {"varchar", "text"}:
        return not new.arguments
    if old.name != new.name:
        return False
    if new.name == "numeric":
        return not new.arguments or _is_wider_numeric(old.arguments, new.arguments)
    return new.name in _LENGTH_LIMITED and (
        not new.arguments or (bool(old.arguments) and int(new.arguments[0]) >= int(old.arguments[0]))
    )


def _is_wider_numeric(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    if not old:
        return False
    scales = [arguments[1] if len(arguments) > 1 else "0" for arguments in (old, new)]
    return scales[0] == scales[1] and int(new[0]) >= int(old[0])
