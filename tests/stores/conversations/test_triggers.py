"""What triggers keep right, whoever writes: counters, times, the last agent, the title."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlstore.stores.conversations import Conversation, Conversations


def moment(day: int) -> str:
    return f"2030-01-{day:02}T00:00:00.000000Z"


async def conversation(store: Conversations, conversation_id: str) -> Conversation:
    found = await store.conversations.get(conversation_id)
    assert found is not None
    return found


@pytest.fixture
async def two(store: Conversations, execute: Any) -> None:
    """Conversations a and b, last changed on the 5th."""
    await execute(
        "INSERT INTO conversations (id, user_id, title, updated_at) "
        f"VALUES ('a', 1, 'A', '{moment(5)}'), ('b', 1, 'B', '{moment(5)}')"
    )


async def insert(execute: Any, *messages: tuple[str, str, str | None, int]) -> None:
    """Messages as (id, conversation, agent, day), in one statement."""
    values = ", ".join(
        f"('{message}', '{place}', 'assistant', 'text', nullif('{agent or ''}', ''), '{moment(day)}')"
        for message, place, agent, day in messages
    )
    await execute(
        f"INSERT INTO messages (id, conversation_id, role, content, agent_used, timestamp) VALUES {values}"
    )


async def test_messages_written_by_hand_move_count_time_and_agent(
    store: Conversations, execute: Any, two: None
) -> None:
    await insert(
        execute, ("1", "a", "weather", 6), ("2", "b", None, 7), ("3", "a", "news", 8), ("4", "a", None, 7)
    )
    a, b = await conversation(store, "a"), await conversation(store, "b")
    assert (a.message_count, a.last_agent_used, a.updated_at and a.updated_at.day) == (3, "news", 8)
    assert (b.message_count, b.last_agent_used, b.updated_at and b.updated_at.day) == (1, None, 7)


async def test_a_message_from_the_past_moves_no_time_back(
    store: Conversations, execute: Any, two: None
) -> None:
    await execute("UPDATE conversations SET title = '', updated_at = '2020-01-05T00:00:00.000000Z'")
    await execute(
        "INSERT INTO messages (id, conversation_id, role, content, timestamp) "
        "VALUES ('1', 'a', 'user', 'x', '2020-01-02T00:00:00.000000Z')"
    )
    found = await conversation(store, "a")
    assert (found.message_count, found.title, found.updated_at) == (1, "x", datetime(2020, 1, 5, tzinfo=UTC))


async def test_counters_that_were_null_start_again(store: Conversations, execute: Any, two: None) -> None:
    await execute("UPDATE conversations SET message_count = NULL, updated_at = NULL")
    await insert(execute, ("1", "a", None, 2))
    found = await conversation(store, "a")
    assert (found.message_count, found.updated_at and found.updated_at.day) == (1, 2)
    await execute("UPDATE conversations SET message_count = NULL")
    await execute("DELETE FROM messages")
    assert (await conversation(store, "a")).message_count == 0


async def test_a_message_without_time_counts_as_written_now(
    store: Conversations, execute: Any, two: None
) -> None:
    await execute("UPDATE conversations SET updated_at = '2020-01-01T00:00:00.000000Z'")
    await execute(
        "INSERT INTO messages (id, conversation_id, role, content, timestamp) VALUES ('1', 'a', 'user', 'x', NULL)"
    )
    updated_at = (await conversation(store, "a")).updated_at
    assert updated_at is not None
    assert abs(datetime.now(UTC) - updated_at) < timedelta(minutes=1)


async def test_deleting_brings_back_the_agent_before(store: Conversations, execute: Any, two: None) -> None:
    await insert(
        execute, ("1", "a", "weather", 6), ("2", "a", None, 6), ("3", "a", "news", 6), ("4", "a", "news", 6)
    )
    await execute("DELETE FROM messages WHERE id = '4'")
    assert (await conversation(store, "a")).last_agent_used == "news"
    await execute("DELETE FROM messages WHERE id IN ('2', '3')")
    found = await conversation(store, "a")
    assert (found.message_count, found.last_agent_used) == (1, "weather")
    await execute("DELETE FROM messages")
    found = await conversation(store, "a")
    assert (found.message_count, found.last_agent_used) == (0, None)


async def test_a_count_set_too_low_by_hand_stops_no_deletion(
    store: Conversations, execute: Any, two: None
) -> None:
    await insert(execute, ("1", "a", None, 6))
    await execute("UPDATE conversations SET message_count = 0")
    await execute("DELETE FROM messages")
    assert (await conversation(store, "a")).message_count == 0


async def test_a_message_that_moves_is_counted_where_it_is(
    store: Conversations, execute: Any, two: None
) -> None:
    await insert(execute, ("1", "a", "weather", 6), ("2", "a", "news", 6))
    await execute("UPDATE messages SET conversation_id = 'b' WHERE id = '2'")
    a, b = await conversation(store, "a"), await conversation(store, "b")
    assert (a.message_count, a.last_agent_used) == (1, "weather")
    assert (b.message_count, b.last_agent_used) == (1, "news")


async def test_an_agent_put_right_by_hand_is_the_last_one(
    store: Conversations, execute: Any, two: None
) -> None:
    await insert(execute, ("1", "a", "weather", 6), ("2", "a", "news", 6))
    await execute("UPDATE messages SET agent_used = 'sports' WHERE id = '2'")
    assert (await conversation(store, "a")).last_agent_used == "sports"
    await execute("UPDATE messages SET agent_used = NULL WHERE id = '2'")
    assert (await conversation(store, "a")).last_agent_used == "weather"


@pytest.mark.parametrize("engine", ["postgres"])
async def test_truncated_messages_are_noticed(store: Conversations, execute: Any, two: None) -> None:
    await insert(execute, ("1", "a", "weather", 6))
    await execute("TRUNCATE messages")
    found = await conversation(store, "a")
    assert (found.message_count, found.last_agent_used) == (0, None)


async def test_a_deleted_conversation_takes_its_messages_along(
    store: Conversations, execute: Any, two: None
) -> None:
    await insert(execute, ("1", "a", "weather", 6), ("2", "b", None, 6))
    assert await execute("DELETE FROM conversations WHERE id = 'a'") == 1
    assert await store.messages.get("1") is None
    assert await store.messages.get("2") is not None


@pytest.mark.parametrize(
    "change", ["title = 'new'", "is_active = false", "metadata = '{\"a\": 1}'", "user_id = 2"]
)
async def test_a_change_by_hand_moves_updated_at(
    store: Conversations, execute: Any, two: None, change: str
) -> None:
    await execute("UPDATE conversations SET updated_at = '2020-01-01T00:00:00.000000Z'")
    await execute(f"UPDATE conversations SET {change} WHERE id = 'a'")
    updated_at = (await conversation(store, "a")).updated_at
    assert updated_at is not None
    assert abs(datetime.now(UTC) - updated_at) < timedelta(minutes=1)
    assert (await conversation(store, "b")).updated_at == datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_time_set_by_hand_stays(store: Conversations, execute: Any, two: None) -> None:
    await execute("UPDATE conversations SET title = 'new', updated_at = '2020-01-03T00:00:00.000000Z'")
    assert (await conversation(store, "a")).updated_at == datetime(2020, 1, 3, tzinfo=UTC)


async def test_a_change_by_hand_moves_no_time_of_the_future_back(
    store: Conversations, execute: Any, two: None
) -> None:
    await execute("UPDATE conversations SET updated_at = '2900-01-01T00:00:00.000000Z'")
    await execute("UPDATE conversations SET title = 'new'")
    assert (await conversation(store, "a")).updated_at == datetime(2900, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("short", "short"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 47 + "..."),
        ("สวัสดีครับ😀" * 10, ("สวัสดีครับ😀" * 10)[:47] + "..."),
        ("two\nlines", "two\nlines"),
    ],
)
async def test_a_title_not_given_is_the_first_message(store: Conversations, content: str, title: str) -> None:
    created = await store.conversations.create(1)
    assert created.title == ""
    await store.messages.append(created.id, "user", content)
    await store.messages.append(created.id, "assistant", "another text")
    assert (await conversation(store, created.id)).title == title


async def test_of_several_messages_written_at_once_the_first_with_text_gives_the_title(
    store: Conversations, execute: Any
) -> None:
    created = await store.conversations.create(1)
    await execute(
        "INSERT INTO messages (id, conversation_id, role, content) VALUES "
        f"('1', '{created.id}', 'user', ''), ('2', '{created.id}', 'user', 'b'), ('3', '{created.id}', 'user', 'a')"
    )
    assert (await conversation(store, created.id)).title == "b"


async def test_a_given_title_stays(store: Conversations) -> None:
    created = await store.conversations.create(1, "given")
    await store.messages.append(created.id, "user", "text")
    assert (await conversation(store, created.id)).title == "given"


async def test_counters_agree_with_a_recount_after_many_statements(
    store: Conversations, execute: Any, two: None
) -> None:
    chance = random.Random(7)
    for number in range(80):
        message, place, other = chance.randrange(number + 1), chance.choice("ab"), chance.choice("ab")
        agent = chance.choice(["'weather'", "'news'", "NULL"])
        await execute(
            chance.choice(
                [
                    f"""INSERT INTO messages (id, conversation_id, role, content, agent_used) VALUES
                        ('{number}', '{place}', 'user', 'x', {agent}), ('{number}+', '{other}', 'user', 'x', NULL)""",
                    f"UPDATE messages SET conversation_id = '{place}' WHERE id = '{message}'",
                    f"UPDATE messages SET agent_used = {agent}, conversation_id = '{place}' WHERE id = '{message}'",
                    f"UPDATE messages SET agent_used = {agent} WHERE id = '{message}'",
                    f"DELETE FROM messages WHERE id IN ('{message}', '{message}+')",
                ]
            )
        )
        for name in "ab":
            found, messages = await conversation(store, name), await store.messages.history(name, 1_000)
            agents = [message.agent_used for message in messages if message.agent_used]
            assert found.message_count == len(messages)
            assert found.last_agent_used == (agents[-1] if agents else None)
