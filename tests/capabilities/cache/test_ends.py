"""Callers that are cancelled, and stores that are closed, leave nothing behind."""

import asyncio
import gc
import os
import random

import pytest

from sqlstore.capabilities.cache import Cache, RedisCache
from sqlstore.capabilities.cache.client import MOST_CONNECTIONS
from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis

from .conftest import Uses, close_breaker, read, within


@pytest.mark.slow
async def test_callers_that_are_cancelled_leave_nothing(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    chance = random.Random(3)
    await read(store, chat)
    before = open_files()

    async def call(number: int) -> None:
        if number % 3 == 0:
            await store.messages.append(other, "user", str(number))
        found = await store.messages.history(chat if number % 2 else other)
        assert {message.conversation_id for message in found} <= {chat if number % 2 else other}

    other = (await store.conversations.create(1)).id
    for number in range(400):
        task = asyncio.create_task(call(number))
        await asyncio.sleep(chance.random() * 0.002)
        task.cancel()
        if number % 10 == 0:
            await asyncio.gather(task, return_exceptions=True)
    assert store.cache is not None
    await all_ended(store.cache)
    close_breaker(store)
    uses.taken()
    await read(store, chat, 2)
    assert uses.taken()[-1] == "hit"
    assert redis.connections() <= MOST_CONNECTIONS
    gc.collect()
    assert open_files() <= before + MOST_CONNECTIONS


async def all_ended(cache: Cache) -> None:
    """No command is under way; fails after a while."""
    async with asyncio.timeout(10):
        while cache._client._running:
            await asyncio.sleep(0.01)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_callers_that_are_cancelled_at_a_frozen_redis_leave_nothing(
    store: Conversations, chat: str, redis: OwnRedis
) -> None:
    await read(store, chat)
    assert store.cache is not None
    redis.freeze()
    for _ in range(30):
        task = asyncio.create_task(store.messages.history(chat))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await all_ended(store.cache)
    assert not store.cache._client._idle
    redis.thaw()
    close_breaker(store)
    await read(store, chat, 2)
    assert redis.connections() <= 2


@pytest.mark.parametrize("state", ["well", "frozen", "stopped"])
async def test_closing_takes_no_longer_than_two_seconds(url: str, redis: OwnRedis, state: str) -> None:
    store = await Conversations.open(url, cache=RedisCache(redis.url))
    chat = (await store.conversations.create(1)).id
    await store.messages.append(chat, "user", "x" * 200_000)
    await asyncio.gather(*(store.messages.history(chat) for _ in range(20)))
    before = open_files()
    if state == "frozen":
        redis.freeze()
    elif state == "stopped":
        redis.stop()
    calls = [asyncio.create_task(store.messages.history(chat)) for _ in range(20)]
    await asyncio.sleep(0)
    async with within(2):
        await store.close()
    await asyncio.gather(*calls, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert open_files() < before
    if state == "well":
        assert redis.connections() == 0


async def test_no_more_connections_than_there_may_be(
    store: Conversations, chat: str, redis: OwnRedis
) -> None:
    await asyncio.gather(*(store.messages.history(chat) for _ in range(300)))
    assert redis.connections() <= MOST_CONNECTIONS
