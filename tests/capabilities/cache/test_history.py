"""What a cached history gives, and when the cache is asked."""

import asyncio

import pytest

from sqlstore.capabilities.cache import Cache, RedisCache
from sqlstore.capabilities.cache.caching import MOST_ROWS
from sqlstore.engine.errors import ConfigurationError, InvalidValue, UsageError
from sqlstore.engine.observe import NOBODY
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.support import Support

from .conftest import Uses, cached_store


async def test_the_same_messages_come_from_cache_and_database(
    store: Conversations, plain: Conversations, chat: str, uses: Uses
) -> None:
    await store.messages.append(
        chat,
        "assistant",
        "ja, 네, ☔ \x01",
        agent_used="weather",
        routing_info={"confidence": 0.92, "zero": -0.0, "one": 1.0, "long": 2**63 - 1, "when": "2024-01-01"},
        references=[None, True, [], {}, {"": "페이지"}],
        metadata={},
    )
    truth = await plain.messages.history(chat)
    assert [await store.messages.history(chat) for _ in range(3)] == [truth] * 3
    assert uses.taken() == ["miss", "hit", "hit"]
    assert repr(await store.messages.history(chat)) == repr(truth)  # 1 == 1.0 == True, but not in a repr


async def test_rows_of_other_programs_with_nothing_in_them(
    store: Conversations, plain: Conversations, chat: str, uses: Uses, by_hand
) -> None:
    await by_hand(
        'UPDATE messages SET timestamp = NULL, metadata = NULL, routing_info = NULL, "references" = NULL, '
        "agent_used = NULL"
    )
    await by_hand("UPDATE messages SET timestamp = '0002-01-01T00:00:00.000001Z' WHERE content = 'text 1'")
    await by_hand("UPDATE messages SET timestamp = '9998-12-31T23:59:59.999999Z' WHERE content = 'text 2'")
    truth = await plain.messages.history(chat)
    assert [await store.messages.history(chat) for _ in range(2)] == [truth] * 2
    assert uses.taken() == ["miss", "hit"]


async def test_fewer_messages_than_are_kept_come_from_the_cache_and_more_do_not(
    store: Conversations, plain: Conversations, chat: str, uses: Uses
) -> None:
    asked = (3, 1, 3, 4, 2, 50, 5, 6, 200)
    for limit in asked:
        assert await store.messages.history(chat, limit) == await plain.messages.history(chat, limit)
    assert uses.taken() == ["miss", "hit", "hit", "miss", "hit", "miss", "hit", "hit", "hit"]


async def test_what_is_not_the_recent_history_is_not_cached(
    store: Conversations, plain: Conversations, chat: str, uses: Uses
) -> None:
    newest = (await store.messages.history(chat))[-1]
    uses.taken()
    assert await store.messages.history(chat, before=newest.seq) == (await plain.messages.history(chat))[:-1]
    assert len(await store.messages.history(chat, MOST_ROWS + 1)) == 5
    assert uses.taken() == []


async def test_a_budget_of_tokens_reads_its_newest_messages_from_the_cache(
    store: Conversations, plain: Conversations, chat: str, uses: Uses
) -> None:
    for _ in range(20):
        await store.messages.append(chat, "user", "x" * 40)
    for _ in range(2):
        assert await store.messages.history_within(chat, 170) == await plain.messages.history_within(
            chat, 170
        )
    assert uses.taken() == ["miss", "hit"]


async def test_conversations_without_messages_and_unknown_ones_are_empty(
    store: Conversations, redis, uses: Uses
) -> None:
    empty = (await store.conversations.create(1)).id
    for conversation_id in (empty, "unknown", "", "ü\n*?[x]"):
        assert await store.messages.history(conversation_id) == []
    assert uses.counted() == {"miss": 4}
    for refused in ("a\0b", "\ud800", 5, None):
        with pytest.raises(InvalidValue) as caught:
            await store.messages.history(refused)
        assert caught.value.parameter == "conversation_id"


async def test_a_transaction_reads_the_database_alone(store: Conversations, chat: str, uses: Uses) -> None:
    before = await store.messages.history(chat)
    uses.taken()
    async with store.transaction() as tx:
        own = await tx.messages.append(chat, "user", "not committed yet")
        assert (await tx.messages.history(chat))[-1] == own
        async with tx.transaction() as inner:
            assert (await inner.messages.history(chat))[-1] == own
        with pytest.raises(UsageError):
            await store.messages.history(chat)

    async def read(held: Conversations) -> int:
        return len(await held.messages.history(chat))

    assert await store.run(read) == len(before) + 1
    assert uses.taken() == []


async def test_values_expire(url: str, redis, uses: Uses) -> None:
    async with Conversations.open(url, cache=RedisCache(redis.url, ttl_s=0.2), observers=[uses]) as store:
        chat = (await store.conversations.create(1)).id
        message = await store.messages.append(chat, "user", "text")
        for _ in range(2):
            assert await store.messages.history(chat) == [message]
        await asyncio.sleep(0.3)
        assert redis.stored_keys() == []
        assert await store.messages.history(chat) == [message]
    assert uses.taken() == ["miss", "hit", "miss"]


async def test_a_history_that_takes_too_much_room_is_not_kept(
    store: Conversations, plain: Conversations, chat: str, redis, uses: Uses
) -> None:
    await store.messages.append(chat, "user", "x" * 300_000)
    for _ in range(2):
        assert await store.messages.history(chat) == await plain.messages.history(chat)
    assert uses.taken() == ["miss", "miss"]
    assert redis.stored_keys() == []


async def test_numbers_that_only_the_database_can_hold_are_not_kept(
    store: Conversations, plain: Conversations, chat: str, uses: Uses, by_hand
) -> None:
    await by_hand(f"UPDATE messages SET metadata = '{{\"n\": {2**70}}}'")
    for _ in range(2):
        assert await store.messages.history(chat) == await plain.messages.history(chat)
    assert uses.taken() == ["miss", "miss"]


async def test_what_is_deleted_leaves_redis_too(store: Conversations, chat: str, redis) -> None:
    other = (await store.conversations.create(2)).id
    await store.messages.append(other, "user", "canary")
    for conversation_id in (chat, other):
        await store.messages.history(conversation_id)
    assert len(redis.stored_keys()) == 2
    await store.conversations.delete(chat)
    assert len(redis.stored_keys()) == 1
    await store.erase_person("2")
    assert redis.stored_keys() == []


async def test_emptying_takes_what_is_of_this_database_and_nothing_else(store: Conversations, redis) -> None:
    assert store.cache is not None
    for number in range(1_200):
        await store.cache._client.ask("SET", f"{store.cache._prefix}messages:{number}", b"x")
    other = Cache(RedisCache(redis.url), "elsewhere", NOBODY)
    await other._client.ask("SET", f"{other._prefix}messages:1", b"x")
    await other._client.ask("SET", "theirs", b"x")
    assert await store.cache.forget_everything()
    assert redis.command(b"DBSIZE") == b":2\r\n"
    await other.close()


async def test_stores_share_what_is_kept_by_whatever_address_they_are_opened(
    store: Conversations, chat: str, url: str, redis_url: str, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = url.replace(f"{tmp_path}/", "").replace("@127.0.0.1:", "@localhost:")
    await store.messages.history(chat)
    for address in (url, elsewhere):
        uses = Uses()
        async with cached_store(address, redis_url, uses) as other:
            assert await other.messages.history(chat) == await store.messages.history(chat)
        assert uses.taken() == ["hit"]


async def test_two_databases_keep_theirs_apart(store: Conversations, redis, tmp_path) -> None:
    async with cached_store(f"sqlite:///{tmp_path}/other.db", redis.url) as other:
        for each in (store, other):
            await each.conversations.create(1, conversation_id="chat")
            await each.messages.append("chat", "user", "text")
            await each.messages.history("chat")
        assert len(redis.stored_keys()) == 2
        assert other.cache is not None
        assert await other.cache.forget_everything()
        assert len(redis.stored_keys()) == 1


async def test_a_store_that_has_nothing_to_cache_says_so(url: str) -> None:
    with pytest.raises(ConfigurationError, match="support caches nothing"):
        await Support.open(url, cache=True)
    async with Support.open(url, cache=False) as desk:
        assert desk.cache is None
