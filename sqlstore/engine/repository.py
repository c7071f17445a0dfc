"""A repository: the named queries of one table as methods.

    class UserRepository(Repository):
        table = "users"

        async def get(self, session_id: str) -> User | None:
            return await self._one(User, self._q.get, session_id)

The helpers say what a method gives, for people and for type checkers; what the
query gives is in its header. Where the two differ, the call raises UsageError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final, NoReturn, TypeAlias, TypeVar, cast

from sqlstore.engine.driver import Executor, Kind
from sqlstore.engine.errors import UsageError
from sqlstore.engine.queries import AFTER, Query, Table

R = TypeVar("R")
Answer: TypeAlias = Coroutine[Any, Any, R]
"""What is awaited."""

PAGE_SIZE: Final = 500
"""Rows that a stream fetches at once."""


class Repository:
    """Base of repositories: bound to a driver, or to one transaction.

    `table` is the name of the query file(s) in the store's folder under `sql/`.
    """

    table: ClassVar[str]

    def __init__(self, executor: Executor, queries: Table) -> None:
        self._executor = executor
        self._q = queries

    # The helpers hand the executor's coroutine on: one more in between would cost each call.

    def _one(self, row: type[R], query: Query, *arguments: object) -> Answer[R | None]:
        """The row that a `:one` query gives, or None. Raises TooManyRows for a second."""
        if query.row is not row or query.kind != "one":
            _refuse(query, "one", row)
        return self._executor.call(query, *arguments)

    def _many(self, row: type[R], query: Query, *arguments: object) -> Answer[list[R]]:
        """The rows that a `:many` query gives."""
        if query.row is not row or query.kind != "many":
            _refuse(query, "many", row)
        return self._executor.call(query, *arguments)

    def _value(self, kind: type[R], query: Query, *arguments: object) -> Answer[R]:  # noqa: ARG002 - for type checkers
        """What a `:value` query gives. Use `_optional_value` where that may be None."""
        if query.kind != "value":
            _refuse(query, "value")
        return self._executor.call(query, *arguments)

    def _optional_value(self, kind: type[R], query: Query, *arguments: object) -> Answer[R | None]:
        """What a `:value` query gives: a value, or None for NULL or no row."""
        return self._value(cast("type[R | None]", kind), query, *arguments)

    def _changed(self, query: Query, *arguments: object) -> Answer[int]:
        """How many rows a `:changed` query changed."""
        if query.kind != "changed":
            _refuse(query, "changed")
        return self._executor.call(query, *arguments)

    def _changed_many(self, query: Query, rows: Sequence[Sequence[object]]) -> Answer[int]:
        """Run a `:changed` query once for each row of arguments, all or none."""
        if query.kind != "changed":
            _refuse(query, "changed")
        return self._executor.call_many(query, rows)

    async def _stream(
        self, row: type[R], query: Query, *, page_size: int = PAGE_SIZE, **arguments: object
    ) -> AsyncIterator[R]:
        """The rows of a `:stream` query, page by page: no cursor stays open between pages.

        Each page starts after the last row of the one before (its `after_…`
        parameters), so rows written meanwhile are met or not, but none twice.
        """
        if query.row is not row or query.kind != "stream":
            _refuse(query, "stream", row)
        async for page in pages(self._executor, query, arguments, page_size):
            for found in page:
                yield found


async def pages(
    executor: Executor, query: Query, arguments: Mapping[str, object], page_size: int = PAGE_SIZE
) -> AsyncIterator[list[Any]]:
    """The rows of a `:stream` query, a list for each page. arguments: all but `page_size` and `after_…`."""
    position: dict[str, object] = dict.fromkeys(name for name in query.parameters if name.startswith(AFTER))
    while True:
        given = {**arguments, **position, "page_size": page_size}
        page = await executor.call(query, *(given[name] for name in query.parameters))
        if page:
            yield page
        if len(page) < page_size:
            return
        position = {name: getattr(page[-1], name.removeprefix(AFTER)) for name in position}


def _refuse(query: Query, kind: Kind, row: type[Any] | None = None) -> NoReturn:
    declared = f":{query.kind}" if query.row is None else f":{query.kind} {query.row.__name__}"
    used = f":{kind}" if row is None else f":{kind} {row.__name__}"
    raise UsageError(f"{query.source}: {query.name} is declared {declared}, its method uses it as {used}")
