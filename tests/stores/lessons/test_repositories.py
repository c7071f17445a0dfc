"""Sessions and messages one by one."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.lessons import Lessons, SessionMessage


async def test_a_message_begins_the_session_of_its_chat(lessons: Lessons) -> None:
    message = await lessons.append_message("1", "user", "hi")
    assert (message.chat_id, message.role, message.content) == ("1", "user", "hi")
    session = await lessons.sessions.get("1")
    assert session is not None
    assert (session.scenario, session.state_version) == ("unknown", 1)
    assert await lessons.messages.latest("1") == [message]


async def test_a_message_moves_the_time_of_its_session(lessons: Lessons) -> None:
    await lessons.sessions.create("1")
    message = await lessons.append_message("1", "user", "hi")
    session = await lessons.sessions.get("1")
    assert session is not None
    assert session.updated_at == message.timestamp


async def test_a_message_of_a_chat_never_seen_is_not_appended_by_the_repository(lessons: Lessons) -> None:
    assert await lessons.messages.append("1", "user", "hi") is None
    assert await lessons.sessions.get("1") is None


async def test_messages_at_once_are_all_kept(lessons: Lessons) -> None:
    await asyncio.gather(*(lessons.append_message("1", "user", str(number)) for number in range(20)))
    assert await lessons.messages.count("1") == 20
    assert await lessons.sessions.count() == 1


async def test_the_latest_messages_come_oldest_first(lessons: Lessons) -> None:
    for number in range(40):
        await lessons.append_message("1", "user", str(number))
        await lessons.append_message("2", "user", "other")
    assert [message.content for message in await lessons.messages.latest("1", 3)] == ["37", "38", "39"]
    assert len(await lessons.messages.latest("1")) == 30
    assert await lessons.messages.latest("nobody") == []


async def test_every_message_is_streamed_in_order(lessons: Lessons) -> None:
    await lessons.sessions.create("1")
    messages = [SessionMessage("user", str(number)) for number in range(1_100)]
    rows = await lessons.messages.append_many("1", messages)
    assert [row.content for row in rows] == [str(number) for number in range(1_100)]
    assert [row async for row in lessons.messages.all("1")] == rows
    assert await lessons.messages.append_many("1", []) == []


async def test_sessions_come_by_their_last_activity(lessons: Lessons) -> None:
    for chat_id in ("a", "b", "c", "a"):
        await lessons.append_message(chat_id, "user", "x")
    assert [session.chat_id for session in await lessons.sessions.recent(2)] == ["a", "c"]
    assert [session.chat_id async for session in lessons.sessions.all()] == ["a", "b", "c"]


async def test_chats_are_ordered_by_their_bytes(lessons: Lessons) -> None:
    for chat_id in ("ä", "a", "Z", "-1", "10", "9"):
        await lessons.sessions.create(chat_id)
    assert [session.chat_id async for session in lessons.sessions.all()] == ["-1", "10", "9", "Z", "a", "ä"]


async def test_a_session_is_deleted_once(lessons: Lessons) -> None:
    await lessons.append_message("1", "user", "x")
    assert await lessons.sessions.delete("1") is True
    assert await lessons.sessions.delete("1") is False
    assert await lessons.messages.count("1") == 0


async def test_creating_a_session_that_is_there_changes_nothing(lessons: Lessons) -> None:
    await lessons.append_message("1", "user", "x")
    before = await lessons.sessions.get("1")
    await lessons.sessions.create("1")
    assert await lessons.sessions.get("1") == before


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        (("", "user", "x"), "chat_id"),
        (("x" * 256, "user", "x"), "chat_id"),
        (("\0", "user", "x"), "chat_id"),
        (("1", "bot", "x"), "role"),
        (("1", "user", "a\0b"), "content"),
        (("1", "user", "\ud83d"), "content"),
        (("1", "user", b"x"), "content"),
        (("1", "user", "x", datetime(2024, 1, 1)), "timestamp"),
        (("1", "user", "x", datetime(1, 1, 1, tzinfo=UTC)), "timestamp"),
    ],
)
async def test_a_message_that_no_database_could_keep_is_refused_by_name(
    lessons: Lessons, arguments: Any, parameter: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await lessons.append_message(*arguments)
    assert caught.value.parameter == parameter
    assert await lessons.sessions.count() == 0


async def test_a_limit_beyond_64_bits_is_refused(lessons: Lessons) -> None:
    with pytest.raises(InvalidValue, match="limit"):
        await lessons.messages.latest("1", 2**63)


async def test_a_chat_id_of_255_characters_can_be_kept(lessons: Lessons) -> None:
    await lessons.append_message("🙂" * 255, "user", "x")
    assert await lessons.messages.count("🙂" * 255) == 1


async def test_other_messages_can_be_written_in_the_same_transaction(lessons: Lessons) -> None:
    async with lessons.transaction() as tx:
        await tx.append_message("1", "user", "a")
        await tx.append_message("2", "user", "b")
    assert await lessons.sessions.count() == 2
