"""Users, chats, messages and knowledge: every method, on both engines."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sqlstore.engine.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InvalidValue,
)
from sqlstore.stores.support import Message, Support

from .conftest import ANN, BOB, GROUP

IDS = [1, -1, 0, 2**52 + 1, -1_001_234_567_890, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("number", IDS)
async def test_ids_are_telegrams_up_to_64_bits_and_negative_ones_too(desk: Support, number: int) -> None:
    user = await desk.users.save(number, "Ann", username="ann", last_name="Lee")
    chat = await desk.chats.save(number, "channel", "News")
    message = await desk.messages.append(number, number, number, "x")
    assert (user.id, chat.id, message.telegram_id, message.chat_id, message.user_id) == (number,) * 5
    assert await desk.users.get(number) == user
    assert await desk.chats.get(number) == chat
    assert await desk.messages.by_telegram_id(number, number) == message
    assert await desk.messages.latest(number) == [message]


async def test_a_person_is_kept_as_telegram_describes_it_now(desk: Support) -> None:
    first = await desk.users.save(ANN, "Ann", username="ann", last_name="Lee")
    assert (first.username, first.first_name, first.last_name, first.is_internal) == (
        "ann",
        "Ann",
        "Lee",
        False,
    )
    assert first.created_at == first.updated_at
    again = await desk.users.save(ANN, "Анна")
    assert (again.username, again.first_name, again.last_name) == (None, "Анна", None)
    assert again.created_at == first.created_at
    assert again.updated_at > first.updated_at
    assert await desk.users.get(ANN) == again


async def test_saving_a_person_again_does_not_touch_what_is_ours(desk: Support) -> None:
    await desk.users.save(ANN, "Ann")
    changed = await desk.users.set_internal(ANN, True)
    assert changed is not None
    assert changed.is_internal is True
    assert (await desk.users.save(ANN, "Ann")).is_internal is True
    await desk.chats.save(GROUP, "group", "Customers")
    await desk.chats.set_archived(GROUP, True)
    chat = await desk.chats.save(GROUP, "supergroup", None)
    assert (chat.type, chat.title, chat.is_archived) == ("supergroup", None, True)
    assert await desk.chats.get(GROUP) == chat
    back = await desk.chats.set_archived(GROUP, False)
    assert back is not None
    assert back.is_archived is False


async def test_whoever_was_seen_last_comes_first(desk: Support) -> None:
    for number in (1, 2, 3, 1):
        await desk.users.save(number, "Name")
    assert [user.id for user in await desk.users.recent()] == [1, 3, 2]
    await desk.users.set_internal(2, True)
    assert [user.id for user in await desk.users.recent(2)] == [2, 1]


async def test_what_is_not_known_is_none(desk: Support) -> None:
    assert await desk.users.get(404) is None
    assert await desk.users.set_internal(404, True) is None
    assert await desk.chats.get(404) is None
    assert await desk.chats.set_archived(404, True) is None
    assert await desk.messages.get(404) is None
    assert await desk.messages.by_telegram_id(404, 404) is None
    assert await desk.messages.edit(404, 404, "x") is None
    assert await desk.messages.classify(404, "x") is None
    assert await desk.messages.latest(404) == []
    assert await desk.messages.latest_of_user(404) == []
    assert await desk.knowledge.get(404) is None
    assert await desk.knowledge.change(404, "q", "a") is None
    assert await desk.knowledge.validate(404, 404) is None
    assert await desk.knowledge.set_embedding(404, "x") is None
    assert await desk.knowledge.delete(404) is False
    assert await desk.knowledge.by_embedding_ids(["x"]) == []


async def test_a_message_has_all_that_was_given(staffed: Support) -> None:
    written = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=7)))
    message = await staffed.messages.append(
        5, GROUP, None, None, message_type="sticker", is_noise=True, intent="hello", created_at=written
    )
    assert message == Message(
        message.id, 5, GROUP, None, None, "sticker", True, "hello", written.astimezone(UTC)
    )
    assert await staffed.messages.get(message.id) == message


async def test_a_message_is_of_now_and_not_classified_unless_it_says_so(staffed: Support) -> None:
    before = datetime.now(UTC)
    message = await staffed.messages.append(5, GROUP, ANN, "สวัสดี")
    assert before <= message.created_at <= datetime.now(UTC)
    assert (message.text, message.message_type, message.is_noise, message.intent) == (
        "สวัสดี",
        "text",
        False,
        None,
    )


async def test_a_second_delivery_is_the_same_row_and_undoes_nothing(staffed: Support) -> None:
    first = await staffed.messages.append(5, GROUP, ANN, "as sent")
    await staffed.messages.edit(GROUP, 5, "as edited")
    changed = await staffed.messages.classify(first.id, "refund", is_noise=True)
    again = await staffed.messages.append(5, GROUP, ANN, "as sent", message_type="photo", intent="other")
    assert again == changed
    assert (again.id, again.text, again.intent, again.is_noise) == (first.id, "as edited", "refund", True)
    assert len(await staffed.messages.list()) == 1


async def test_the_same_telegram_id_in_another_chat_is_another_message(staffed: Support) -> None:
    await staffed.chats.save(ANN, "private")
    here = await staffed.messages.append(5, GROUP, ANN, "here")
    there = await staffed.messages.append(5, ANN, ANN, "there")
    assert here.id != there.id
    edited = await staffed.messages.edit(ANN, 5, None)
    assert edited is not None
    assert (edited.id, edited.text) == (there.id, None)
    assert await staffed.messages.by_telegram_id(GROUP, 5) == here


async def test_twenty_deliveries_at_once_are_one_row(staffed: Support) -> None:
    delivered = await asyncio.gather(*(staffed.messages.append(5, GROUP, ANN, "x") for _ in range(20)))
    assert {message.id for message in delivered} == {delivered[0].id}
    assert len(await staffed.messages.list()) == 1


async def test_messages_written_at_once_are_all_there(staffed: Support) -> None:
    await asyncio.gather(*(staffed.messages.append(number, GROUP, ANN, str(number)) for number in range(50)))
    found = await staffed.messages.latest(GROUP, 100)
    assert sorted(int(message.text or "") for message in found) == list(range(50))
    assert [message.id for message in found] == sorted(message.id for message in found)


async def test_the_newest_messages_come_oldest_first(staffed: Support) -> None:
    await staffed.chats.save(ANN, "private")
    for number in range(5):
        await staffed.messages.append(
            number, GROUP if number != 2 else ANN, ANN if number != 4 else BOB, str(number)
        )
    assert [message.text for message in await staffed.messages.latest(GROUP, 2)] == ["3", "4"]
    assert [message.text for message in await staffed.messages.latest(GROUP)] == ["0", "1", "3", "4"]
    assert [message.text for message in await staffed.messages.latest_of_user(ANN, 3)] == ["1", "2", "3"]


async def test_a_message_of_somebody_unknown_is_refused(staffed: Support) -> None:
    with pytest.raises(ForeignKeyViolation):
        await staffed.messages.append(5, 404, ANN, "x")
    with pytest.raises(ForeignKeyViolation):
        await staffed.messages.append(5, GROUP, 404, "x")
    assert await staffed.messages.list() == []


async def test_knowledge_is_added_validated_embedded_changed_and_forgotten(staffed: Support) -> None:
    entry = await staffed.knowledge.add("Как вернуть?", "В течение 14 дней", "kaiten")
    assert (entry.source, entry.validated_by, entry.embedding_id) == ("kaiten", None, None)
    validated = await staffed.knowledge.validate(entry.id, BOB)
    assert validated is not None
    assert validated.validated_by == BOB
    embedded = await staffed.knowledge.set_embedding(entry.id, "0190-point")
    assert embedded is not None
    assert (embedded.validated_by, embedded.embedding_id) == (BOB, "0190-point")
    assert await staffed.knowledge.get(entry.id) == embedded
    changed = await staffed.knowledge.change(entry.id, "Как вернуть товар?", "30 дней")
    assert changed is not None
    assert (changed.question, changed.answer) == ("Как вернуть товар?", "30 дней")
    assert (changed.validated_by, changed.embedding_id, changed.created_at) == (None, None, entry.created_at)
    assert await staffed.knowledge.delete(entry.id) is True
    assert await staffed.knowledge.get(entry.id) is None


async def test_entries_come_in_the_order_of_the_points_given(staffed: Support) -> None:
    added = {
        point: await staffed.knowledge.add("q", "a", "docs", embedding_id=point, validated_by=BOB)
        for point in ("a", "b", "c", "d")
    }
    twin = await staffed.knowledge.add("q", "a", "manual", embedding_id="c")
    await staffed.knowledge.add("q", "a", "manual")
    found = await staffed.knowledge.by_embedding_ids(["d", "missing", "c", "a", "d", "'; --"])
    assert found == [added["d"], added["c"], twin, added["a"]]
    assert await staffed.knowledge.by_embedding_ids([]) == []


async def test_an_entry_confirmed_by_somebody_unknown_is_refused(staffed: Support) -> None:
    with pytest.raises(ForeignKeyViolation):
        await staffed.knowledge.add("q", "a", "docs", validated_by=404)
    entry = await staffed.knowledge.add("q", "a", "docs")
    with pytest.raises(ForeignKeyViolation):
        await staffed.knowledge.validate(entry.id, 404)


HOSTILE_TEXTS = [
    "'; DROP TABLE users; --",
    "\\",
    "?",
    "$1",
    ":id",
    "",
    "\r\n\t",
    "e\u0301",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
async def test_any_text_comes_back_as_it_was_given(staffed: Support, text: str) -> None:
    user = await staffed.users.save(1, text, username=text, last_name=text)
    assert (user.first_name, user.username, user.last_name) == (text, text, text)
    assert (await staffed.chats.save(1, "group", text)).title == text
    assert (await staffed.messages.append(1, GROUP, ANN, text)).text == text
    entry = await staffed.knowledge.add(text, text, "manual")
    assert (entry.question, entry.answer) == (text, text)


@pytest.mark.parametrize(
    ("table", "method", "arguments", "options", "parameter"),
    [
        ("users", "save", (2**63, "x"), {}, "id"),
        ("users", "save", (True, "x"), {}, "id"),
        ("users", "save", ("7", "x"), {}, "id"),
        ("users", "save", (1, None), {}, "first_name"),
        ("users", "save", (1, "a\0"), {}, "first_name"),
        ("users", "save", (1, "x"), {"username": "\ud800"}, "username"),
        ("users", "set_internal", (ANN, 1), {}, "is_internal"),
        ("users", "recent", (0,), {}, "limit"),
        ("users", "recent", (-1,), {}, "limit"),
        ("chats", "save", (1.5, "group"), {}, "id"),
        ("chats", "save", (float("nan"), "group"), {}, "id"),
        ("chats", "set_archived", (1, "yes"), {}, "is_archived"),
        ("messages", "append", (1, None, ANN, "x"), {}, "chat_id"),
        ("messages", "append", (1, GROUP, ANN, "\0"), {}, "text"),
        ("messages", "append", (1, GROUP, ANN, b"x"), {}, "text"),
        ("messages", "append", (1, GROUP, ANN, "x"), {"created_at": datetime(2024, 1, 1)}, "created_at"),
        ("messages", "append", (1, GROUP, ANN, "x"), {"created_at": "2024-01-01"}, "created_at"),
        ("messages", "append", (1, GROUP, ANN, "x"), {"is_noise": None}, "is_noise"),
        ("messages", "latest", (GROUP, 0), {}, "limit"),
        ("messages", "latest_of_user", (ANN, -5), {}, "limit"),
        ("messages", "get", (-(2**63) - 1,), {}, "id"),
        ("tickets", "open", (None,), {}, "message_id"),
        ("tickets", "open", (2**63,), {}, "message_id"),
        ("tickets", "take", (1, None), {}, "user_id"),
        ("tickets", "mine", (ANN, 0), {}, "limit"),
        ("tickets", "oldest_open", (0,), {}, "limit"),
        ("tickets", "time_to_resolution", (datetime(2024, 1, 1),), {}, "since"),
        ("knowledge", "add", ("q", None, "docs"), {}, "answer"),
        ("knowledge", "by_embedding_ids", ([1],), {}, "embedding_ids"),
        ("knowledge", "by_embedding_ids", (["\0"],), {}, "embedding_ids"),
    ],
)
async def test_what_no_database_could_keep_is_refused_by_name(
    staffed: Support,
    table: str,
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    parameter: str,
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await getattr(getattr(staffed, table), method)(*arguments, **options)
    assert caught.value.parameter == parameter


async def test_what_the_tables_refuse_is_refused_by_the_constraint(staffed: Support) -> None:
    for constraint, call in [
        ("chats_type_check", staffed.chats.save(1, "secret")),  # type: ignore[arg-type]
        ("messages_message_type_check", staffed.messages.append(1, GROUP, ANN, "x", message_type="gif")),  # type: ignore[arg-type]
        ("messages_intent_check", staffed.messages.append(1, GROUP, ANN, "x", intent="ж" * 256)),
        ("knowledge_entries_source_check", staffed.knowledge.add("q", "a", "web")),  # type: ignore[arg-type]
        (
            "knowledge_entries_embedding_id_check",
            staffed.knowledge.add("q", "a", "docs", embedding_id="x" * 256),
        ),
    ]:
        with pytest.raises(CheckViolation) as caught:
            await call
        assert caught.value.constraint == constraint
    assert await staffed.messages.list() == []
    assert await staffed.knowledge.list() == []
