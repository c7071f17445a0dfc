"""What a live database is made of, as text that is the same wherever the same migrations ran.

A schema is a sorted list of objects. Their text is what the database itself says, without
the names of schemas, comments and white space; the book of migrations is left out.
Owners, grants, comments and extensions are no part of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from sqlstore.engine.driver import Driver

ObjectKind = Literal[
    "type", "sequence", "function", "table", "index", "statistics", "policy", "rule", "trigger", "view"
]
_ORDER: Final[tuple[ObjectKind, ...]] = get_args(ObjectKind)
_CONTEXT_LINES: Final = 3


class SchemaObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object.

    - table: whose it is; the name itself for a table, nothing for what belongs to none.
    - definition: the statement that would make it, without its semicolon; of a table only
      what stands before its parentheses, such as `CREATE TABLE users`.
    - columns: a table's, in their order; constraints: sorted; options: what follows the
      parentheses, such as `STRICT`.
    """

    kind: ObjectKind
    name: str
    table: str
    definition: str
    columns: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: str = ""

    @property
    def text(self) -> str:
        """The whole statement."""
        return self._text(self.columns)

    @property
    def comparable_text(self) -> str:
        """The same with the columns sorted: a column that was dropped and made again stands last."""
        return self._text(tuple(sorted(self.columns)))

    def _text(self, columns: tuple[str, ...]) -> str:
        items = ",\n".join(f"  {item}" for item in (*columns, *self.constraints))
        body = f" (\n{items}\n)" if items else ""
        return f"{self.definition}{body}{self.options and ' '}{self.options};"


Schema: TypeAlias = tuple[SchemaObject, ...]


async def read_schema(driver: Driver) -> Schema:
    """What the database has now, sorted; only reads. On PostgreSQL that of the URL's schema."""
    objects: Iterable[SchemaObject] = await import_module(f"sqlstore.engine.{driver.engine}_schema").read(
        driver
    )
    return tuple(sorted(objects, key=_place))


def _place(item: SchemaObject) -> tuple[object, ...]:
    """Types, functions, each table with what hangs on it, views, their triggers; all by name."""
    group: ObjectKind = "table" if item.table else "view" if item.kind == "trigger" else item.kind
    rank = 0 if item.kind == group else 1 + _ORDER.index(item.kind)
    return _ORDER.index(group), item.table, rank, item.name, item.definition


def schema_text(schema: Schema) -> str:
    """The statements, for people."""
    return "\n\n".join(item.text for item in schema) + "\n" if schema else ""


def schema_difference(before: Schema, after: Schema, labels: tuple[str, str]) -> str:
    """A unified diff from one to the other, nothing where they are the same.

    The order of a table's columns does not count. labels: the names of both in the diff.
    """
    lines = difflib.unified_diff(
        _comparable_lines(before), _comparable_lines(after), *labels, n=_CONTEXT_LINES, lineterm=""
    )
    return "\n".join(lines)


def _comparable_lines(schema: Schema) -> list[str]:
    return "\n\n".join(item.comparable_text for item in schema).splitlines()
