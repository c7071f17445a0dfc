"""The tables that export, import and copy carry, and the SQL for them, made from row types and keys.

What is read and written is every row as it is, so the SQL is the same for all tables: pages
in the order of the primary key, and upserts. Each row has one canonical form on both
engines, which is also its line in a file; digests are taken over those lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from sqlstore.engine import queries
from sqlstore.engine.adoption import Table
from sqlstore.engine.bulk import Bulk, Upsert
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.queries import Query
from sqlstore.engine.row_codec import Field, row_fields
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Engine

PAGE_BYTES: Final = 1024 * 1024
"""About how much one page of rows should take, as lines."""
_FIRST_PAGE, _LARGEST_PAGE = 100, 2_000
_BOOK: Final = "migrations"
MARK: Final = "sqlstore_copying"
"""The table that a copy leaves in its target until it is complete."""

Key: TypeAlias = tuple[Any, ...]

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class StoreTables:
    """What a store's class says.

    - tables: the row type of each table, in an order in which rows can be written.
    - derived: patterns of the names of tables, and of columns as `table.column`, that are made
      from the others, so not carried.
    """

    store: str
    tables: Mapping[str, type[msgspec.Struct]]
    derived: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class CarriedTable:
    """One table on one engine. key: the fields of its primary key."""

    name: str
    row: type[msgspec.Struct]
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    count: Query
    first: Query
    next: Query
    delete: Query
    upsert: Upsert

    def key_of(self, row: msgspec.Struct) -> Key:
        """What tells the row apart; compares as the database orders."""
        return tuple(getattr(row, name) for name in self.key)

    def line(self, row: msgspec.Struct) -> bytes:
        """The row's canonical form: equal rows have equal lines, on both engines."""
        encoded = _encode(row)
        if b"-0.0" in encoded:  # PostgreSQL's JSON has no negative zero
            encoded = _encode(msgspec.structs.replace(row, **_without_negative_zeros(row)))
        return b'{"table":"%s","row":%s}\n' % (self.name.encode(), encoded)


@dataclass(frozen=True, slots=True)
class Layout:
    """A store's tables in one database.

    left_out: tables, and columns as `table.column`, that are there but not carried.
    """

    store: str
    bulk: Bulk
    tables: tuple[CarriedTable, ...]
    left_out: tuple[str, ...] = field(default=())

    def choose(self, names: Sequence[str]) -> tuple[CarriedTable, ...]:
        """Tables by name, in the store's order; all for none. Raises ConfigurationError for a name that is none."""
        known = [table.name for table in self.tables]
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise ConfigurationError(f"{self.store} has no table {unknown!r}; these are: {', '.join(known)}")
        return tuple(table for table in self.tables if not names or table.name in names)


async def read_layout(told: StoreTables, driver: Driver, bulk: Bulk) -> Layout:
    """The store's tables as this database has them. Raises ConfigurationError where they cannot be carried."""
    if not told.tables:
        raise ConfigurationError(
            f"the store {told.store} does not say which tables it has; "
            "give its class `tables = {'name': RowType}`, parents before children"
        )
    there = await bulk.tables()
    make = partial(_carried, told.store, there, driver.engine, bulk)
    tables = tuple(make(name, row) for name, row in told.tables.items())
    return Layout(told.store, bulk, tables, tuple(_left_out(told, there, tables)))


def _carried(  # noqa: PLR0917 - the first four are given once for all tables
    store: str, there: Mapping[str, Table], engine: Engine, bulk: Bulk, name: str, row: type[msgspec.Struct]
) -> CarriedTable:
    fields = row_fields(row)
    names = [each.name for each in fields]
    if name not in there:
        raise ConfigurationError(f"{store}: the database has no table {name}")
    key = there[name].key
    if not key or set(key) - set(names):
        raise ConfigurationError(
            f"{store}: {row.__name__} lacks the primary key of the table {name} ({', '.join(key) or 'none'}), "
            "without which rows cannot be told apart"
        )
    types = {each.name: each.type for each in fields}
    made = queries.parse(
        _sql(name, row.__name__, names, {part: types[part] for part in key}),
        engine,
        {row.__name__: row},
        store=store,
        table=name,
    )
    return CarriedTable(
        name,
        row,
        fields,
        key,
        made.count,
        made.first,
        made.next,
        made.delete,
        bulk.upsert(name, fields, key),
    )


def _sql(table: str, row: str, names: Sequence[str], key: Mapping[str, str]) -> str:
    columns, keys = (", ".join(map(quoted, each)) for each in (names, key))
    after = ", ".join(f"after_{name}: {kind}" for name, kind in key.items())
    parameters = ", ".join(f":after_{name}" for name in key)
    same = " AND ".join(f"{quoted(name)} = :{name}" for name in key)
    return f"""-- All rows of a table, by key.

-- name: count() :value int
SELECT count(*) FROM {quoted(table)};

-- name: first(page_size: int) :many {row}
SELECT {columns} FROM {quoted(table)} ORDER BY {keys} LIMIT :page_size;

-- name: next({after}, page_size: int) :many {row}
SELECT {columns} FROM {quoted(table)} WHERE ({keys}) > ({parameters}) ORDER BY {keys} LIMIT :page_size;

-- name: delete({", ".join(f"{name}: {kind}" for name, kind in key.items())}) :changed
DELETE FROM {quoted(table)} WHERE {same};
"""


def _left_out(told: StoreTables, there: Mapping[str, Table], tables: Sequence[CarriedTable]) -> list[str]:
    searches = [f"{table}_search{rest}" for table in told.tables for rest in ("", "_*")]
    patterns = [*told.derived, *searches, _BOOK, MARK]
    names = [name for name in there if name not in told.tables]
    for table in tables:
        carried = {each.name for each in table.fields}
        names += [
            f"{table.name}.{column.name}"
            for column in there[table.name].columns
            if column.name not in carried
        ]
    return [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]


async def pages(
    executor: Executor, table: CarriedTable
) -> AsyncIterator[tuple[list[msgspec.Struct], list[bytes]]]:
    """All rows of a table by key, with their lines, in pages of about PAGE_BYTES."""
    size = _FIRST_PAGE
    last: Key = ()
    while True:
        rows = await (executor.call(table.next, *last, size) if last else executor.call(table.first, size))
        if not rows:
            return
        lines = [table.line(row) for row in rows]
        _check_order(table, last, rows)
        last = table.key_of(rows[-1])
        yield rows, lines
        if len(rows) < size:
            return
        fitting = len(rows) * PAGE_BYTES // sum(map(len, lines))
        size = max(1, min(fitting, 2 * size, _LARGEST_PAGE))
        await asyncio.sleep(0)


def _check_order(table: CarriedTable, last: Key, rows: Sequence[msgspec.Struct]) -> None:
    """Text keys must be ordered as plain bytes, or the two engines would not meet each other."""
    first, end = table.key_of(rows[0]), table.key_of(rows[-1])
    if (last and not last < first) or first > end:
        raise ConfigurationError(
            f'the key of the table {table.name} is ordered by a language; declare it COLLATE "C" on PostgreSQL'
        )


def _without_negative_zeros(row: msgspec.Struct) -> dict[str, object]:
    return {name: _positive(getattr(row, name)) for name in row.__struct_fields__}


def _positive(value: object) -> object:
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, dict):
        return {name: _positive(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_positive(member) for member in value]
    return value
