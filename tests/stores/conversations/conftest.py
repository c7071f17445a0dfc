"""An open conversations store on each engine, and hand-written SQL beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sqlstore.engine.driver import Statement
from sqlstore.stores.conversations import Conversations

Execute = Callable[[str], Awaitable[int]]


@pytest.fixture
async def store(url: str) -> AsyncIterator[Conversations]:
    """The store, on each engine in turn."""
    async with Conversations.open(url) as opened:
        yield opened


@pytest.fixture
def execute(store: Conversations) -> Execute:
    """Run a statement as another program would; gives the number of rows changed."""

    async def run(sql: str) -> int:
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda rows, changed: changed,
        )  # fmt: skip
        return await store.driver.call(statement)

    return run
