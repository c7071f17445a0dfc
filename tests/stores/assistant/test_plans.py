"""Query plans: what an assistant asks on each turn is a range of an index, however much is stored."""

import re
from typing import Any

import pytest
from query_plans import plan

from sqlstore.stores.assistant import Assistant

USER = "00000000-0000-7000-8000-000000000007"


@pytest.fixture
async def filled(assistant: Assistant, execute: Any, engine: str) -> Assistant:
    """3,000 users, a session each, 20,000 commands in 40 of them, and statistics for the planner."""
    numbers, identifier, moment = {
        "sqlite": (
            "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
            "printf('00000000-0000-7000-8000-%012d', {number})",
            "strftime('%Y-%m-%dT%H:%M:%f', 1700000000 + i, 'unixepoch') || '000Z'",
        ),
        "postgres": (
            "(SELECT i FROM generate_series(1, {count}) AS i)",
            "CAST('00000000-0000-7000-8000-' || lpad(CAST({number} AS text), 12, '0') AS uuid)",
            "to_timestamp(1700000000 + i)",
        ),
    }[engine]
    own = identifier.format(number="i")
    await execute(
        "INSERT INTO users (id, hardware_id_hash, memory_updated_at, short_term_memory) "
        f"SELECT {own}, 'h' || i, {moment}, CASE WHEN i % 3 = 0 THEN 'm' END FROM {numbers.format(count=3_000)} AS numbers"
    )
    await execute(
        f"INSERT INTO sessions (id, user_id, start_time, status) SELECT {own}, {own}, {moment}, "
        f"CASE WHEN i % 10 = 0 THEN 'timeout' ELSE 'ended' END FROM {numbers.format(count=3_000)} AS numbers"
    )
    session = identifier.format(number="(1 + i % 40)")
    many = numbers.format(count=20_000)
    await execute(
        f"INSERT INTO commands (id, session_id, prompt, language, created_at) "
        f"SELECT {own}, {session}, 'p', 'l' || i % 40, {moment} FROM {many} AS numbers"
    )
    await execute(
        f"INSERT INTO llm_answers (command_id, prompt, response, created_at) SELECT {own}, 'p', 'r', {moment} FROM {many} AS numbers"
    )
    await execute(
        f"INSERT INTO screenshots (session_id, created_at) SELECT {session}, {moment} FROM {many} AS numbers"
    )
    await execute(
        "INSERT INTO performance_metrics (session_id, metric_type, metric_value, created_at) "
        f"SELECT {session}, 't' || i % 40, '1', {moment} FROM {many} AS numbers"
    )
    await execute("ANALYZE")
    return assistant


NEWEST = [
    ("memory", "active", ("50",), "idx_users_active_memory"),
    ("sessions", "of_user", (f"'{USER}'", "50"), "idx_sessions_user_id"),
    ("sessions", "by_status", ("'timeout'", "50"), "idx_sessions_status"),
    ("commands", "by_language", ("'l7'", "50"), "idx_commands_language"),
    ("llm_answers", "of_command", (f"'{USER}'",), "idx_llm_answers_command_id"),
    ("screenshots", "of_session", (f"'{USER}'", "50"), "idx_screenshots_session_id"),
    ("performance_metrics", "of_session", (f"'{USER}'", "50"), "idx_performance_metrics_session_id"),
    ("performance_metrics", "by_type", ("'t7'", "50"), "idx_performance_metrics_type"),
]


async def test_the_newest_of_anything_are_one_index_range_without_a_sort(filled: Assistant) -> None:
    for table, query, arguments, index in NEWEST:  # in one test: filling the tables takes seconds
        shown = await plan(filled, table, query, *arguments)
        assert re.search(rf"USING (COVERING )?INDEX {index}|Index Scan (Backward )?using {index}", shown), (
            shown
        )
        assert not re.search(r"TEMP B-TREE|Seq Scan|Sort\b", shown), shown


async def test_the_last_50_commands_of_a_session_are_one_index_range(filled: Assistant) -> None:
    shown = await plan(filled, "commands", "latest", f"'{USER}'", "50")
    index = "idx_commands_session_id"
    assert re.search(rf"SEARCH commands USING INDEX {index}|Index Scan Backward using {index}", shown), shown
    assert not re.search(r"SCAN commands|Seq Scan", shown), shown


async def test_commands_with_their_answers_are_index_ranges(filled: Assistant) -> None:
    shown = await plan(filled, "commands", "with_answers", f"'{USER}'")
    assert "idx_commands_session_id" in shown, shown
    assert not re.search(r"SCAN commands|SCAN llm_answers|Seq Scan on commands", shown), shown


async def test_expired_memories_are_found_from_the_oldest_on(filled: Assistant, engine: str) -> None:
    early, late = "'2023-11-14T22:14:00.000000Z'", "'2026-01-01T00:00:00.000000Z'"
    arguments = {"sqlite": (late, late, early, "500", early), "postgres": (early, "500", late)}[engine]
    shown = await plan(filled, "memory", "clear_expired_short", *arguments)
    assert re.search(r"idx_users_(memory_updated|active_memory)", shown), shown
    assert not re.search(r"SCAN users|Seq Scan", shown), shown
