"""Whole tables in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import asyncpg
import msgspec

from sqlstore.engine.adoption import Table
from sqlstore.engine.bulk import Bulk, Upsert, UpsertSql, row_encoder, rows_encoder, upsert_statement
from sqlstore.engine.driver import Executor
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_errors import translate
from sqlstore.engine.postgres_tables import read_tables
from sqlstore.engine.postgres_transaction import PostgresTransaction
from sqlstore.engine.query_sql import POSTGRES_TYPES
from sqlstore.engine.row_codec import Field
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Bound, TypeName

_SEQUENCES: Final = """
    SELECT owner.relname, quote_literal(format('%I.%I', nspname, sequence.relname)) || '::regclass',
        coalesce(pg_sequence_last_value(sequence.oid), 0)
    FROM pg_class AS sequence
        JOIN pg_namespace ON pg_namespace.oid = sequence.relnamespace
        JOIN pg_depend ON pg_depend.objid = sequence.oid AND deptype IN ('a', 'i')
            AND pg_depend.classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
        JOIN pg_class AS owner ON owner.oid = refobjid
    WHERE sequence.relkind = 'S' AND nspname = current_schema()"""
"""Table, sequence as SQL has it, and the last number it gave (0 for none)."""


class PostgresUpsert(Upsert):
    """INSERT … SELECT of one JSON array a column, whatever the number of rows.

    To a JSON text the driver gives a third of the time that it takes for PostgreSQL's own arrays; the
    server needs the same for both.
    """

    def __init__(self, sql: UpsertSql, fields: Sequence[Field]) -> None:
        self.encode = row_encoder("postgres", sql.table, fields)
        self._columns = rows_encoder("postgres", fields, self.encode)
        numbers = range(1, len(fields) + 1)
        values = ", ".join(map(_from_text, numbers, (field.type for field in fields)))
        arrays = ", ".join(f"json_array_elements_text(${number}::json)" for number in numbers)
        names = ", ".join(f"c{number}" for number in numbers)
        text = (
            f"{sql.head} OVERRIDING SYSTEM VALUE SELECT {values} FROM ROWS FROM ({arrays}) AS given ({names}) "
            f"{sql.tail('IS DISTINCT FROM')}"
        )
        self._statement = upsert_statement(sql, text, self._encode)

    async def run(self, executor: Executor, rows: Sequence[msgspec.Struct]) -> int:
        """One statement, one trip."""
        return await executor.call(self._statement, rows)

    def _encode(self, rows: Sequence[msgspec.Struct]) -> tuple[Bound, ...]:
        return tuple(msgspec.json.encode(column).decode() for column in self._columns(rows))


def _from_text(number: int, kind: TypeName) -> str:
    """A column's value of what its JSON array holds: bytes are in base64 there."""
    return f"decode(c{number}, 'base64')" if kind == "bytes" else f"c{number}::{POSTGRES_TYPES[kind]}"


class PostgresBulk(Bulk):
    """See Bulk."""

    def __init__(self, driver: PostgresDriver) -> None:
        self._driver = driver

    @property
    def place(self) -> str:
        """Host, database and schema."""
        return f"{self._driver.address} schema {self._driver.settings.schema}"

    async def tables(self) -> dict[str, Table]:
        """Asked on a connection of its own."""
        settings = self._driver.settings
        connection = await connect(settings, timeout_s=self._driver.timeout_s)
        try:
            return await read_tables(connection, settings.schema)
        except (asyncpg.PostgresError, OSError) as error:
            raise translate(error) from None
        finally:
            connection.terminate()

    def upsert(self, table: str, fields: Sequence[Field], key: Sequence[str]) -> Upsert:
        """See PostgresUpsert."""
        return PostgresUpsert(UpsertSql(table, tuple(field.name for field in fields), tuple(key)), fields)

    async def last_ids(self) -> dict[str, int]:
        """Asked of the sequences."""
        return {table: last for table, _, last in await self._driver.fetch(_SEQUENCES) if last}

    async def raise_last_ids(self, last_ids: Mapping[str, int]) -> None:
        """Nobody inserts meanwhile: a sequence must not be set back by us."""
        async with self._driver.transaction() as held:
            transaction = cast("PostgresTransaction", held)
            for table, sequence, last in await transaction.fetch(_SEQUENCES):
                wanted = last_ids.get(table, 0)
                if wanted > last:
                    await transaction.fetch(f"LOCK TABLE {quoted(table)} IN SHARE MODE")
                    await transaction.fetch(
                        f"SELECT setval({sequence}, greatest({wanted:d}, "
                        f"coalesce(pg_sequence_last_value({sequence}), 0)))"
                    )


def make(driver: PostgresDriver) -> PostgresBulk:
    """The whole-table side of a driver."""
    return PostgresBulk(driver)
