"""An open assistant store on each engine, and hand-written SQL beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sqlstore.engine.driver import Statement
from sqlstore.stores.assistant import Assistant, Command, Session, User

Execute = Callable[[str], Awaitable[int]]


@pytest.fixture
async def assistant(url: str) -> AsyncIterator[Assistant]:
    """The store, on each engine in turn."""
    async with Assistant.open(url) as store:
        yield store


@pytest.fixture
def execute(assistant: Assistant) -> Execute:
    """Run a statement as another program would; gives the number of rows changed."""

    async def run(sql: str) -> int:
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda rows, changed: changed,
        )  # fmt: skip
        return await assistant.driver.call(statement)

    return run


@pytest.fixture
async def user(assistant: Assistant) -> User:
    return await assistant.users.create("machine")


@pytest.fixture
async def session(assistant: Assistant, user: User) -> Session:
    return await assistant.sessions.create(user.id)


@pytest.fixture
async def command(assistant: Assistant, session: Session) -> Command:
    return await assistant.commands.create(session.id, "What is this?")


@pytest.fixture
async def filled(assistant: Assistant) -> User:
    """One row in each table."""
    user = await assistant.memory.update("a", "short", "long")
    session = await assistant.sessions.create(user.id)
    await assistant.sessions.end(session.id)
    command = await assistant.commands.create(session.id, "p")
    await assistant.answers.create(command.id, "p", "r")
    await assistant.screenshots.create(session.id, "a.png", "https://a/a.png")
    await assistant.metrics.create(session.id, "cpu", {"percent": 5})
    return user
