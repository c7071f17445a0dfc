"""An open lessons store on each engine, and hand-written SQL beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sqlstore.engine.driver import Statement
from sqlstore.stores.lessons import Lessons

Execute = Callable[[str], Awaitable[int]]


@pytest.fixture
async def lessons(url: str) -> AsyncIterator[Lessons]:
    """The store, on each engine in turn."""
    async with Lessons.open(url) as store:
        yield store


@pytest.fixture
def execute(lessons: Lessons) -> Execute:
    """Run a statement as another program would; gives the number of rows changed."""

    async def run(sql: str) -> int:
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda rows, changed: changed,
        )  # fmt: skip
        return await lessons.driver.call(statement)

    return run
