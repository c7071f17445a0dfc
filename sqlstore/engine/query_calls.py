"""Named queries called by attribute: `store.q.users.get(session_id="web_ann")`.

No method has to be written for them. What a call gives is what the query's kind says:
a row or None, a list of rows, a value, a number; a `:stream` is iterated with `async for`.
`python -m sqlstore check --stubs` writes their types for editors and type checkers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from sqlstore.engine.driver import Executor
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.queries import Queries, Query, Table
from sqlstore.engine.repository import PAGE_SIZE, pages


class QueryCalls:
    """The tables of a store, each an attribute; bound to a driver, or to one transaction."""

    def __init__(self, executor: Executor, queries: Queries) -> None:
        self._executor = executor
        self._queries = queries

    def __getattr__(self, table: str) -> TableCalls:
        if table.startswith("_"):
            raise AttributeError(table)
        try:
            calls = TableCalls(self._executor, self._queries.table(table))
        except ConfigurationError as error:
            raise AttributeError(str(error)) from None
        self.__dict__[table] = calls  # found at once from now on
        return calls


class TableCalls:
    """The queries of one table, each a method that takes its parameters by position or name.

    A method raises TypeError for other parameters, and what `Executor.call` raises.
    """

    def __init__(self, executor: Executor, queries: Table) -> None:
        self._executor = executor
        self._table = queries

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        call = _callable(self._executor, getattr(self._table, name))
        self.__dict__[name] = call
        return call


def _callable(executor: Executor, query: Query) -> Callable[..., Any]:
    async def call(*given: object, **named: object) -> Any:
        return await executor.call(query, *_in_order(query, given, named))

    async def stream(*, page_size: int = PAGE_SIZE, **named: object) -> AsyncIterator[Any]:
        async for page in pages(executor, query, named, page_size):
            for found in page:
                yield found

    method: Callable[..., Any] = stream if query.kind == "stream" else call
    method.__name__, method.__qualname__, method.__doc__ = query.header.name, query.name, query.doc
    return method


def _in_order(query: Query, given: Sequence[object], named: Mapping[str, object]) -> Sequence[object]:
    if not named:
        return given
    missing = query.parameters[len(given) :]
    if set(missing) != set(named):
        wanted, got = ", ".join(missing) or "no more", ", ".join(named)
        raise TypeError(f"{query.name}() takes {wanted} by name, but was given {got}")
    return (*given, *(named[name] for name in missing))
