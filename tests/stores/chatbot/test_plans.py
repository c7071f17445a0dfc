"""Query plans: what a bot asks on each turn is a range of an index, however much is stored."""

import re
from typing import Any

import pytest
from query_plans import plan

from sqlstore.stores.chatbot import Chatbot


@pytest.fixture
async def filled(bot: Chatbot, execute: Any) -> Chatbot:
    """3,000 users, 40 of whom have 500 messages each, and statistics for the planner."""
    numbers = {
        "sqlite": "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
        "postgres": "(SELECT i FROM generate_series(1, {count}) AS i)",
    }[bot.driver.engine]
    await execute(
        "INSERT INTO users (session_id, platform) "
        f"SELECT 'web_' || i, 'web' FROM {numbers.format(count=3_000)} AS numbers"
    )
    await execute(
        "INSERT INTO messages (user_id, role, content) "
        f"SELECT 1 + i % 40, 'user', 'text ' || i FROM {numbers.format(count=20_000)} AS numbers"
    )
    await execute("ANALYZE")
    return bot


def assert_one_index_range(shown: str, index: str) -> None:
    assert index in shown, shown
    assert not re.search(r"SCAN (messages|users)\b(?! USING)|Seq Scan|Sort\b", shown), shown


async def test_the_last_messages_of_a_session_are_one_index_range(filled: Chatbot) -> None:
    shown = await plan(filled, "messages", "latest", "'web_7'", "20")
    assert "idx_message_user" in shown, shown
    assert "Seq Scan" not in shown, shown
    assert "SCAN messages" not in shown, shown
    assert re.search(
        r"SEARCH messages USING INDEX idx_message_user|Index Scan Backward using idx_message_user", shown
    ), shown


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("entries_after", ("1", "0")),
        ("first_entries", ("1", "1", "20")),
        ("last_entries", ("1", "1", "20")),
    ],
)
async def test_what_saving_reads_is_one_index_range(
    filled: Chatbot, query: str, arguments: tuple[str, ...]
) -> None:
    shown = await plan(filled, "messages", query, *arguments)
    assert "idx_message_user" in shown, shown
    assert not re.search(r"SCAN messages|Seq Scan", shown), shown


@pytest.mark.parametrize(
    ("table", "query", "arguments"),
    [
        ("messages", "latest", ("'web_12'", "20")),
        ("messages", "last_entries", ("12", "1", "20")),
        ("history_digests", "put", ("12", "30", "'x'")),
    ],
)
@pytest.mark.parametrize("engine", ["postgres"])
async def test_a_quiet_user_among_busy_ones_is_one_index_range(
    bot: Chatbot, execute: Any, table: str, query: str, arguments: tuple[str, ...]
) -> None:
    """Their messages are the oldest: whoever walks back from the newest reads everything."""
    await execute(
        "INSERT INTO users (session_id, platform) VALUES "
        + ", ".join(f"('web_{number}', 'web')" for number in range(1, 13))
    )
    for user, count in [("12", 30), ("1 + i % 11", 100_000)]:
        await execute(
            "INSERT INTO messages (user_id, role, content) "
            f"SELECT {user}, 'user', 'a text of a few words ' || i FROM generate_series(1, {count}) AS i"
        )
    await execute("ANALYZE")
    shown = await plan(bot, table, query, *arguments)
    assert "idx_message_user" in shown, shown
    assert not re.search(r"messages_pkey|Seq Scan on messages", shown), shown


async def test_users_by_last_activity_are_one_index_range(filled: Chatbot) -> None:
    assert_one_index_range(await plan(filled, "users", "recent", "20"), "idx_user_last_active")


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_question_is_found_by_its_index_on_sqlite(bot: Chatbot) -> None:
    assert "USING INDEX" in await plan(bot, "faqs", "answer", "'q'")


@pytest.mark.parametrize("engine", ["postgres"])
async def test_a_question_is_found_by_its_hash_on_postgres(bot: Chatbot, execute: Any) -> None:
    await execute(
        "INSERT INTO faqs (question, answer) SELECT 'q' || i, 'a' FROM generate_series(1, 3000) AS i"
    )
    await execute("ANALYZE faqs")
    assert "faqs_question_key" in await plan(bot, "faqs", "answer", "'q7'")
