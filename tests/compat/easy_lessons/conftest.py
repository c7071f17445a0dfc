"""The old bot's adapter on each engine, and on a database that can be taken away."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter
from sqlstore.config import LessonsSettings
from sqlstore.stores.lessons import Lessons


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder and none of the bot's variables."""
    for name in LessonsSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the logger `sqlstore` was told so far, tracebacks included."""
    caplog.set_level(logging.DEBUG, logger="sqlstore")
    formatter = logging.Formatter("%(levelname)s %(message)s")
    return lambda: [formatter.format(record) for record in caplog.records]


@pytest.fixture
async def database(url: str) -> AsyncIterator[DatabaseManager]:
    """An open database, on each engine in turn."""
    manager = DatabaseManager(url=url)
    assert await manager.initialize() is True
    yield manager
    await manager.close()


@pytest.fixture
async def adapter(database: DatabaseManager) -> AsyncIterator[PersistenceAdapter]:
    """The adapter over the open database."""
    async with PersistenceAdapter(database) as opened:
        yield opened


@pytest.fixture
async def beside(url: str, database: DatabaseManager) -> AsyncIterator[Lessons]:
    """The same database, as another process has it."""
    async with Lessons.open(url) as store:
        yield store


@pytest.fixture
async def in_memory() -> AsyncIterator[PersistenceAdapter]:
    """The adapter with DATABASE_ENABLED=false."""
    async with PersistenceAdapter(DatabaseManager(LessonsSettings(database_enabled=False))) as opened:
        yield opened


@pytest.fixture(params=["adapter", "in_memory"])
def either(request: pytest.FixtureRequest, engine: str) -> PersistenceAdapter:
    """The adapter over each engine, and over none: it must behave the same."""
    return request.getfixturevalue(request.param)


class Removable:
    """A SQLite database whose file is taken away and put back."""

    def __init__(self, folder: Path) -> None:
        self.path, self._elsewhere = folder / "bot.db", folder / "taken away"
        self.manager = DatabaseManager(LessonsSettings(database_path=self.path), first_pause_s=0.02)

    def take_away(self) -> None:
        """The file is not where it was."""
        self.path.rename(self._elsewhere)

    async def put_back(self) -> None:
        """The file is there again, and the manager has noticed."""
        self._elsewhere.rename(self.path)
        await self.wait_for(lambda: self.manager.is_available)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until something is so, at most 10 seconds."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def rows(self, work: Callable[[Lessons], Awaitable[object]]) -> object:
        """What another process finds in the file."""
        async with Lessons.open(f"sqlite:///{self.path}", create=False) as store:
            return await work(store)


@pytest.fixture
async def removable(tmp_path: Path) -> AsyncIterator[Removable]:
    """A database that can be taken away; not opened yet."""
    database = Removable(tmp_path)
    yield database
    await database.manager.close()
