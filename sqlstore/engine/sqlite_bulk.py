"""Whole tables in and out of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final

import msgspec

from sqlstore.engine.address import MEMORY
from sqlstore.engine.adoption import Table
from sqlstore.engine.bulk import Bulk, Upsert, UpsertSql, row_encoder, rows_encoder, upsert_statement
from sqlstore.engine.driver import Executor, Statement
from sqlstore.engine.row_codec import Field
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.engine.sqlite_tables import read_tables
from sqlstore.engine.values import Bound

ROWS_AT_ONCE: Final = 32
"""Rows of one INSERT: half the time of one each; more gain nothing, and need more placeholders."""
_COUNTED: Final = """
    SELECT name FROM sqlite_schema WHERE type = 'table' AND upper(sql) LIKE '%AUTOINCREMENT%'"""


class SqliteUpsert(Upsert):
    """INSERT … VALUES of many rows. Values are bound, not sent as JSON: floats and bytes arrive exactly."""

    def __init__(self, sql: UpsertSql, fields: Sequence[Field]) -> None:
        self.encode = row_encoder("sqlite", sql.table, fields)
        self._columns = rows_encoder("sqlite", fields, self.encode)
        self._many, self._one = (self._statement(sql, rows) for rows in (ROWS_AT_ONCE, 1))

    async def run(self, executor: Executor, rows: Sequence[msgspec.Struct]) -> int:
        """In statements of ROWS_AT_ONCE rows, and of one for what remains."""
        whole = len(rows) - len(rows) % ROWS_AT_ONCE
        groups = [(rows[start : start + ROWS_AT_ONCE],) for start in range(0, whole, ROWS_AT_ONCE)]
        changed = await executor.call_many(self._many, groups)
        return changed + await executor.call_many(self._one, [((row,),) for row in rows[whole:]])

    def _statement(self, sql: UpsertSql, rows: int) -> Statement[int]:
        values = ", ".join([f"({', '.join('?' * len(sql.columns))})"] * rows)
        return upsert_statement(sql, f"{sql.head} VALUES {values} {sql.tail('IS NOT')}", self._encode)

    def _encode(self, rows: Sequence[msgspec.Struct]) -> tuple[Bound, ...]:
        return tuple(chain.from_iterable(zip(*self._columns(rows), strict=True)))


class SqliteBulk(Bulk):
    """See Bulk."""

    def __init__(self, driver: SqliteDriver) -> None:
        self._driver = driver

    @property
    def place(self) -> str:
        """The whole path; each database in memory is another."""
        path = self._driver.path
        return f"{path} {id(self._driver)}" if path == MEMORY else path

    async def tables(self) -> dict[str, Table]:
        """Asked of the writer."""
        async with self._driver.exclusive() as held:
            return await held.run(read_tables)

    def upsert(self, table: str, fields: Sequence[Field], key: Sequence[str]) -> Upsert:
        """See SqliteUpsert."""
        return SqliteUpsert(UpsertSql(table, tuple(field.name for field in fields), tuple(key)), fields)

    async def last_ids(self) -> dict[str, int]:
        """SQLite keeps them in sqlite_sequence."""
        async with self._driver.exclusive() as held:
            return await held.run(_last_ids)

    async def raise_last_ids(self, last_ids: Mapping[str, int]) -> None:
        """Each by itself: a crash in between leaves some raised, which is harmless."""
        async with self._driver.exclusive() as held:
            await held.run(partial(_raise_last_ids, last_ids=last_ids))


def make(driver: SqliteDriver) -> SqliteBulk:
    """The whole-table side of a driver."""
    return SqliteBulk(driver)


def _counted(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute(_COUNTED)}


def _last_ids(connection: sqlite3.Connection) -> dict[str, int]:
    if not _counted(connection):  # the table of counters comes with the first of them
        return {}
    return dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())


def _raise_last_ids(connection: sqlite3.Connection, last_ids: Mapping[str, int]) -> None:
    before = _last_ids(connection)
    for table in _counted(connection) & last_ids.keys():
        if table not in before:
            connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last_ids[table])
            )
        elif before[table] < last_ids[table]:
            connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last_ids[table], table))
