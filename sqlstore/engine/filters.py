"""Lists that are filtered by any of some columns: the one place where SQL is put together.

    TICKETS = FilteredList(
        "support.tickets.list", "tickets", Ticket,
        {"status": Filter("status", "text"), "since": Filter("created_at", "timestamp", ">=")},
    )
    page = await TICKETS.page(executor, {"status": "open"}, limit=50)

Named queries stand in files; n optional filters would need 2**n of them. Tables and
columns come from such a fixed list alone, and values are always bound, through the
same gate as those of named queries. A combination of filters is made into a statement
once and stays: the drivers know it again, and keep it prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET
from pypika import Order, Parameter, Query, Table, Tuple

from sqlstore.engine.driver import Executor, Statement
from sqlstore.engine.errors import InvalidValue, UsageError
from sqlstore.engine.query_header import Parameter as Declared
from sqlstore.engine.query_header import near_misses
from sqlstore.engine.query_sql import POSTGRES_TYPES
from sqlstore.engine.row_codec import make_encode, make_result, row_fields
from sqlstore.engine.values import Engine, TypeName, boolean, check_limit, checked

R = TypeVar("R", bound=msgspec.Struct)
Comparison = Literal["=", ">=", "<"]

_COMPARE: Final = {"=": eq, ">=": ge, "<": lt}
_ORDER: Final = {False: Order.asc, True: Order.desc}
_KEY: Final = "id"
_AFTER: Final = "after"
_LIMIT: Final = "limit"
_NEWEST_FIRST: Final = "newest_first"


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that a list can be asked for.

    - column: the table's; type: what its values go through the gate as.
    - comparison: `=`, `>=` (from a value on) or `<` (before a value).
    - nullable: None may be asked for: the rows where the column is NULL.
    - indexed: there is an index (column, id), from which pages are read in order; only with `=`.
    - values: the closed set that the column has; other values raise InvalidValue. Empty: any.
    """

    column: str
    type: TypeName
    comparison: Comparison = "="
    nullable: bool = False
    indexed: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of a call decides its SQL. bound: filters with a value; null: those asked for NULL."""

    engine: Engine
    bound: tuple[str, ...]
    null: tuple[str, ...]
    continued: bool
    descending: bool


class FilteredList(Generic[R]):
    """The rows of a table, filtered, page by page in the order of their integer column `id`.

    - name: the query's, in errors and metrics: `support.tickets.list`.
    - row: the row type; its fields are the columns.
    - filters: by the names that `page` takes; `after` and `limit` are not free.
    """

    def __init__(self, name: str, table: str, row: type[R], filters: Mapping[str, Filter]) -> None:
        self.name = name
        self.table = table
        self.row = row
        self.filters = dict(filters)
        self._fields = row_fields(row)
        self._statements: dict[_Shape, Statement[list[R]]] = {}

    async def page(
        self,
        executor: Executor,
        filters: Mapping[str, object],
        *,
        after: int | None = None,
        limit: int,
        descending: bool = False,
    ) -> list[R]:
        """At most `limit` rows that meet every filter, in the order of their ids.

        - filters: values by filter name; UNSET does not filter, None asks for NULL.
        - after: the id of the last row of the page before; None begins.
        - descending: the newest first; `newest_first` to those who call.

        Raises InvalidValue before any I/O, naming the parameter; UsageError for a
        filter that is not in the list.
        """
        given = self._given(filters)
        checked(boolean, descending, _NEWEST_FIRST, self.name)
        bound = {name: value for name, value in given.items() if value is not None}
        check_limit(limit, self.name)
        null = tuple(name for name in given if name not in bound)
        shape = _Shape(executor.engine, tuple(bound), null, after is not None, descending)
        if shape not in self._statements:
            self._statements[shape] = self._make(shape)
        arguments = [*bound.values(), *(() if after is None else (after,)), limit]
        return await executor.call(self._statements[shape], *arguments)

    def _given(self, filters: Mapping[str, object]) -> dict[str, object]:
        """The filters that are set, in the list's own order; checked as far as the gate cannot."""
        for name in filters:
            if name not in self.filters:
                raise UsageError(f"{self.name} has no filter {name}{near_misses(name, self.filters)}")
        given = {name: filters[name] for name in self.filters if filters.get(name, UNSET) is not UNSET}
        for name, value in given.items():
            known, reason = self.filters[name], ""
            if value is None and not known.nullable:
                reason = "must not be None; leave it out"
            elif value is not None and known.values and value not in known.values:
                reason = f"must be one of {', '.join(known.values)}"
            if reason:
                raise InvalidValue(reason, parameter=name, query=self.name)
        return given

    def _make(self, shape: _Shape) -> Statement[list[R]]:
        types: list[tuple[str, TypeName]] = [(name, self.filters[name].type) for name in shape.bound]
        types += [(_AFTER, "int"), (_LIMIT, "int")] if shape.continued else [(_LIMIT, "int")]
        parameters = [Declared(name, kind, nullable=False, is_list=False) for name, kind in types]
        places = {
            name: Parameter("?" if shape.engine == "sqlite" else f"${number}::{POSTGRES_TYPES[kind]}")
            for number, (name, kind) in enumerate(types, start=1)
        }
        return Statement(
            name=self.name,
            source=f"{type(self).__name__} {self.name}",
            sql=self._sql(shape, places),
            kind="many",
            columns=tuple(field.name for field in self._fields),
            encode=make_encode(self.name, parameters, tuple(places), shape.engine),
            result=make_result(self.name, "many", shape.engine, self._fields, self.row),
            parameters=tuple(places),
        )

    def _sql(self, shape: _Shape, places: Mapping[str, Any]) -> str:
        # The alias stands before each column: SQLite reads an unknown "name" alone as text.
        table = Table(self.table).as_(self.table)
        leading = self._leading(shape)
        query: Any = Query.from_(table).select(*(table[field.name] for field in self._fields))
        for criterion in self._criteria(table, leading, shape, places):
            query = query.where(criterion)
        if leading is not None:
            query = query.orderby(table[self.filters[leading].column], order=_ORDER[shape.descending])
        query = query.orderby(table[_KEY], order=_ORDER[shape.descending])
        return str(query.limit(places[_LIMIT]).get_sql())

    def _leading(self, shape: _Shape) -> str | None:
        """The filter that gets two bounds where `=` would do, so that its index is read in order.

        For `=` PostgreSQL may walk the whole primary key until it meets enough rows.
        SQLite does not, and would read the pages before this one again for two bounds.
        """
        indexed = (name for name in shape.bound if self.filters[name].indexed)
        return next(indexed, None) if shape.engine == "postgres" else None

    def _criteria(
        self, table: Any, leading: str | None, shape: _Shape, places: Mapping[str, Any]
    ) -> Iterator[Any]:
        """What a row must meet, its placeholders in the order of the parameters on SQLite."""
        for name in shape.bound:
            if name != leading:
                known = self.filters[name]
                yield _COMPARE[known.comparison](table[known.column], places[name])
        for name in shape.null:
            yield table[self.filters[name].column].isnull()
        after, start, end = (lt, le, ge) if shape.descending else (gt, ge, le)
        if leading is None:
            if shape.continued:
                yield after(table[_KEY], places[_AFTER])
            return
        column = table[self.filters[leading].column]
        yield end(column, places[leading])
        if shape.continued:
            yield after(Tuple(column, table[_KEY]), Tuple(places[leading], places[_AFTER]))
        else:
            yield start(column, places[leading])
