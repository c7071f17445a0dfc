"""An open chatbot store on each engine, and hand-written SQL beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sqlstore.engine.driver import Statement
from sqlstore.stores.chatbot import Chatbot

Execute = Callable[[str], Awaitable[int]]


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Chatbot]:
    """The store, on each engine in turn."""
    async with Chatbot.open(url) as store:
        yield store


@pytest.fixture
def execute(bot: Chatbot) -> Execute:
    """Run a statement as another program would; gives the number of rows changed."""

    async def run(sql: str) -> int:
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda rows, changed: changed,
        )  # fmt: skip
        return await bot.driver.call(statement)

    return run
