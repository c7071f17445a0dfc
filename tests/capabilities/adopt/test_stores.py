"""The other old systems' databases: every row and id, and then the stores work on them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sqlstore.capabilities.adopt import NotRecognised, RowsRefused, adopt
from sqlstore.stores import load_store
from sqlstore.stores.assistant import Assistant
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.lessons import Lessons
from sqlstore.stores.support import Support
from tests.capabilities.adopt import old_chatbot, old_stores
from tests.capabilities.adopt.old_stores import at

OLD = {
    "assistant": (old_stores.assistant, old_stores.ASSISTANT_ROWS),
    "chatbot": (old_chatbot.metadata, old_chatbot.ROWS),
    "conversations": (old_stores.conversations, old_stores.CONVERSATIONS_ROWS),
    "lessons": (old_stores.lessons, old_stores.LESSONS_ROWS),
    "support": (old_stores.support, old_stores.SUPPORT_ROWS),
}
FOLLOW_FROM_ROWS = {"message_count", "last_agent_used", "updated_at", "last_message_at"}


def utc(second: int) -> datetime:
    return at(second).replace(tzinfo=UTC)


def plain(column: sa.Column, value: Any) -> Any:
    """A value of an old row, or a raw one of a new row, so that the two can be compared."""
    if isinstance(column.type, sa.JSON):
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    if value is None:
        return None
    if isinstance(column.type, sa.Uuid):
        return str(value)
    if isinstance(column.type, sa.DateTime):
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC).isoformat()
    return bool(value) if isinstance(column.type, sa.Boolean) else value


@pytest.mark.parametrize("name", sorted(OLD))
async def test_every_row_and_id_of_every_table_is_kept(database, name):
    metadata, rows = OLD[name]
    await database.make(metadata, rows)
    report = await adopt(load_store(name), database.url)
    assert report.state == "adopted"
    for table, old_rows in rows.items():
        columns = [column for column in table.columns if column.name not in FOLLOW_FROM_ROWS]
        names = ", ".join(f'"{column.name}"' for column in columns)
        place = "migrations_adopted" if table.name == "migrations" else table.name
        new_rows = await database.rows(f"SELECT {names} FROM {place}")
        kept = [
            repr([plain(column, value) for column, value in zip(columns, row, strict=True)])
            for row in new_rows
        ]
        had = [repr([plain(column, row.get(column.name)) for column in columns]) for row in old_rows]
        assert sorted(row for row in kept if row in had) == sorted(had), (
            table.name
        )  # rows may be made besides
    async with load_store(name).open(database.url):
        pass


@pytest.mark.parametrize("name", sorted(OLD))
async def test_no_store_takes_another_ones_database(database, name):
    await database.make(*OLD[name])
    before = repr(await database.dump())
    for other in sorted(OLD.keys() - {name}):
        with pytest.raises(NotRecognised):
            await adopt(load_store(other), database.url)
    assert repr(await database.dump()) == before


async def test_the_assistant_works_on_what_it_adopted(database):
    await database.make(*OLD["assistant"])
    await adopt(Assistant, database.url)
    async with Assistant.open(database.url) as helper:
        user = await helper.users.by_hardware_id("f" * 64)
        assert (user.id, user.metadata, user.created_at) == (
            old_stores.USER, {"os": "ไทย", "n": [1, 2.5, None]}, utc(0)
        )  # fmt: skip
        assert (await helper.memory.get("f" * 64)).short == "likes tea"
        with_answers = await helper.commands.with_answers(old_stores.SESSION)
        assert [row.prompt for row in with_answers] == ["first", "second"]
        await helper.commands.create(old_stores.SESSION, "third")
        latest = await helper.commands.latest(old_stores.SESSION)
        assert sorted(command.prompt for command in latest) == ["first", "second", "third"]


async def test_conversations_are_in_the_order_of_time_and_count_right(database):
    await database.make(*OLD["conversations"])
    await adopt(Conversations, database.url)
    async with Conversations.open(database.url) as talks:
        history = await talks.messages.history("c-1", limit=10)
        assert [message.content for message in history] == ["first", "second", "third"]
        talk = await talks.conversations.get("c-1")
        assert (talk.message_count, talk.last_agent_used, talk.updated_at) == (3, "hotel", utc(7))
        empty = await talks.conversations.get("c-0")
        assert (empty.message_count, empty.last_agent_used, empty.updated_at) == (0, "old", None)
        await talks.messages.append("c-1", "user", "fourth")
        assert (await talks.messages.history("c-1", limit=1))[0].content == "fourth"


async def test_times_of_several_shapes_are_put_in_order(sqlite_url):
    database = await made("conversations", sqlite_url)
    for message, text in {
        "m-a": "2025-12-26T10:00:07Z",
        "m-c": "2025-12-26 10:00:05",
        "m-b": "2025-12-26T12:00:06+02:00",
    }.items():
        await database.execute(f"UPDATE messages SET timestamp = '{text}' WHERE id = '{message}'")
    await adopt(Conversations, sqlite_url)
    async with Conversations.open(sqlite_url) as talks:
        history = await talks.messages.history("c-1", limit=10)
        assert [message.content for message in history] == ["first", "second", "third"]


async def made(name: str, url: str):
    from tests.capabilities.adopt.conftest import OldDatabase

    database = OldDatabase(url, "sqlite" if url.startswith("sqlite") else "postgres")
    await database.make(*OLD[name])
    return database


async def test_lessons_go_on(database):
    await database.make(*OLD["lessons"])
    report = await adopt(Lessons, database.url)
    assert ("migrations", "put aside") in [(each.table, each.change) for each in report.differences]
    async with Lessons.open(database.url) as lessons:
        state = await lessons.load_session("77")
        assert (state.topic, state.user_preferences, state.updated_at) == (
            "суммы",
            ["short", "кратко"],
            utc(3),
        )
        assert [message.content for message in state.recent_messages] == ["привет", "здравствуй"]
        await lessons.append_message("77", "user", "ещё")
        assert await lessons.messages.count("77") == 3


async def test_the_support_desk_goes_on(database):
    await database.make(*OLD["support"])
    await adopt(Support, database.url)
    async with Support.open(database.url) as desk:
        assert (await desk.users.get(5_000_000_000)).first_name == "Анна"
        assert (await desk.tickets.get(4)).resolved_at == utc(8)
        redelivered = await desk.messages.append(10, -1_001_234_567_890, 5_000_000_000, "не работает")
        assert redelivered.id == 1
        assert (await desk.tickets.open(2)).id == 7
        await desk.tickets.close(6)
        assert (await desk.knowledge.by_embedding_ids(["e-1"]))[0].answer == "Так"


async def test_tickets_that_contradict_themselves_are_refused_on_both_engines(database):
    await database.make(*OLD["support"])
    await database.execute(
        "UPDATE tickets SET resolved_at = NULL WHERE id = 4",
        "UPDATE tickets SET resolved_at = '2025-12-26 10:00:00' WHERE id = 6",
    )
    before = await database.dump()
    with pytest.raises(RowsRefused) as caught:
        await adopt(Support, database.url)
    assert [(problem.table, problem.row, problem.reason) for problem in caught.value.report.problems] == [
        ("tickets", row, "is refused by tickets_status_resolved_at_check") for row in ("4", "6")
    ]
    assert await database.dump() == before


async def test_a_message_that_telegram_delivered_twice_is_refused(database):
    await database.make(*OLD["support"])
    await database.execute("UPDATE messages SET telegram_id = 10 WHERE id = 2")
    with pytest.raises(RowsRefused) as caught:
        await adopt(Support, database.url)
    [problem] = caught.value.report.problems
    assert (problem.table, problem.row, problem.reason) == (
        "messages", "2", "is in another row too, and must be in one only"
    )  # fmt: skip


async def test_json_that_is_none_is_refused(sqlite_url):
    database = await made("assistant", sqlite_url)
    await database.execute("UPDATE users SET metadata = '{\"n\": NaN}'")
    with pytest.raises(RowsRefused) as caught:
        await adopt(Assistant, sqlite_url)
    [problem] = caught.value.report.problems
    assert (problem.table, problem.column, problem.reason) == (
        "users", "metadata", "is refused by users_metadata_check"
    )  # fmt: skip
