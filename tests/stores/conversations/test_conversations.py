"""ConversationRepository, on both engines."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, InvalidValue, UniqueViolation
from sqlstore.stores.conversations import AgentStatistics, Conversations, Position


async def test_a_new_conversation_is_active_and_empty(store: Conversations) -> None:
    before = datetime.now(UTC)
    created = await store.conversations.create(7, "Weather", metadata={"channel": "web"})
    assert created == await store.conversations.get(created.id)
    assert (created.user_id, created.title, created.metadata) == (7, "Weather", {"channel": "web"})
    assert (created.message_count, created.last_agent_used, created.is_active) == (0, None, True)
    assert created.created_at == created.updated_at
    assert created.created_at is not None
    assert before <= created.created_at <= datetime.now(UTC)


async def test_ids_that_the_store_makes_sort_by_time(store: Conversations) -> None:
    made = [(await store.conversations.create(1)).id for _ in range(5)]
    assert made == sorted(made)
    assert {len(conversation_id) for conversation_id in made} == {36}


async def test_creating_again_gives_the_conversation_that_is_there(store: Conversations) -> None:
    await store.conversations.create(7, "first", conversation_id="mine", metadata={"a": 1})
    await store.messages.append("mine", "user", "text")
    before = await store.conversations.get("mine")
    assert await store.conversations.create(7, "second", conversation_id="mine") == before
    assert await store.conversations.get("mine") == before


async def test_another_users_id_is_refused_and_not_shown(store: Conversations) -> None:
    await store.conversations.create(7, "secret", conversation_id="mine")
    with pytest.raises(UniqueViolation) as caught:
        await store.conversations.create(8, "x", conversation_id="mine")
    assert caught.value.constraint == "conversations_id_key"
    assert "mine" not in str(caught.value)
    assert await store.conversations.by_user(8) == []


async def test_an_unknown_id_is_answered_and_changes_nothing(store: Conversations) -> None:
    kept = await store.conversations.create(1, "kept")
    assert await store.conversations.get("unknown") is None
    assert await store.conversations.rename("unknown", "x") is None
    assert await store.conversations.archive("unknown") is None
    assert await store.conversations.unarchive("unknown") is None
    assert await store.conversations.delete("unknown") is False
    assert await store.conversations.recent() == [kept]


async def test_rename_gives_the_row_as_it_is_stored(store: Conversations) -> None:
    created = await store.conversations.create(1, "old")
    renamed = await store.conversations.rename(created.id, "new")
    assert renamed is not None
    assert renamed == await store.conversations.get(created.id)
    assert renamed.title == "new"
    assert renamed.updated_at is not None
    assert created.updated_at is not None
    assert renamed.updated_at > created.updated_at


async def test_a_conversation_renamed_to_nothing_takes_its_title_from_the_next_message(
    store: Conversations,
) -> None:
    created = await store.conversations.create(1, "old")
    await store.conversations.rename(created.id, "")
    await store.messages.append(created.id, "user", "next")
    renamed = await store.conversations.get(created.id)
    assert renamed is not None
    assert renamed.title == "next"


async def test_archived_conversations_are_listed_apart(store: Conversations) -> None:
    first, second = await store.conversations.create(1, "1"), await store.conversations.create(1, "2")
    archived = await store.conversations.archive(first.id)
    assert archived is not None
    assert archived.is_active is False
    assert await store.conversations.by_user(1) == [second]
    assert await store.conversations.by_user(1, active=False) == [archived]
    back = await store.conversations.unarchive(first.id)
    assert await store.conversations.by_user(1) == [back, second]
    assert back == await store.conversations.get(first.id)


async def test_deleting_takes_the_messages_along(store: Conversations) -> None:
    created = await store.conversations.create(1)
    message = await store.messages.append(created.id, "user", "x")
    assert await store.conversations.delete(created.id) is True
    assert await store.conversations.get(created.id) is None
    assert await store.messages.get(message.id) is None
    assert await store.conversations.delete(created.id) is False


async def test_a_users_list_starts_with_the_last_changed(store: Conversations) -> None:
    first, second = await store.conversations.create(1, "1"), await store.conversations.create(1, "2")
    await store.conversations.create(2, "another user's")
    await store.messages.append(first.id, "user", "x")
    assert [found.id for found in await store.conversations.by_user(1)] == [first.id, second.id]
    assert len(await store.conversations.recent()) == 3


async def fill(execute: Any) -> None:
    """30 conversations of user 1: many with equal times, some without one; some of others and archived."""
    rows = [
        f"('c{number}', {1 if number % 4 else 2}, 'x', {number % 5 != 4}, "
        + ("NULL" if number % 7 == 0 else f"'2030-01-{1 + number % 3:02}T00:00:00.000000Z'")
        + ")"
        for number in range(40)
    ]
    await execute(
        f"INSERT INTO conversations (id, user_id, title, is_active, updated_at) VALUES {', '.join(rows)}"
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_together_are_the_whole_list(store: Conversations, execute: Any, limit: int) -> None:
    await fill(execute)
    whole = await store.conversations.by_user(1, limit=1_000)
    assert len(whole) == len({found.id for found in whole}) == 24
    assert sum(found.updated_at is None for found in whole) > 1
    keys = [(found.updated_at or datetime.min.replace(tzinfo=UTC), found.seq) for found in whole]
    assert keys == sorted(keys, reverse=True)

    paged = page = await store.conversations.by_user(1, limit=limit)
    while len(page) == limit:
        page = await store.conversations.by_user(1, limit=limit, after=page[-1].position)
        paged = paged + page
    assert paged == whole


async def test_a_conversation_that_moves_to_the_front_is_not_given_twice(
    store: Conversations, execute: Any
) -> None:
    await fill(execute)
    first = await store.conversations.by_user(1, limit=5)
    await store.messages.append(first[0].id, "user", "x")
    await store.messages.append(first[4].id, "user", "x")
    rest = await store.conversations.by_user(1, limit=100, after=first[4].position)
    assert {found.id for found in first} & {found.id for found in rest} == set()
    assert len(first) + len(rest) == 24


async def test_the_position_after_the_last_gives_nothing(store: Conversations) -> None:
    last = await store.conversations.create(1)
    assert await store.conversations.by_user(1, after=last.position) == []
    assert await store.conversations.by_user(1, after=Position(None, 1)) == []


async def test_statistics_per_agent_are_of_all_users_or_of_one(store: Conversations) -> None:
    mine, other = await store.conversations.create(1), await store.conversations.create(2)
    await store.messages.append(mine.id, "user", "x")
    await store.messages.append(mine.id, "assistant", "x", agent_used="weather")
    await store.messages.append(other.id, "assistant", "x", agent_used="news")
    last = await store.messages.append(other.id, "assistant", "x", agent_used="weather")
    latest = await store.messages.append(other.id, "assistant", "x", agent_used="weather")
    news = (await store.messages.by_agent("news"))[0]
    first = (await store.messages.by_agent("weather"))[-1]
    assert await store.conversations.statistics_per_agent() == [
        AgentStatistics("weather", 3, 2, latest.timestamp),
        AgentStatistics("news", 1, 1, news.timestamp),
    ]
    assert last.seq < latest.seq
    assert await store.conversations.statistics_per_agent(1) == [
        AgentStatistics("weather", 1, 1, first.timestamp)
    ]
    assert await store.conversations.statistics_per_agent(3) == []


async def test_an_agent_whose_messages_have_no_time_is_counted(store: Conversations, execute: Any) -> None:
    created = await store.conversations.create(1)
    await store.messages.append(created.id, "assistant", "x", agent_used="weather")
    await execute("UPDATE messages SET timestamp = NULL")
    assert await store.conversations.statistics_per_agent() == [AgentStatistics("weather", 1, 1, None)]


async def test_one_id_created_by_many_at_once_is_one_conversation(store: Conversations) -> None:
    made = await asyncio.gather(
        *(store.conversations.create(1, f"title {number}", conversation_id="c") for number in range(20))
    )
    assert len({found.title for found in made}) == 1
    assert len(await store.conversations.recent()) == 1


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_is_at_least_one(store: Conversations, limit: int) -> None:
    with pytest.raises(InvalidValue, match="'limit' must be at least 1"):
        await store.conversations.by_user(1, limit=limit)
    with pytest.raises(InvalidValue):
        await store.conversations.recent(limit)
    with pytest.raises(InvalidValue):
        await store.conversations.by_metadata({}, limit=limit)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", 5, b"x"])
async def test_text_that_no_database_keeps_is_refused_by_parameter(store: Conversations, text: Any) -> None:
    created = await store.conversations.create(1, "kept")
    for parameter, call in {
        "title": store.conversations.create(1, text),
        "id": store.conversations.create(1, conversation_id=text),
        "metadata": store.conversations.create(1, metadata={"a": text} if text != 5 else {5: text}),
    }.items():
        with pytest.raises(InvalidValue) as caught:
            await call
        assert caught.value.parameter == parameter
    with pytest.raises(InvalidValue):
        await store.conversations.rename(created.id, text)
    with pytest.raises(InvalidValue):
        await store.conversations.get(text)
    assert await store.conversations.recent() == [created]


@pytest.mark.parametrize("user_id", [2**63, -(2**63) - 1, "7", 7.0, True, None])
async def test_a_user_id_is_a_64_bit_integer(store: Conversations, user_id: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        await store.conversations.create(user_id)
    assert caught.value.parameter == "user_id"
    for kept in (2**63 - 1, -(2**63)):
        assert (await store.conversations.create(kept)).user_id == kept


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**63, {1}])
async def test_metadata_is_json_that_both_engines_keep(store: Conversations, number: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        await store.conversations.create(1, metadata={"a": [number]})
    assert caught.value.parameter == "metadata"
    metadata = {"a": [1, 1.5, None, True, 'ก\n"\\'], "": {"b": []}, "large": 2**63 - 1, "float": 1e300}
    created = await store.conversations.create(1, metadata=metadata)
    assert (await store.conversations.get(created.id)) == created
    assert created.metadata == metadata


@pytest.mark.parametrize("moment", [datetime(2024, 1, 1), "2024-01-01", datetime(1, 1, 1, tzinfo=UTC)])
async def test_a_position_has_an_aware_time(store: Conversations, moment: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        await store.conversations.by_user(1, after=Position(moment, 1))
    assert caught.value.parameter == "updated_at"


async def test_what_is_too_long_is_refused_by_name(store: Conversations) -> None:
    with pytest.raises(CheckViolation) as caught:
        await store.conversations.create(1, "x" * 201)
    assert caught.value.constraint == "conversations_title_check"
    with pytest.raises(CheckViolation) as caught:
        await store.conversations.create(1, conversation_id="x" * 51)
    assert caught.value.constraint == "conversations_id_check"
    assert (await store.conversations.create(1, "x" * 200, conversation_id="y" * 50)).title == "x" * 200
    assert await store.conversations.get("x" * 10_000) is None
