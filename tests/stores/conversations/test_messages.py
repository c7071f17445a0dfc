"""MessageRepository, on both engines."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, ForeignKeyViolation, InvalidValue, UniqueViolation
from sqlstore.stores.conversations import Conversations, Message


@pytest.fixture
async def chat(store: Conversations) -> str:
    """The id of a conversation."""
    return (await store.conversations.create(1)).id


async def fill(store: Conversations, chat: str, count: int) -> list[Message]:
    return [await store.messages.append(chat, "user", f"text {number}") for number in range(count)]


async def test_a_message_comes_back_as_it_was_written(store: Conversations, chat: str) -> None:
    before = datetime.now(UTC)
    appended = await store.messages.append(
        chat,
        "assistant",
        "Yes, from noon on. ☔",
        agent_used="weather",
        routing_info={"agent": "weather", "confidence": 0.92, "candidates": ["weather", "news"]},
        references=[{"url": "https://example.com/a?b=c"}, "페이지 2"],
        metadata={"tokens": 12},
    )
    assert appended == await store.messages.get(appended.id)
    assert (appended.conversation_id, appended.role, appended.content) == (
        chat,
        "assistant",
        "Yes, from noon on. ☔",
    )
    assert appended.agent_used == "weather"
    assert appended.routing_info == {
        "agent": "weather",
        "confidence": 0.92,
        "candidates": ["weather", "news"],
    }
    assert appended.references == [{"url": "https://example.com/a?b=c"}, "페이지 2"]
    assert appended.metadata == {"tokens": 12}
    assert appended.timestamp is not None
    assert before <= appended.timestamp <= datetime.now(UTC)


async def test_what_is_not_given_is_empty(store: Conversations, chat: str) -> None:
    appended = await store.messages.append(chat, "system", "")
    assert (appended.agent_used, appended.routing_info, appended.references, appended.metadata) == (
        None,
        {},
        [],
        {},
    )
    assert (appended.content, len(appended.id)) == ("", 36)


async def test_appending_again_gives_the_message_that_is_there(store: Conversations, chat: str) -> None:
    first = await store.messages.append(chat, "user", "first", message_id="m", agent_used="a")
    conversation = await store.conversations.get(chat)
    assert await store.messages.append(chat, "assistant", "second", message_id="m", agent_used="b") == first
    assert await store.messages.history(chat) == [first]
    assert await store.conversations.get(chat) == conversation


async def test_an_id_of_another_conversation_is_refused_and_not_shown(
    store: Conversations, chat: str
) -> None:
    await store.messages.append(chat, "user", "secret", message_id="m")
    other = await store.conversations.create(2)
    with pytest.raises(UniqueViolation) as caught:
        await store.messages.append(other.id, "user", "x", message_id="m")
    assert caught.value.constraint == "messages_id_key"
    assert await store.messages.history(other.id) == []


async def test_an_unknown_conversation_is_refused(store: Conversations) -> None:
    with pytest.raises(ForeignKeyViolation):
        await store.messages.append("unknown", "user", "x")
    assert await store.messages.history("unknown") == []
    assert await store.messages.get("unknown") is None


async def test_history_is_the_newest_messages_oldest_first(store: Conversations, chat: str) -> None:
    messages = await fill(store, chat, 7)
    await store.messages.append((await store.conversations.create(1)).id, "user", "elsewhere")
    assert await store.messages.history(chat) == messages
    assert await store.messages.history(chat, 3) == messages[4:]
    assert await store.messages.history(chat, 3, before=messages[4].seq) == messages[1:4]
    assert await store.messages.history(chat, 3, before=messages[0].seq) == []


async def test_history_follows_arrival_whatever_the_clocks_say(
    store: Conversations, chat: str, execute: Any
) -> None:
    messages = await fill(store, chat, 3)
    await execute(f"UPDATE messages SET timestamp = NULL WHERE id = '{messages[1].id}'")
    await execute(
        f"UPDATE messages SET timestamp = '2000-01-01T00:00:00.000000Z' WHERE id = '{messages[2].id}'"
    )
    assert [message.id for message in await store.messages.history(chat)] == [m.id for m in messages]
    assert [message.id for message in await store.messages.history(chat, 2)] == [m.id for m in messages[1:]]


async def test_messages_of_an_agent_are_newest_first_over_all_conversations(
    store: Conversations, chat: str
) -> None:
    other = await store.conversations.create(2)
    first = await store.messages.append(chat, "assistant", "1", agent_used="weather")
    second = await store.messages.append(other.id, "assistant", "2", agent_used="weather")
    await store.messages.append(chat, "assistant", "3", agent_used="news")
    await store.messages.append(chat, "user", "4")
    assert await store.messages.by_agent("weather") == [second, first]
    assert await store.messages.by_agent("weather", limit=1) == [second]
    assert await store.messages.by_agent("weather", before=second.seq) == [first]
    assert await store.messages.by_agent("Weather") == []


async def test_many_writers_of_one_conversation_are_all_counted(store: Conversations, chat: str) -> None:
    appended = await asyncio.gather(
        *(
            store.messages.append(chat, "user", str(number), agent_used=f"agent {number}")
            for number in range(40)
        )
    )
    conversation, history = await store.conversations.get(chat), await store.messages.history(chat, 100)
    assert conversation is not None
    assert conversation.message_count == 40
    assert sorted(history, key=lambda m: m.seq) == history
    assert {message.id for message in history} == {message.id for message in appended}
    assert conversation.title in {message.content for message in appended}
    assert conversation.updated_at == max(m.timestamp for m in history if m.timestamp)


async def test_a_transaction_that_fails_leaves_no_message_and_no_count(
    store: Conversations, chat: str
) -> None:
    with pytest.raises(ForeignKeyViolation):
        async with store.transaction() as tx:
            await tx.messages.append(chat, "user", "x")
            await tx.messages.append("unknown", "user", "x")
    conversation = await store.conversations.get(chat)
    assert conversation is not None
    assert (conversation.message_count, conversation.title) == (0, "")


@pytest.mark.parametrize("text", ["a\0b", "\ud800", 5, None])
@pytest.mark.parametrize("parameter", ["content", "conversation_id", "role", "id", "agent_used"])
async def test_text_that_no_database_keeps_is_refused_by_parameter(
    store: Conversations, chat: str, parameter: str, text: Any
) -> None:
    arguments: dict[str, Any] = {"conversation_id": chat, "role": "user", "content": "x"}
    arguments["message_id" if parameter == "id" else parameter] = text
    if text is None and parameter in ("id", "agent_used"):
        assert (await store.messages.append(**arguments)).agent_used is None
        return
    with pytest.raises(InvalidValue) as caught:
        await store.messages.append(**arguments)
    assert caught.value.parameter == parameter
    assert await store.messages.history(chat) == []


@pytest.mark.parametrize("parameter", ["routing_info", "references", "metadata"])
@pytest.mark.parametrize("value", [[float("nan")], [2**63], ["\ud800"], [{1: 2}], [datetime.now(UTC)]])
async def test_json_that_no_database_keeps_is_refused_by_parameter(
    store: Conversations, chat: str, parameter: str, value: Any
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await store.messages.append(chat, "user", "x", **{parameter: value})
    assert caught.value.parameter == parameter


async def test_what_a_column_cannot_hold_is_refused_by_name(store: Conversations, chat: str) -> None:
    role: Any = "model"
    for arguments, constraint in (
        ({"role": role}, "messages_role_check"),
        ({"role": "user", "agent_used": "x" * 51}, "messages_agent_used_check"),
        ({"role": "user", "message_id": "x" * 51}, "messages_id_check"),
    ):
        with pytest.raises(CheckViolation) as caught:
            await store.messages.append(chat, content="x", **arguments)
        assert caught.value.constraint == constraint


async def test_a_limit_is_at_least_one(store: Conversations, chat: str) -> None:
    for call in (
        store.messages.history(chat, 0),
        store.messages.by_agent("a", limit=-1),
        store.messages.by_routing_info({}, limit=0),
        store.messages.by_metadata({}, limit=0),
    ):
        with pytest.raises(InvalidValue) as caught:
            await call
        assert caught.value.parameter == "limit"


async def test_a_position_is_a_64_bit_integer(store: Conversations, chat: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        await store.messages.history(chat, before=2**63)
    assert caught.value.parameter == "before_seq"
