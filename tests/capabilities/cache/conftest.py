"""A conversations store with a cache, on each engine in turn, and what its cache did."""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from sqlstore.capabilities.cache import RedisCache
from sqlstore.capabilities.cache.client import DEADLINE_S
from sqlstore.engine.observe import CacheUse, Observer
from sqlstore.stores.conversations import Conversations
from tests import people
from tests.own_redis import OwnRedis, own_redis

PATIENCE_S = 5.0
SLACK_S = 1.0
"""What a busy machine may add to a deadline."""
OTHER = "another"


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
    """Redis where SQLSTORE_TEST_REDIS says, if it does; a test that asks for `redis` shares it with nobody."""
    shared = None if "redis" in request.fixturenames else os.environ.get("SQLSTORE_TEST_REDIS")
    return shared or request.getfixturevalue("redis").url


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


@pytest.fixture
async def kept(store: Conversations, chat: str, uses: Uses) -> str:
    """A conversation whose history is in the cache; there is another one, with one message."""
    await store.conversations.create(2, conversation_id=OTHER)
    await store.messages.append(OTHER, "user", "elsewhere")
    for conversation_id in (chat, OTHER):
        for _ in range(2):
            await store.messages.history(conversation_id)
    assert uses.counted() == {"miss": 2, "hit": 2}
    return chat


async def check_same(store: Conversations, plain: Conversations, *chats: str) -> None:
    """Twice: what is read first is kept, and is not old either."""
    for _ in range(2):
        for chat in chats:
            assert await store.messages.history(chat) == await plain.messages.history(chat)


@asynccontextmanager
async def within(seconds: float):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds + SLACK_S


async def read(store: Conversations, chat: str, times: int = 1) -> None:
    """Its five messages, each time within the deadline."""
    assert store.cache is not None
    for _ in range(times):
        async with within(store.cache._client.deadline_s):
            assert len(await store.messages.history(chat)) == 5


def be_impatient(store: Conversations, deadline_s: float = DEADLINE_S) -> None:
    """With the deadline as it is outside of tests."""
    assert store.cache is not None
    store.cache._client.deadline_s = deadline_s


def close_breaker(store: Conversations) -> None:
    """As if the pause were over."""
    assert store.cache is not None
    store.cache._client.breaker._until = 0.0
