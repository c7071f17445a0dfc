"""The loader: a store's folder of .sql files as statements ready for one engine.

A folder holds one file a table, `users.sql`, for both engines. What must differ
stands in `users.sqlite.sql` and `users.postgres.sql`, which declare the same
queries; a table may have all three. Everything that can be wrong about a file
raises QueryFileError here, at load, with file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec

from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import ConfigurationError, QueryFileError
from sqlstore.engine.query_file import Block, read_blocks
from sqlstore.engine.query_folder import TWIN, OnProblem, QueryFile, read_folder, refuse
from sqlstore.engine.query_header import Header, Parameter, near_misses
from sqlstore.engine.query_sql import row_counts, translate
from sqlstore.engine.row_codec import Field, make_encode, make_result, row_fields
from sqlstore.engine.sqltext import ScanError
from sqlstore.engine.values import Engine

AFTER: Final = "after_"
"""A `:stream` query's parameter `after_id` takes the field `id` of the last row so far."""
_PAGE_SIZE: Final = Parameter("page_size", "int", nullable=False, is_list=False)

RowTypes = Mapping[str, type[msgspec.Struct]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Query(Statement[Any]):
    """A statement, and what its file says about it.

    - table: the first part of the file's name, `users`.
    - header: its signature; doc: the comment lines below the header.
    - row: the row type, or None for `:value` and `:changed`.
    - fields: the row's, the one value of `:value`, or none for `:changed`.
    - path: `sql/chatbot/users.sql`; line: the header's, from 1.
    """

    table: str
    header: Header
    doc: str
    row: type[msgspec.Struct] | None
    fields: tuple[Field, ...]
    path: str
    line: int


class Table:
    """The queries of one table, each an attribute: `table.get`; iterate for all of them."""

    def __init__(self, paths: Iterable[str], queries: Mapping[str, Query]) -> None:
        self._paths = " and ".join(paths)
        self._queries = dict(queries)
        self.__dict__.update(queries)  # plain attributes cost nothing when called

    def __getattr__(self, name: str) -> Query:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"{self._paths}: there is no query {name}{near_misses(name, self._queries)}")

    def __contains__(self, name: object) -> bool:
        return name in self._queries

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


class Queries:
    """All named queries of a store; iterate for each Query, in the order of tables and files."""

    def __init__(self, store: str, tables: Mapping[str, Table]) -> None:
        self._store = store
        self._tables = dict(tables)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that have queries, sorted."""
        return tuple(self._tables)

    def table(self, name: str) -> Table:
        """The queries of one table. Raises ConfigurationError where there is no file for it."""
        if name not in self._tables:
            raise ConfigurationError(
                f"{self._store} has no query file {name}.sql{near_misses(name, self._tables)}"
            )
        return self._tables[name]

    def __iter__(self) -> Iterator[Query]:
        return (query for table in self._tables.values() for query in table)


def row_types_of(module: ModuleType) -> RowTypes:
    """The row classes that a module holds, its own and those it imports."""
    return {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    }


def load(
    folder: Path,
    engine: Engine,
    rows: RowTypes,
    *,
    store: str,
    on_problem: OnProblem = refuse,
) -> Queries:
    """Read a store's folder of .sql files for one engine.

    rows: the row types by the names that headers use. store: the first part of the
    queries' names. Hidden files and files that are not .sql are left alone.
    on_problem: told of what is wrong in a file; then its table is left out.

    Raises QueryFileError for whatever is wrong in a file, unless on_problem is given, and
    ConfigurationError for a folder that is not there or holds no .sql file.
    """
    tables = {}
    for name, files in read_folder(folder, on_problem).items():
        by_file: dict[Engine | None, list[Query]] = {}
        for file in files:
            with _telling(on_problem):
                by_file[file.engine] = _queries(file, file.engine or engine, rows, store)
        if len(by_file) == len(files):
            with _telling(on_problem):
                tables[name] = _table(files, by_file, engine)
    return Queries(store, tables)


@contextmanager
def _telling(on_problem: OnProblem) -> Iterator[None]:
    try:
        yield
    except QueryFileError as problem:
        on_problem(problem)


def _table(files: Sequence[QueryFile], by_file: Mapping[Engine | None, list[Query]], engine: Engine) -> Table:
    own, twin = by_file.get(engine, []), by_file.get(TWIN[engine], [])
    _check_signatures(own, twin)
    _check_signatures(twin, own)
    paths = [file.path for file in files if file.engine in (None, engine)]
    return Table(paths, _by_name([*by_file.get(None, []), *own]))


def parse(text: str, engine: Engine, rows: RowTypes, *, store: str, table: str) -> Table:
    """Queries whose text was made by a program; else as `load`."""
    path = f"{store}/{table}"
    return Table([path], _by_name(_queries(QueryFile(path, table, None, text), engine, rows, store)))


def _queries(file: QueryFile, engine: Engine, rows: RowTypes, store: str) -> list[Query]:
    with file.reporting():
        return [_query(file, block, engine, rows, store) for block in read_blocks(file.text, engine)]


def _query(file: QueryFile, block: Block, engine: Engine, rows: RowTypes, store: str) -> Query:
    header = block.header
    row, fields = _result_type(block, rows)
    translation = translate(block.tokens, header, block.offset, engine)
    name = f"{store}.{file.table}.{header.name}"
    return Query(
        name=name,
        source=f"{file.path}:{block.line}",
        sql=translation.sql,
        kind=header.kind,
        columns=tuple(field.name for field in fields) if row else None,
        encode=make_encode(name, header.parameters, translation.order, engine, row_counts(block.tokens)),
        result=make_result(name, header.kind, engine, fields, row),
        parameters=tuple(parameter.name for parameter in header.parameters),
        table=file.table,
        header=header,
        doc=block.doc,
        row=row,
        fields=fields,
        path=file.path,
        line=block.line,
    )


def _result_type(block: Block, rows: RowTypes) -> tuple[type[msgspec.Struct] | None, tuple[Field, ...]]:
    header = block.header
    if header.value is not None:
        return None, (Field("value", header.value, header.value_nullable),)
    if header.row is None:
        return None, ()
    if header.row not in rows:
        raise ScanError(block.offset, f"unknown row type {header.row}{near_misses(header.row, rows)}")
    row = rows[header.row]
    try:
        fields = row_fields(row)
    except TypeError as error:
        raise ScanError(block.offset, str(error)) from None
    if header.kind == "stream":
        _check_stream(block, {field.name for field in fields})
    return row, fields


def _check_stream(block: Block, fields: set[str]) -> None:
    """A stream is paged by keys: it needs the page's size, and where the page before ended."""
    parameters = block.header.parameters
    after = [parameter for parameter in parameters if parameter.name.startswith(AFTER)]
    if _PAGE_SIZE not in parameters or not after:
        problem = (
            "a :stream declares `page_size: int` and, for the last row of the page before, `after_id: int?`"
        )
        raise ScanError(block.offset, problem)
    for parameter in after:
        if not parameter.nullable or parameter.is_list or parameter.name.removeprefix(AFTER) not in fields:
            problem = (
                f"{parameter.name} of a :stream may be None (`{parameter.name}: {parameter.type}?`) "
                f"and is named for a field of {block.header.row}"
            )
            raise ScanError(block.offset, problem)


def _by_name(queries: Iterable[Query]) -> dict[str, Query]:
    named: dict[str, Query] = {}
    for query in queries:
        first = named.setdefault(query.header.name, query)
        if first is not query:
            problem = f"{query.header.name} is at {first.source} already; give one of the two another name"
            raise QueryFileError(query.path, query.line, 1, problem)
    return named


def _check_signatures(queries: Sequence[Query], twins: Sequence[Query]) -> None:
    """Each query has a twin of the same signature in the other engine's file."""
    by_name = _by_name(twins)
    for query in queries:
        twin = by_name.get(query.header.name)
        if twin is None:
            problem = f"{query.header.name} is missing in {twins[0].path}; declare the same queries in both"
            raise QueryFileError(query.path, query.line, 1, problem)
        if twin.header != query.header:
            problem = f"{query.header.name} has another signature at {twin.source}; make the two the same"
            raise QueryFileError(query.path, query.line, 1, problem)
