"""Query plans: what a bot asks on each turn is a range of an index, however much is stored."""

import re
from typing import Any

import pytest
from query_plans import plan

from sqlstore.stores.lessons import Lessons


@pytest.fixture
async def filled(lessons: Lessons, execute: Any) -> Lessons:
    """3,000 chats, 40 of which have 500 messages each, and statistics for the planner."""
    numbers = {
        "sqlite": "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
        "postgres": "(SELECT i FROM generate_series(1, {count}) AS i)",
    }[lessons.driver.engine]
    await execute(
        f"INSERT INTO sessions (chat_id) SELECT 'chat' || i FROM {numbers.format(count=3_000)} AS numbers"
    )
    await execute(
        "INSERT INTO messages (chat_id, role, content) "
        f"SELECT 'chat' || (1 + i % 40), 'user', 'text ' || i FROM {numbers.format(count=20_000)} AS numbers"
    )
    await execute("ANALYZE")
    return lessons


@pytest.mark.parametrize(
    ("query", "arguments"), [("latest", ("'chat7'", "50")), ("all", ("'chat7'", "900", "50"))]
)
async def test_the_messages_of_a_chat_are_one_index_range(
    filled: Lessons, query: str, arguments: tuple[str, ...]
) -> None:
    shown = await plan(filled, "messages", query, *arguments)
    assert re.search(
        r"SEARCH messages USING INDEX idx_messages_chat_id|Index Scan (Backward )?using idx_messages_chat_id",
        shown,
    ), shown
    assert not re.search(r"SCAN messages|Seq Scan|Bitmap", shown), shown


async def test_sessions_by_last_activity_are_one_index_range(filled: Lessons) -> None:
    shown = await plan(filled, "sessions", "recent", "50")
    assert "idx_sessions_updated_at" in shown, shown
    assert not re.search(r"Seq Scan|Sort|TEMP B-TREE|SCAN sessions(?! USING)", shown), shown


async def test_the_clean_up_finds_idle_sessions_by_an_index_range(filled: Lessons) -> None:
    shown = await plan(filled, "retention", "sessions", *_idle(filled.driver.engine))
    assert "idx_sessions_updated_at" in shown, shown
    assert not re.search(r"Seq Scan|TEMP B-TREE|SCAN sessions", shown), shown


def _idle(engine: str) -> tuple[str, ...]:
    before = "'2020-01-01T00:00:00.000000Z'"
    return (before, "25", before) if engine == "sqlite" else (before, "25")
