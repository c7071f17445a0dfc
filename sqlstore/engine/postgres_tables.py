"""The tables of a PostgreSQL schema, as far as an adoption compares them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from sqlstore.engine.adoption import Column, ForeignKey, Table
from sqlstore.engine.values import TypeName

_COLUMNS: Final = """
    SELECT relname, attname, format_type(atttypid, atttypmod) AS declared, typname,
        attnotnull, atthasdef OR attidentity <> '' AS filled,
        array_position(constraints.conkey, attnum) AS place
    FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_constraint AS constraints ON conrelid = pg_class.oid AND contype = 'p'
    WHERE nspname = $1 AND relkind IN ('r', 'p')
    ORDER BY relname, attnum"""
_FOREIGN_KEYS: Final = """
    SELECT child.relname AS child, own.attname AS own, parent.relname AS parent, theirs.attname AS theirs
    FROM pg_constraint
        JOIN pg_class AS child ON child.oid = conrelid
        JOIN pg_class AS parent ON parent.oid = confrelid
        JOIN pg_namespace ON pg_namespace.oid = child.relnamespace
        JOIN pg_attribute AS own ON own.attrelid = conrelid AND own.attnum = conkey[1]
        JOIN pg_attribute AS theirs ON theirs.attrelid = confrelid AND theirs.attnum = confkey[1]
    WHERE nspname = $1 AND contype = 'f' AND cardinality(conkey) = 1 AND conparentid = 0
    ORDER BY conname"""
_INDEXES: Final = """
    SELECT owner.relname AS table, index.relname AS index, pg_get_indexdef(index.oid) AS definition
    FROM pg_index
        JOIN pg_class AS index ON index.oid = indexrelid
        JOIN pg_class AS owner ON owner.oid = indrelid
        JOIN pg_namespace ON pg_namespace.oid = owner.relnamespace
    WHERE nspname = $1 AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.oid AND contype <> 'f')
    ORDER BY index.relname"""
_TYPES: Final[dict[str, TypeName]] = {
    "int8": "int",
    "float8": "float",
    "text": "text",
    "bool": "bool",
    "bytea": "bytes",
    "jsonb": "json",
    "timestamptz": "timestamp",
    "uuid": "uuid",
}
"""The types that stores use."""


async def read_tables(connection: asyncpg.Connection, schema: str) -> dict[str, Table]:
    """All tables of a schema, by name."""
    columns = _by(await connection.fetch(_COLUMNS, schema), "relname")
    foreign_keys = _by(await connection.fetch(_FOREIGN_KEYS, schema), "child")
    indexes = _by(await connection.fetch(_INDEXES, schema), "table")
    return {
        name: Table(
            name,
            tuple(_column(row) for row in rows),
            tuple(row["attname"] for row in sorted(rows, key=_place) if row["place"] is not None),
            tuple(ForeignKey(row["own"], row["parent"], row["theirs"]) for row in foreign_keys[name]),
            {row["index"]: row["definition"].partition(" USING ")[2] for row in indexes[name]},
        )
        for name, rows in columns.items()
    }


def _by(rows: Iterable[Any], name: str) -> defaultdict[str, list[Any]]:
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row[name]].append(row)
    return grouped


def _place(row: Any) -> int:
    return row["place"] or 0


def _column(row: Any) -> Column:
    declared = row["declared"]
    return Column(
        row["attname"],
        declared,
        f"{declared} NOT NULL" if row["attnotnull"] else declared,
        _TYPES.get(row["typname"]),
        required=row["attnotnull"] and not row["filled"],
    )
