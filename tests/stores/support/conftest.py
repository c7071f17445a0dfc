"""An open support store on each engine, and hand-written SQL beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sqlstore.engine.driver import Statement
from sqlstore.stores.support import Message, Support

Execute = Callable[[str], Awaitable[int]]

GROUP = -1_001_234_567_890
ANN, BOB = 7, 8


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Support]:
    """The store, on each engine in turn."""
    async with Support.open(url) as store:
        yield store


@pytest.fixture
async def staffed(desk: Support) -> Support:
    """The store with a group, Ann who asks and Bob who answers."""
    await desk.chats.save(GROUP, "supergroup", "Customers")
    await desk.users.save(ANN, "Ann", username="ann")
    await desk.users.save(BOB, "Bob")
    await desk.users.set_internal(BOB, True)
    return desk


@pytest.fixture
async def message(staffed: Support) -> Message:
    """A message that Ann wrote in the group."""
    return await staffed.messages.append(1, GROUP, ANN, "It does not start")


@pytest.fixture
def execute(desk: Support) -> Execute:
    """Run a statement as another program would; gives the number of rows changed."""

    async def run(sql: str) -> int:
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda rows, changed: changed,
        )  # fmt: skip
        return await desk.driver.call(statement)

    return run
