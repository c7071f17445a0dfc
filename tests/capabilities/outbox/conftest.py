"""A database that can be taken away and brought back, on each engine in turn."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.store import Store
from tests.engine.proxy import Proxy, proxy


class Removable:
    """url: of the database, by the way that can be cut. settings: of an outbox that is quick to try again."""

    def __init__(self, url: str, direct_url: str, settings: OutboxSettings) -> None:
        self.url, self.direct_url, self.settings = url, direct_url, settings

    async def take_away(self) -> None:
        """No write gets through any more."""
        raise NotImplementedError

    async def bring_back(self) -> None:
        """It is as before."""
        raise NotImplementedError


class _Locked(Removable):
    """SQLite: another process holds the lock, longer than anybody waits."""

    _other: sqlite3.Connection | None = None

    async def take_away(self) -> None:
        self._other = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    async def bring_back(self) -> None:
        assert self._other is not None
        self._other.close()


class _Unreachable(Removable):
    """PostgreSQL: connections are reset and refused."""

    server: Proxy

    async def take_away(self) -> None:
        await self.server.refuse()

    async def bring_back(self) -> None:
        await self.server.start()


@pytest.fixture
def settings(tmp_path: Path) -> OutboxSettings:
    """Of an outbox that has little patience."""
    return OutboxSettings(
        tmp_path / "made" / "outbox.db", patience_s=0.3, first_pause_s=0.02, longest_pause_s=0.1
    )


@pytest.fixture
async def removable(url: str, engine: str, settings: OutboxSettings) -> AsyncIterator[Removable]:
    """The empty database of each engine, that can be taken away."""
    if engine == "sqlite":
        yield _Locked(url, url, settings)
        return
    address = parse(url)
    assert isinstance(address, PostgresAddress)
    host, port = address.hosts[0]
    async with proxy(host, port) as running:
        user = f"{address.user}:{address.password}" if address.password else address.user
        place = f"127.0.0.1:{running.port}/{address.database}?schema={address.schema}&sslmode=disable"
        database = _Unreachable(f"postgresql://{user}@{place}", url, settings)
        database.server = running
        yield database


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_written(store: Store) -> None:
    """Until nothing waits in a store's outbox, and the database counts as being there."""
    assert store.outbox is not None
    backlog = store.outbox.backlog
    await until(lambda: backlog().records == 0 and not backlog().away)
