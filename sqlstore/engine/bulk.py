"""Whole tables in and out: what export, import and copy need of an engine beside queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from sqlstore.engine.adoption import Table
from sqlstore.engine.driver import Driver, Executor, Statement
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.query_header import Parameter
from sqlstore.engine.row_codec import Field, make_encode
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Bound, Engine, column_encoder

EncodeRow: TypeAlias = Callable[[msgspec.Struct], tuple[Bound, ...]]
EncodeRows: TypeAlias = Callable[[Sequence[msgspec.Struct]], list[Sequence[Bound]]]


class Upsert(ABC):
    """Writes rows of one table: a row whose key is there is made equal, one that is equal is left alone.

    encode: takes a row to what is bound; raises InvalidValue for what no database could keep.
    """

    encode: EncodeRow

    @abstractmethod
    async def run(self, executor: Executor, rows: Sequence[msgspec.Struct]) -> int:
        """Write rows, each key once; the number of rows that were not there, or not equal."""


class Bulk(ABC):
    """An engine's own ways with whole tables."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the database is, told the same from everywhere, without a password."""

    @abstractmethod
    async def tables(self) -> dict[str, Table]:
        """The tables that are there, by name."""

    @abstractmethod
    def upsert(self, table: str, fields: Sequence[Field], key: Sequence[str]) -> Upsert:
        """What writes rows whose fields are these. key: the fields that tell rows apart."""

    @abstractmethod
    async def last_ids(self) -> dict[str, int]:
        """The largest id that each table which counts its ids up ever gave, also to rows that are gone."""

    @abstractmethod
    async def raise_last_ids(self, last_ids: Mapping[str, int]) -> None:
        """Have tables that count up go on after these ids; one that is further stays so."""


def make_bulk(driver: Driver) -> Bulk:
    """The whole-table side of an open driver."""
    bulk: Bulk = import_module(f"sqlstore.engine.{driver.engine}_bulk").make(driver)
    return bulk


@dataclass(frozen=True, slots=True)
class UpsertSql:
    """The parts of an upsert that both engines write the same. Needs at least one column."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def head(self) -> str:
        """`INSERT INTO "t" AS stored ("a", "b")`."""
        return f"INSERT INTO {quoted(self.table)} AS stored ({', '.join(map(quoted, self.columns))})"

    def tail(self, differs: str) -> str:
        """`ON CONFLICT …`. differs: the operator that tells NULLs apart too."""
        rest = [quoted(column) for column in self.columns if column not in self.key]
        target = f"ON CONFLICT ({', '.join(map(quoted, self.key))}) DO"
        if not rest:
            return f"{target} NOTHING"
        assignments = ", ".join(f"{column} = excluded.{column}" for column in rest)
        before, after = (
            ", ".join(f"{source}.{column}" for column in rest) for source in ("stored", "excluded")
        )
        return f"{target} UPDATE SET {assignments} WHERE ({before}) {differs} ({after})"


def row_encoder(engine: Engine, table: str, fields: Sequence[Field]) -> EncodeRow:
    """What takes a row through the value gate. It raises InvalidValue, the field as its parameter."""
    parameters = [Parameter(field.name, field.type, nullable=True, is_list=False) for field in fields]
    encode = make_encode(f"upsert.{table}", parameters, [field.name for field in fields], engine)
    return lambda row: encode(*astuple(row))


def rows_encoder(engine: Engine, fields: Sequence[Field], encode_row: EncodeRow) -> EncodeRows:
    """What takes rows through the value gate, and gives their columns. Raises as encode_row does."""
    encoders = [column_encoder(engine, field.type) for field in fields]

    def encode(rows: Sequence[msgspec.Struct]) -> list[Sequence[Bound]]:
        columns = zip(*map(astuple, rows), strict=True)
        try:
            return [encode_column(column) for encode_column, column in zip(encoders, columns, strict=True)]
        except InvalidValue:
            for row in rows:
                encode_row(row)  # the first that cannot be kept, by the field's name
            raise

    return encode


def upsert_statement(
    sql: UpsertSql, text: str, encode: Callable[[Sequence[msgspec.Struct]], tuple[Bound, ...]]
) -> Statement[int]:
    """A statement whose one argument is a list of rows."""
    name = f"upsert.{sql.table}"
    return Statement(
        name=name,
        source=name,
        sql=text,
        kind="changed",
        columns=None,
        encode=encode,
        result=_changed,
        parameters=("rows",),
    )


def _changed(rows: Sequence[Sequence[Any]], changed: int) -> int:  # noqa: ARG001 - as every statement's
    return changed
