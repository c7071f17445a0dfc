"""Rows written and changed by hand: the defaults, and the times that triggers keep."""

import uuid
from typing import Any

import pytest

from sqlstore.stores.assistant import Assistant, User


async def test_a_row_written_by_hand_needs_only_what_has_no_default(
    assistant: Assistant, execute: Any
) -> None:
    await execute("INSERT INTO users (hardware_id_hash) VALUES ('a'), ('b')")
    first, second = await assistant.users.by_hardware_id("a"), await assistant.users.by_hardware_id("b")
    assert first is not None
    assert second is not None
    assert (first.id.version, first.id.variant) == (4, uuid.RFC_4122)
    assert first.id != second.id
    assert (first.metadata, first.short_term_memory) == ({}, None)
    await execute(f"INSERT INTO sessions (user_id) VALUES ('{first.id}')")
    [session] = await assistant.sessions.of_user(first.id)
    assert (session.status, session.end_time, session.metadata) == ("active", None, {})
    await execute(f"INSERT INTO commands (session_id, prompt) VALUES ('{session.id}', 'p')")
    [command] = await assistant.commands.latest(session.id)
    assert (command.language, command.metadata) == ("en", {})
    await execute(f"INSERT INTO llm_answers (command_id, prompt, response) VALUES ('{command.id}', 'p', 'r')")
    [answer] = await assistant.answers.of_command(command.id)
    assert (answer.model_info, answer.performance_metrics) == ({}, {})
    await execute(f"INSERT INTO screenshots (session_id) VALUES ('{session.id}')")
    await execute(
        f"INSERT INTO performance_metrics (session_id, metric_type, metric_value) VALUES ('{session.id}', 't', '1')"
    )
    [metric] = await assistant.metrics.by_type("t")
    assert metric.metric_value == 1


async def reset(execute: Any) -> None:
    """Put all times of users and sessions far back."""
    long_ago = "'2001-01-01T00:00:00.000000Z'"
    await execute(f"UPDATE users SET updated_at = {long_ago}, memory_updated_at = {long_ago}")
    await execute(
        f"UPDATE sessions SET start_time = {long_ago}, end_time = {long_ago}, updated_at = {long_ago}"
    )


async def moved(assistant: Assistant) -> tuple[bool, bool]:
    """Whether updated_at and memory_updated_at of the user moved since `reset`."""
    user = await assistant.users.by_hardware_id("a")
    assert user is not None
    return user.updated_at.year > 2001, user.memory_updated_at.year > 2001


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("metadata = '{\"a\": 1}'", (True, False)),
        ("short_term_memory = 'other'", (True, True)),
        ("long_term_memory = NULL", (True, True)),
        ("short_term_memory = short_term_memory, long_term_memory = 'long'", (True, False)),
        ("updated_at = '2002-01-01T00:00:00.000000Z'", (True, False)),
        ("metadata = '{}', updated_at = '2001-01-01T00:00:00.000001Z'", (False, False)),
        ("short_term_memory = 'x', memory_updated_at = '2001-01-01T00:00:00.000001Z'", (True, False)),
    ],
)
async def test_times_of_a_user_follow_a_change_by_hand_unless_it_sets_them(
    assistant: Assistant, filled: User, execute: Any, change: str, expected: tuple[bool, bool]
) -> None:
    await reset(execute)
    assert await moved(assistant) == (False, False)
    await execute(f"UPDATE users SET {change}")
    assert await moved(assistant) == expected


async def test_updated_at_of_a_session_follows_a_change_by_hand(
    assistant: Assistant, filled: User, execute: Any
) -> None:
    await reset(execute)
    await execute("UPDATE sessions SET status = 'timeout'")
    [session] = await assistant.sessions.of_user(filled.id)
    assert session.updated_at.year > 2001
    await execute("UPDATE sessions SET status = 'error', updated_at = '2002-01-01T00:00:00.000000Z'")
    [session] = await assistant.sessions.of_user(filled.id)
    assert session.updated_at.year == 2002


async def test_many_changes_within_one_millisecond_are_no_endless_chain(
    assistant: Assistant, execute: Any, engine: str
) -> None:
    await execute("INSERT INTO users (hardware_id_hash) VALUES ('a'), ('b')")
    clock = "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'" if engine == "sqlite" else "now()"
    await execute(
        f"UPDATE users SET updated_at = {clock}, memory_updated_at = {clock}, short_term_memory = 'x'"
    )
    for number in range(20):
        await execute(f"UPDATE users SET short_term_memory = '{number}'")
    assert len(await assistant.memory.active()) == 2
