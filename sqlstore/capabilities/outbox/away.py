"""When a database counts as away, and what stands in its place then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn, TypeVar

from sqlstore.engine.driver import Executor, Statement
from sqlstore.engine.errors import (
    CorruptDatabase,
    DeadlineExceeded,
    OutcomeUnknown,
    ReadOnlyDatabase,
    StorageFull,
    StoreError,
    Unavailable,
)
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.engine.values import Engine

T = TypeVar("T")

AWAY: Final = (
    Unavailable, DeadlineExceeded, OutcomeUnknown, ReadOnlyDatabase, StorageFull, CorruptDatabase,
)  # fmt: skip
"""What a database answers that cannot take a write now, whatever the write says."""


class NotThere(Executor):
    """In place of a database that is away: lets values through the gate, and raises Unavailable then."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def call(self, statement: Statement[T], *arguments: object) -> T:
        """Raise InvalidValue for what no database could keep, else Unavailable."""
        statement.encode(*arguments)
        self._refuse(statement.name)

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        """As `call`."""
        for row in rows:
            statement.encode(*row)
        self._refuse(statement.name)

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:  # noqa: ARG002 - an executor's
        """Raise Unavailable."""
        self._refuse(None)

    def _refuse(self, query: str | None) -> NoReturn:
        raise Unavailable("the database is away; it is tried again in the background", query=query)


def described(error: BaseException) -> str:
    """What may be kept and shown of an error: never a value."""
    text = f": {error}" if isinstance(error, StoreError) else ""
    return f"{type(error).__name__}{text}"
