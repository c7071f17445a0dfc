"""Whatever Redis does, the database answers, nothing is raised, and little time is lost."""

import asyncio
import logging
import time

import pytest

from sqlstore.capabilities.cache.breaker import FAILURES, CircuitBreaker
from sqlstore.capabilities.cache.client import DEADLINE_S
from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis, own_redis

from .conftest import PATIENCE_S, SLACK_S, Uses, be_impatient, cached_store, close_breaker, read, within

SECRET = "s3cr3t-canary"


async def test_redis_that_is_stopped_costs_nothing_after_a_few_calls(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await read(store, chat, 2)
    redis.stop()
    uses.taken()
    await read(store, chat, 6)
    assert uses.taken() == ["error"] * FAILURES + ["skipped"] * 3
    close_breaker(store)
    await read(store, chat, 3)
    assert uses.taken() == ["error", "skipped", "skipped"]
    redis.start()
    close_breaker(store)
    await read(store, chat, 3)
    assert uses.taken() == ["miss", "hit", "hit"]


async def test_redis_that_is_not_there_at_the_start_is_used_when_it_comes(
    url: str, redis: OwnRedis, uses: Uses
) -> None:
    redis.stop()
    async with cached_store(url, redis.url, uses) as store:
        chat = (await store.conversations.create(1)).id
        message = await store.messages.append(chat, "user", "text")
        assert await store.messages.history(chat) == [message]
        redis.start()
        assert [await store.messages.history(chat) for _ in range(2)] == [[message]] * 2
    assert uses.taken() == ["error", "miss", "hit"]


async def test_a_frozen_redis_costs_a_tenth_of_a_second_a_few_times(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await read(store, chat, 2)
    be_impatient(store)
    redis.freeze()
    uses.taken()
    async with within(FAILURES * DEADLINE_S):
        await read(store, chat, 50)
    assert [use.error for use in uses.all if use.error] == ["DeadlineExceeded"] * FAILURES
    assert all(use.seconds < DEADLINE_S + SLACK_S for use in uses.all)
    assert uses.counted() == {"error": FAILURES, "skipped": 50 - FAILURES}
    redis.thaw()
    be_impatient(store, PATIENCE_S)
    close_breaker(store)
    await read(store, chat, 2)
    assert uses.taken() == ["hit", "hit"]


async def test_many_calls_at_once_lose_no_more_to_a_frozen_redis_than_one(
    store: Conversations, chat: str, redis: OwnRedis
) -> None:
    await read(store, chat)
    be_impatient(store)
    redis.freeze()
    async with within(DEADLINE_S + 0.5):
        found = await asyncio.gather(*(store.messages.history(chat) for _ in range(100)))
    assert {len(messages) for messages in found} == {5}


async def test_a_slow_redis_costs_a_tenth_of_a_second_for_all_that_a_call_asks(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await read(store, chat)
    be_impatient(store)
    uses.taken()
    redis.command(b"CLIENT", b"PAUSE", b"400", b"ALL")
    await read(store, chat)
    await asyncio.sleep(0.4)
    redis.command(b"FLUSHALL")
    redis.command(b"CLIENT", b"PAUSE", b"10000", b"WRITE")  # reads are answered, writes wait
    await read(store, chat)
    redis.command(b"CLIENT", b"UNPAUSE")
    be_impatient(store, PATIENCE_S)
    await read(store, chat, 2)
    outcomes = uses.taken()  # what was given up may have been written all the same, later
    assert outcomes[:2] == ["error", "error"]
    assert outcomes[3] == "hit"


async def test_a_full_redis_keeps_nothing_new(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await read(store, chat)
    redis.command(b"CONFIG", b"SET", b"maxmemory", b"1")
    await read(store, chat)  # what it has, it still gives
    new = await store.messages.append(chat, "user", "new")
    for _ in range(2 * FAILURES):
        assert (await store.messages.history(chat))[-1] == new
    assert [(use.outcome, use.error) for use in uses.all] == [
        ("miss", None), ("hit", None), *[("error", "OutOfMemoryError")] * (2 * FAILURES),
    ]  # fmt: skip


async def test_redis_that_was_started_again_is_empty_and_used_at_once(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await asyncio.gather(*(read(store, chat) for _ in range(8)))  # several connections
    uses.taken()
    redis.stop()
    redis.start()
    await read(store, chat, 3)
    assert uses.taken() == ["miss", "hit", "hit"]


@pytest.mark.parametrize(
    "damage",
    [
        (b"SET", b"", b"garbage"),
        (b"SETRANGE", b"", b"40", b"X"),
        (b"APPEND", b"", b"X"),
        (b"SETRANGE", b"", b"0", b"\0\0\0\0"),
        (b"SET", b"", b"x" * 1_000_000),
    ],
)
async def test_a_damaged_value_is_none(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses, damage: tuple[bytes, ...]
) -> None:
    await read(store, chat)
    (key,) = redis.stored_keys()
    redis.command(damage[0], key, *damage[2:])
    await read(store, chat, 2)
    assert uses.taken() == ["miss", "miss", "hit"]


async def test_another_type_at_the_key_is_passed_over(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    await read(store, chat)
    (key,) = redis.stored_keys()
    redis.command(b"DEL", key)
    redis.command(b"LPUSH", key, b"theirs")
    await read(store, chat, 2 * FAILURES)
    assert uses.counted() == {"miss": 1, "error": 2 * FAILURES}
    assert store.cache is not None
    assert not store.cache._client.breaker.is_open  # other keys can be used


@pytest.mark.parametrize("said", [b"\0\xff\n\r\n", b"$3\r\nabc\r\n" * 9, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-7\r\n", b":1\r\n", b"*-1\r\n", b"$999999999\r\nx", b""])  # fmt: skip
async def test_a_server_that_is_no_redis_is_left_alone(url: str, uses: Uses, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with cached_store(url, f"redis://127.0.0.1:{port}", uses) as store:
        chat = (await store.conversations.create(1)).id
        for number in range(5):
            await store.messages.append(chat, "user", str(number))
        be_impatient(store)
        await read(store, chat, 8)
    assert "hit" not in uses.taken()
    server.close()


async def test_a_wrong_password_and_a_database_that_is_not_there_are_no_errors_of_a_call(
    url: str, tmp_path, uses: Uses, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    with own_redis(tmp_path, password=SECRET) as server:
        place = f"127.0.0.1:{server.port}"
        for address, error in (
            (f"redis://:{SECRET}-wrong@{place}/0", "AuthenticationError"),
            (f"redis://{place}/0", "AuthenticationError"),
            (f"redis://:{SECRET}@{place}/99", "ConnectionRefusedError"),
        ):
            async with cached_store(url, address, uses) as store:
                chat = (await store.conversations.create(1)).id
                for number in range(5):
                    await store.messages.append(chat, "user", str(number))
                await read(store, chat, 5)
                assert SECRET not in repr(store.cache) + repr(vars(store.cache._client))
                health = await store.cache.check()
            assert [use.error for use in uses.all] == [error] * FAILURES + [None] * 2
            assert (health.status, health.error) == ("away", error)
            uses.taken()
        async with cached_store(url, server.url, uses) as store:
            chat = (await store.conversations.create(1)).id
            for _ in range(2):
                await store.messages.history(chat)
            assert (await store.cache.check()).status == "up"
    assert "does not answer" in caplog.text
    assert SECRET not in caplog.text


async def test_an_outage_is_logged_once_and_so_is_its_end(
    store: Conversations, chat: str, redis: OwnRedis, caplog
) -> None:
    caplog.set_level(logging.INFO, "sqlstore.capabilities.cache")
    redis.stop()
    await read(store, chat, 10)
    redis.start()
    close_breaker(store)
    await read(store, chat, 3)
    place = f"redis://127.0.0.1:{redis.port}/0"
    assert [record.getMessage() for record in caplog.records] == [
        f"{place} does not answer (ConnectionError); the database answers alone",
        f"{place} answers again",
    ]
    assert caplog.records[0].store == "conversations"


def test_one_asks_in_each_pause_whatever_becomes_of_it() -> None:
    breaker = CircuitBreaker(failures=2, pause_s=0.05)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert [breaker.admits() for _ in range(3)] == [False] * 3
    for _ in range(2):  # the first one's caller was cancelled
        time.sleep(0.06)
        assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert all(breaker.admits() for _ in range(3))
