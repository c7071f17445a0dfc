"""A conversations store with a cache, on each engine in turn, and what its cache did."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from sqlstore.capabilities.cache import RedisCache
from sqlstore.engine.observe import CacheUse, Observer
from sqlstore.stores.conversations import Conversations
from tests import people
from tests.own_redis import OwnRedis, own_redis

PATIENCE_S = 5.0


class Uses(Observer):
    """What calls found in the cache, in order."""

    def __init__(self) -> None:
        self.all: list[CacheUse] = []

    def cache_used(self, store: str, use: CacheUse) -> None:
        assert store == "conversations"
        self.all.append(use)

    def taken(self) -> list[str]:
        """The outcomes since it was last asked."""
        outcomes = [use.outcome for use in self.all]
        self.all.clear()
        return outcomes

    def counted(self) -> Counter[str]:
        return Counter(self.taken())


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server of the test's own."""
    with own_redis(tmp_path) as server:
        yield server


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """Redis where SQLSTORE_TEST_REDIS says, if it does; for tests that may share it."""
    return os.environ.get("SQLSTORE_TEST_REDIS") or request.getfixturevalue("redis").url


@pytest.fixture
def uses() -> Uses:
    return Uses()


@asynccontextmanager
async def cached_store(url: str, redis_url: str, uses: Uses | None = None):
    """The store, with a cache that a busy machine has time for."""
    observers = [uses] if uses else []
    async with Conversations.open(url, cache=RedisCache(redis_url), observers=observers) as opened:
        assert opened.cache is not None
        opened.cache._client.deadline_s = PATIENCE_S
        yield opened


@pytest.fixture
async def store(url: str, redis_url: str, uses: Uses) -> AsyncIterator[Conversations]:
    async with cached_store(url, redis_url, uses) as opened:
        yield opened


@pytest.fixture
async def plain(store: Conversations, url: str) -> AsyncIterator[Conversations]:
    """The same database, without a cache: the truth."""
    async with Conversations.open(url) as opened:
        yield opened


@pytest.fixture
async def chat(store: Conversations) -> str:
    """A conversation of five messages."""
    chat = (await store.conversations.create(1)).id
    for number in range(5):
        await store.messages.append(chat, "user", f"text {number}", metadata={"number": number})
    return chat


@pytest.fixture
def by_hand(store: Conversations) -> Callable[[str], Awaitable[int]]:
    """Run a statement as another program would; gives the number of rows changed."""
    return partial(people.by_hand, store)
