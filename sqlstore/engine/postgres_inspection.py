"""What PostgreSQL says about a query: prepared with and without our casts, its parse tree and its plan."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from sqlstore.engine.inspection import (
    Answer,
    Inspector,
    Kinds,
    ParameterUse,
    Question,
    Refused,
    ResultColumn,
    kinds_of,
)
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_trees import Node, assigned_parameters, nullable_columns, read_tree
from sqlstore.engine.query_sql import postgres_type
from sqlstore.engine.values import TypeName

_KINDS: Final[dict[str, TypeName]] = {
    **dict.fromkeys(("int2", "int4", "int8"), "int"),
    **dict.fromkeys(("float4", "float8", "numeric"), "float"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), "text"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    "bool": "bool",
    "bytea": "bytes",
    "timestamptz": "timestamp",
    "uuid": "uuid",
}  # fmt: skip
_NUMBERS: Final[Kinds] = frozenset(("int", "float"))
_NO_KIND: Final = ("timestamp", "date", "time", "timetz", "interval")
"""What no header type reads or writes faithfully."""
_COLUMNS: Final = """
    SELECT attrelid, attnum, relname, attname, typname, attnotnull
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND attnum > 0 AND NOT attisdropped"""
_INDEXES: Final = """
    SELECT relname, indpred IS NOT NULL AS partial, attname AS leading
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] AND attnum > 0
            AND relam = (SELECT oid FROM pg_am WHERE amname = 'btree')"""
"""leading: the column by which a B-tree is ordered first; NULL for an expression, and for other indexes."""
_SETTINGS: Final = (
    "plan_cache_mode = force_generic_plan",
    # Whoever has no index has no other way then; with it, each row of a join is looked up.
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "jit = off",
)
_TREE: Final = "SELECT prosqlbody::text FROM pg_proc WHERE proname = 'sqlstore_inspected'"
_FIRST_ROWS: Final = ("Limit", "Result", "Subquery Scan", "Append", "Merge Append", "Nested Loop", "LockRows",
                      "Incremental Sort", "ProjectSet", "Unique")  # fmt: skip
"""Plan nodes that stop reading when no more rows are asked for."""
_INPUTS: Final = ("Outer", "Member", "Subquery")
_CATALOGS: Final = ("pg_catalog", "information_schema")


@asynccontextmanager
async def open_inspector(driver: PostgresDriver) -> AsyncIterator[Inspector]:
    """See sqlstore.engine.inspection.open_inspector."""
    connection = await connect(driver.settings, timeout_s=driver.timeout_s)
    try:
        for setting in _SETTINGS:
            await connection.execute(f"SET {setting}")
        inspector = _PostgresInspector(connection)
        await inspector.read_tables()
        yield inspector
    finally:
        await connection.close()


class _PostgresInspector(Inspector):
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._columns: dict[tuple[int, int], Any] = {}
        self._indexes: dict[str, Any] = {}

    async def read_tables(self) -> None:
        """The columns and indexes of all tables."""
        rows = await self._connection.fetch(_COLUMNS)
        self._columns = {(row["attrelid"], row["attnum"]): row for row in rows}
        self._indexes = {row["relname"]: row for row in await self._connection.fetch(_INDEXES)}

    async def inspect(self, question: Question) -> Answer:
        """See Inspector."""
        try:
            prepared = await self._connection.prepare(question.sql)
        except asyncpg.PostgresError as error:
            position = getattr(error, "position", None)
            hint = f"; {error.hint[:1].lower()}{error.hint[1:].rstrip('.')}" if error.hint else ""
            raise Refused(f"{error.args[0]}{hint}", int(position) - 1 if position else None) from None
        attributes = prepared.get_attributes()
        nullable, assigned = await self._read_tree(question)
        columns = tuple(
            ResultColumn(attribute.name, attribute.type.name, _kinds(attribute.type.name), null)
            for attribute, null in zip(attributes, nullable or [False] * len(attributes), strict=True)
        )
        inferred = await self._inferred(question, {use.name for use in assigned})
        return Answer(
            columns, (*assigned, *inferred), tuple(dict.fromkeys(await self._whole_reads(question)))
        )

    async def _read_tree(self, question: Question) -> tuple[list[bool], list[ParameterUse]]:
        """Which columns may be NULL, and which parameters go into columns; nothing where that is not known."""
        tree = await self._tree(question)
        try:
            return nullable_columns(tree, self._not_null), list(self._assigned(question, tree))
        except (LookupError, TypeError, ValueError, StopIteration):  # a version that writes other trees
            return [], []

    async def _tree(self, question: Question) -> Node:
        types = ", ".join(postgres_type(parameter) for parameter in question.parameters)
        function = f"pg_temp.sqlstore_inspected({types}) RETURNS void LANGUAGE sql"
        try:
            await self._connection.execute(
                f"BEGIN; CREATE FUNCTION {function} BEGIN ATOMIC {question.sql}\n; END"
            )
            return read_tree(await self._connection.fetchval(_TREE))
        except asyncpg.PostgresError:  # what cannot stand in a function tells nothing more
            return {}
        finally:
            await self._connection.execute("ROLLBACK")

    def _not_null(self, table: int, column: int) -> bool:
        row = self._columns.get((table, column))
        return row is None or row["attnotnull"]

    def _assigned(self, question: Question, tree: Node) -> Iterator[ParameterUse]:
        for assigned in assigned_parameters(tree):
            row = self._columns.get((assigned.table, assigned.column))
            if row is not None:
                yield ParameterUse(
                    question.parameters[assigned.number - 1].name,
                    row["typname"],
                    None if assigned.cast else _kinds(row["typname"]),
                    is_list=row["typname"].startswith("_"),
                    column=f"{row['relname']}.{row['attname']}",
                    not_null=row["attnotnull"],
                )

    async def _inferred(self, question: Question, known: set[str]) -> list[ParameterUse]:
        """What the server takes the others for, left to itself.

        Where it does not know it says text; and of `:price * 2` it says integer, because 2 is one.
        """
        try:
            prepared = await self._connection.prepare(question.untyped_sql)
        except asyncpg.PostgresError:
            return []
        types = [kind.name for kind in prepared.get_parameters()]
        return [
            ParameterUse(parameter.name, name, _any_number(_kinds(name)), is_list=name.endswith("[]"))
            for parameter, name in zip(question.parameters, types, strict=True)
            if parameter.name not in known and name.removesuffix("[]") != "text"
        ]

    async def _whole_reads(self, question: Question) -> list[str]:
        arguments = f"({', '.join(['NULL'] * len(question.parameters))})" if question.parameters else ""
        try:
            await self._connection.execute(f"BEGIN; PREPARE sqlstore_inspected AS {question.sql}")
            plan = await self._connection.fetchval(
                f"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE sqlstore_inspected{arguments}"
            )
        except asyncpg.PostgresError:  # what has no plan, such as SHOW
            return []
        finally:
            await self._connection.execute("ROLLBACK; DEALLOCATE ALL")
        return list(self._read_whole(msgspec.json.decode(plan)[0]["Plan"], first_rows=False))

    def _read_whole(self, node: dict[str, Any], *, first_rows: bool, table: str = "") -> Iterator[str]:
        """The tables that a plan reads whole. first_rows: who asks for rows stops after some of them."""
        kind = node["Node Type"]
        table = "" if node.get("Schema") in _CATALOGS else node.get("Relation Name", table)
        if kind.endswith("Scan") and table:
            stops = first_rows and not {"Filter", "Index Cond"} & set(node)
            if (kind == "Seq Scan" or ("Index" in kind and not self._is_range(node))) and not stops:
                yield table
        passes_on = kind == "Limit" or (first_rows and kind in _FIRST_ROWS)
        for child in node.get("Plans", ()):
            feeds = child["Parent Relationship"] in _INPUTS
            yield from self._read_whole(child, first_rows=passes_on and feeds, table=table)

    def _is_range(self, node: dict[str, Any]) -> bool:
        """Whether a part of an index is read: what its first column says, or an index of few rows."""
        index = self._indexes[node["Index Name"]]
        condition = node.get("Index Cond", "")
        in_order = index["leading"] is None or re.search(rf"\b{re.escape(index['leading'])}\b", condition)
        return index["partial"] or bool(condition and in_order)


def _kinds(typname: str) -> Kinds | None:
    """The header types for a type, or for the elements of an array: `_text`, `text[]`."""
    element = typname.removesuffix("[]").removeprefix("_")
    return frozenset() if element in _NO_KIND else kinds_of(_KINDS, element)


def _any_number(kinds: Kinds | None) -> Kinds | None:
    return _NUMBERS if kinds and kinds <= _NUMBERS else kinds
