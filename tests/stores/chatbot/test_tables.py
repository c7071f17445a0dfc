"""The tables by themselves: what hand-written SQL meets, the same on both engines."""

from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, NotNullViolation, UniqueViolation
from sqlstore.migrations import down
from sqlstore.stores.chatbot import Chatbot, Session


@pytest.fixture
async def two_users(bot: Chatbot, execute: Any) -> tuple[int, int]:
    await execute("INSERT INTO users (session_id, platform) VALUES ('a', 'web'), ('b', 'web')")
    first, second = await bot.users.get("a"), await bot.users.get("b")
    assert first is not None
    assert second is not None
    return first.id, second.id


async def session(bot: Chatbot, session_id: str) -> Session:
    found = await bot.sessions.get(session_id)
    assert found is not None
    return found


def moment(day: int) -> str:
    return f"2030-01-{day:02}T00:00:00.000000Z"


async def test_counters_and_times_follow_messages_written_by_hand(
    bot: Chatbot, execute: Any, two_users: tuple[int, int]
) -> None:
    first, second = two_users
    assert await bot.sessions.get("a") is None
    await execute(
        "INSERT INTO messages (user_id, role, content, created_at) VALUES "
        f"({first}, 'user', '1', '{moment(2)}'), ({second}, 'user', '2', '{moment(3)}'), "
        f"({first}, 'model', '3', '{moment(4)}')"
    )
    found = await session(bot, "a")
    assert (
        found.message_count,
        found.started_at.day,
        found.last_message_at and found.last_message_at.day,
    ) == (2, 2, 4)
    user = await bot.users.get("a")
    assert user is not None
    assert user.last_active == found.last_message_at

    await execute("DELETE FROM messages WHERE content = '3'")
    found = await session(bot, "a")
    assert (found.message_count, found.last_message_at and found.last_message_at.day) == (1, 2)

    await execute(f"UPDATE messages SET user_id = {second} WHERE content = '1'")
    assert ((await session(bot, "a")).message_count, (await session(bot, "b")).message_count) == (0, 2)
    assert (await session(bot, "a")).last_message_at is None

    await execute(f"UPDATE messages SET created_at = '{moment(9)}' WHERE content = '2'")
    last = (await session(bot, "b")).last_message_at
    assert last is not None
    assert last.day == 9

    await execute("DELETE FROM messages")
    assert (await session(bot, "b")).message_count == 0


async def test_a_session_starts_again_with_the_first_message_after_the_last_was_deleted(
    bot: Chatbot, execute: Any, two_users: tuple[int, int]
) -> None:
    for day in (2, 5):
        await execute("DELETE FROM messages")
        await execute(
            "INSERT INTO messages (user_id, role, content, created_at) "
            f"VALUES ({two_users[0]}, 'user', 'x', '{moment(day)}')"
        )
    assert (await session(bot, "a")).started_at.day == 5


async def test_a_count_set_too_low_by_hand_stops_no_deletion(
    bot: Chatbot, execute: Any, two_users: tuple[int, int]
) -> None:
    await execute(f"INSERT INTO messages (user_id, role, content) VALUES ({two_users[0]}, 'user', 'x')")
    await execute("UPDATE sessions SET message_count = 0")
    await execute("DELETE FROM messages")
    assert (await session(bot, "a")).message_count == 0


async def test_a_deleted_user_takes_everything_along(
    bot: Chatbot, execute: Any, two_users: tuple[int, int]
) -> None:
    await bot.save_history("a", [{"role": "user", "parts": [{"text": "x"}]}])
    await execute("DELETE FROM users WHERE session_id = 'a'")
    rows = (await bot.get_database_stats())["rows"]
    assert (rows["users"], rows["messages"], rows["sessions"]) == (1, 0, 0)
    assert await bot.digests.get(two_users[0]) is None


async def test_ids_are_not_used_again(bot: Chatbot, execute: Any, two_users: tuple[int, int]) -> None:
    await execute("DELETE FROM users WHERE session_id = 'b'")
    assert (await bot.get_or_create_user("c", "web")).id > two_users[1]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE users SET session_id = '{256}'", "users_session_id_check"),
        ("UPDATE users SET platform = '{51}'", "users_platform_check"),
        ("UPDATE users SET name = '{256}'", "users_name_check"),
        ("UPDATE users SET picture_url = '{513}'", "users_picture_url_check"),
        (
            "INSERT INTO messages (user_id, role, content) SELECT id, 'assistant', 'x' FROM users",
            "messages_role_check",
        ),
        ("UPDATE messages SET motion = '{51}'", "messages_motion_check"),
        ("UPDATE messages SET latency = -1", "messages_latency_check"),
        ("UPDATE sessions SET message_count = -1", "sessions_message_count_check"),
        ("UPDATE faqs SET hit_count = -1", "faqs_hit_count_check"),
        ("UPDATE faqs SET category = '{101}'", "faqs_category_check"),
        ("UPDATE audit_logs SET anon_id = '{51}'", "audit_logs_anon_id_check"),
        ("UPDATE audit_logs SET platform = '{51}'", "audit_logs_platform_check"),
        ("UPDATE audit_logs SET latency = -1", "audit_logs_latency_check"),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_by_name(
    bot: Chatbot, execute: Any, statement: str, constraint: str
) -> None:
    await bot.append_message("a", "user", "x")
    await bot.faqs.learn("q", "a")
    await bot.audit_logs.add("a", "web", "q", "a", anon_key="k" * 16)
    for length in (256, 51, 513, 101):
        statement = statement.replace(f"{{{length}}}", "ก" * length)
    with pytest.raises(CheckViolation) as caught:
        await execute(statement)
    assert caught.value.constraint == constraint


@pytest.mark.parametrize("column", ["session_id", "platform", "bot_enabled", "created_at", "last_active"])
async def test_a_user_has_all_that_must_be_there(
    bot: Chatbot, execute: Any, two_users: tuple[int, int], column: str
) -> None:
    with pytest.raises(NotNullViolation):
        await execute(f"UPDATE users SET {column} = NULL WHERE session_id = 'a'")


async def test_a_session_id_and_a_question_stand_once(
    bot: Chatbot, execute: Any, two_users: tuple[int, int]
) -> None:
    with pytest.raises(UniqueViolation):
        await execute("INSERT INTO users (session_id, platform) VALUES ('a', 'web')")
    await execute("INSERT INTO faqs (question, answer) VALUES ('q', '1')")
    with pytest.raises(UniqueViolation):
        await execute("INSERT INTO faqs (question, answer) VALUES ('q', '2')")
    with pytest.raises(UniqueViolation):
        await bot.append_message("a", "user", "x")
        await execute(f"INSERT INTO sessions (user_id) VALUES ({two_users[0]})")


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "text", ["2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000000+00:00", "now", ""]
)
async def test_a_time_in_another_shape_is_refused(
    bot: Chatbot, execute: Any, two_users: tuple[int, int], text: str
) -> None:
    with pytest.raises(CheckViolation):
        await execute(f"UPDATE users SET last_active = '{text}'")


@pytest.mark.parametrize("engine", ["postgres"])
async def test_an_endless_time_is_refused(bot: Chatbot, execute: Any, two_users: tuple[int, int]) -> None:
    with pytest.raises(CheckViolation):
        await execute("UPDATE users SET last_active = 'infinity'")


@pytest.mark.parametrize("engine", ["postgres"])
async def test_truncated_messages_are_noticed(bot: Chatbot, execute: Any) -> None:
    history = [{"role": "user", "parts": [{"text": "x"}]}]
    await bot.save_history("a", history)
    await execute("TRUNCATE messages")
    assert (await session(bot, "a")).message_count == 0
    await bot.save_history("a", history)
    assert await bot.messages.count("a") == 1


async def test_migrations_go_down_to_nothing_and_up_again(bot: Chatbot) -> None:
    await bot.append_message("a", "user", "x")
    await down(bot.driver, Chatbot.migration_source(), to=0)
    await bot.init_database()
    assert await bot.users.count() == 0
    await bot.append_message("a", "user", "x")
    assert (await session(bot, "a")).message_count == 1
