"""The tables of a SQLite database, as far as an adoption compares them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sqlstore.engine.adoption import Column, ForeignKey, Table
from sqlstore.engine.values import TypeName

_TABLES: Final = r"""
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name"""
_COLUMNS: Final = """
    SELECT name, type, "notnull", dflt_value IS NOT NULL, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1"""
_FOREIGN_KEYS: Final = """
    SELECT "from", "table", "to" FROM pragma_foreign_key_list(?) AS part
    WHERE (SELECT count(*) FROM pragma_foreign_key_list(?) AS other WHERE other.id = part.id) = 1
    ORDER BY id"""
_INDEXES: Final = (
    "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
)
_DEFINITION: Final = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
_TYPES: Final[dict[str, TypeName]] = {"INTEGER": "int", "REAL": "float", "TEXT": "text", "BLOB": "bytes"}
# SQLite keeps times and UUIDs as text; the CHECK on their shape tells which text is which.
_SHAPES: Final[dict[TypeName, re.Pattern[str]]] = {
    "timestamp": re.compile(r'"?(\w+)"? GLOB \'(?:\[0-9\]){4}-[^\']*Z\''),
    "uuid": re.compile(r'"?(\w+)"? GLOB \'\?{8}-\?{4}-\?{4}-\?{4}-\?{12}\''),
}


def read_tables(connection: sqlite3.Connection) -> dict[str, Table]:
    """All tables but SQLite's own, by name."""
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    tables = {name: _read_table(connection, name) for name in names}
    return {name: _with_types_of_parents(table, tables) for name, table in tables.items()}


def _read_table(connection: sqlite3.Connection, name: str) -> Table:
    row = connection.execute(_DEFINITION, (name,)).fetchone()
    shaped = {
        column: kind for kind, shape in _SHAPES.items() for column in shape.findall(row[0] if row else "")
    }
    rows = connection.execute(_COLUMNS, (name,)).fetchall()
    keys = sorted((place, column) for column, _, _, _, place in rows if place)
    foreign_keys = connection.execute(_FOREIGN_KEYS, (name, name)).fetchall()
    return Table(
        name,
        tuple(
            Column(
                column,
                declared,
                f"{declared} NOT NULL" if not_null else declared,
                shaped.get(column, _TYPES.get(declared)),
                required=bool(not_null) and not has_default and not (place and declared == "INTEGER"),
            )
            for column, declared, not_null, has_default, place in rows
        ),
        tuple(column for _, column in keys),
        tuple(ForeignKey(column, parent, to or "id") for column, parent, to in foreign_keys),
        {index: sql[sql.index("(") :] for index, sql in connection.execute(_INDEXES, (name,))},
    )


def _with_types_of_parents(table: Table, tables: Mapping[str, Table]) -> Table:
    """A column that points at a UUID holds UUIDs; no CHECK of its own need say so."""
    types = {column.name: column.type for column in table.columns}
    for key in table.foreign_keys:
        parent = tables.get(key.parent)
        pointed_at = parent.column(key.parent_column) if parent else None
        if pointed_at is not None and pointed_at.type == "uuid":
            types[key.column] = "uuid"
    return replace(table, columns=tuple(replace(column, type=types[column.name]) for column in table.columns))
