"""Users, sessions, commands, answers, screenshots and metrics: every method, on both engines."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import ForeignKeyViolation, InvalidValue, UniqueViolation, UsageError
from sqlstore.engine.identifiers import uuid7
from sqlstore.stores.assistant import Assistant, Command, Session, User

DETAILS: dict[str, Any] = {"os": "macOS 14", "ключ": ["ค่า", None, 1, 1.5, True, {"deep": []}]}


async def test_a_user_comes_back_as_it_was_made(assistant: Assistant) -> None:
    before = datetime.now(UTC)
    user = await assistant.users.create("a" * 64, DETAILS)
    assert user.id.version == 7
    assert (user.hardware_id_hash, user.metadata) == ("a" * 64, DETAILS)
    assert (user.short_term_memory, user.long_term_memory) == (None, None)
    assert before <= user.created_at <= datetime.now(UTC)
    assert user.created_at == user.updated_at == user.memory_updated_at
    assert await assistant.users.get(user.id) == user
    assert await assistant.users.by_hardware_id("a" * 64) == user


async def test_nobody_is_found_by_an_unknown_id_or_hash(assistant: Assistant, user: User) -> None:
    assert await assistant.users.get(uuid7()) is None
    assert await assistant.users.by_hardware_id("Machine") is None
    assert await assistant.users.set_metadata(uuid7(), {}) is None
    assert await assistant.users.statistics(uuid7()) is None
    assert await assistant.users.delete(uuid7()) is False


async def test_a_second_user_of_a_machine_is_refused(assistant: Assistant, user: User) -> None:
    with pytest.raises(UniqueViolation) as caught:
        await assistant.users.create("machine")
    assert caught.value.constraint == "users_hardware_id_hash_key"
    assert "machine" not in str(caught.value)


async def test_metadata_is_replaced_and_moves_updated_at(assistant: Assistant, user: User) -> None:
    changed = await assistant.users.set_metadata(user.id, DETAILS)
    assert changed is not None
    assert (changed.metadata, changed.memory_updated_at) == (DETAILS, user.memory_updated_at)
    assert changed.updated_at > user.updated_at
    assert await assistant.users.get(user.id) == changed


async def test_a_create_sent_again_with_its_id_adds_nothing(
    assistant: Assistant, user: User, session: Session, command: Command
) -> None:
    key = uuid7()
    for create in (
        lambda: assistant.users.create("other", {"a": 1}, user_id=key),
        lambda: assistant.sessions.create(user.id, {"a": 1}, session_id=key),
        lambda: assistant.commands.create(session.id, "p", {"a": 1}, command_id=key),
        lambda: assistant.answers.create(command.id, "p", "r", answer_id=key),
        lambda: assistant.screenshots.create(session.id, "a.png", screenshot_id=key),
        lambda: assistant.metrics.create(session.id, "cpu", 1, metric_id=key),
    ):
        first = await create()
        assert first.id == key
        assert await create() == first
    counts = await assistant.users.statistics(user.id)
    assert counts is not None
    assert (counts.total_sessions, counts.total_commands, counts.total_llm_answers) == (2, 2, 1)
    assert (counts.total_screenshots, counts.total_performance_metrics) == (1, 1)


async def test_the_same_create_sent_at_the_same_time_gives_everyone_the_same_row(
    assistant: Assistant,
) -> None:
    key = uuid7()
    made = await asyncio.gather(*(assistant.users.create("one", user_id=key) for _ in range(20)))
    assert len({user.created_at for user in made}) == 1
    assert await assistant.users.by_hardware_id("one") == made[0]


async def test_ids_given_by_the_client_need_not_be_of_version_7(assistant: Assistant, user: User) -> None:
    key = uuid.UUID(int=2**128 - 1)
    assert (await assistant.sessions.create(user.id, session_id=key)).id == key
    found = await assistant.sessions.get(key)
    assert found is not None


async def test_a_session_starts_active_and_ends_once(assistant: Assistant, user: User) -> None:
    session = await assistant.sessions.create(user.id, DETAILS)
    assert (session.user_id, session.status, session.end_time, session.metadata) == (
        user.id, "active", None, DETAILS,
    )  # fmt: skip
    ended = await assistant.sessions.end(session.id)
    assert ended is not None
    assert ended.end_time is not None
    assert ended.end_time == ended.updated_at > session.start_time
    assert ended.status == "ended"
    assert await assistant.sessions.get(session.id) == ended
    again = await assistant.sessions.end(session.id, "error")
    assert again is not None
    assert (again.end_time, again.status) == (ended.end_time, "ended")


@pytest.mark.parametrize("status", ["ended", "timeout", "error"])
async def test_a_session_can_end_in_several_ways(assistant: Assistant, session: Session, status: Any) -> None:
    ended = await assistant.sessions.end(session.id, status)
    assert ended is not None
    assert ended.status == status
    assert await assistant.sessions.by_status(status) == [ended]
    assert await assistant.sessions.by_status("active") == []


@pytest.mark.parametrize("status", ["active", "over", "", None])
async def test_a_session_ends_in_no_other_way(assistant: Assistant, session: Session, status: Any) -> None:
    with pytest.raises(InvalidValue, match="status"):
        await assistant.sessions.end(session.id, status)


async def test_a_session_that_started_by_a_clock_ahead_of_ours_can_end(
    assistant: Assistant, session: Session, execute: Any
) -> None:
    await execute("UPDATE sessions SET start_time = '2999-01-01T00:00:00.000000Z'")
    ended = await assistant.sessions.end(session.id)
    assert ended is not None
    assert ended.end_time == ended.start_time


async def test_an_unknown_session_does_not_end(assistant: Assistant) -> None:
    assert await assistant.sessions.end(uuid7()) is None
    assert await assistant.sessions.get(uuid7()) is None


async def test_a_users_sessions_come_newest_first(assistant: Assistant, user: User) -> None:
    other = await assistant.users.create("other")
    await assistant.sessions.create(other.id)
    made = [await assistant.sessions.create(user.id) for _ in range(5)]
    assert await assistant.sessions.of_user(user.id) == made[::-1]
    assert await assistant.sessions.of_user(user.id, 2) == made[:2:-1]
    assert await assistant.sessions.of_user(user.id, 0) == []


async def test_commands_come_back_in_order(assistant: Assistant, session: Session) -> None:
    made = [
        await assistant.commands.create(session.id, f"p{number}", DETAILS, "ru" if number % 2 else "en")
        for number in range(6)
    ]
    assert (made[0].metadata, made[0].language) == (DETAILS, "en")
    assert await assistant.commands.latest(session.id) == made
    assert await assistant.commands.latest(session.id, 2) == made[-2:]
    assert await assistant.commands.by_language("ru") == made[5::-2]
    assert await assistant.commands.get(made[3].id) == made[3]
    assert await assistant.commands.get(uuid7()) is None
    assert await assistant.commands.latest(uuid7()) == []


async def test_commands_of_one_moment_stay_in_the_order_they_came(
    assistant: Assistant, session: Session, execute: Any
) -> None:
    ids = [uuid.uuid4() for _ in range(20)]
    for key in ids:
        await assistant.commands.create(session.id, "p", command_id=key)
    await execute("UPDATE commands SET created_at = '2024-01-01T00:00:00.000000Z'")
    assert [command.id for command in await assistant.commands.latest(session.id)] == ids
    assert [command.id for command in await assistant.commands.with_answers(session.id)] == ids


async def test_commands_sent_together_are_all_kept(assistant: Assistant, session: Session) -> None:
    made = await asyncio.gather(
        *(assistant.commands.create(session.id, f"p{number}") for number in range(50))
    )
    assert {command.prompt for command in await assistant.commands.latest(session.id)} == {
        command.prompt for command in made
    }


async def test_a_command_stands_once_for_each_answer(assistant: Assistant, session: Session) -> None:
    silent, answered = [await assistant.commands.create(session.id, prompt) for prompt in ("?", "!")]
    first = await assistant.answers.create(answered.id, "! in full", "1", {"name": "m"}, {"ms": 1.5})
    second = await assistant.answers.create(answered.id, "!", "2")
    assert (first.prompt, first.response, first.model_info, first.performance_metrics) == (
        "! in full", "1", {"name": "m"}, {"ms": 1.5},
    )  # fmt: skip
    assert await assistant.answers.of_command(answered.id) == [first, second]
    assert await assistant.answers.of_command(silent.id) == []
    assert await assistant.answers.get(second.id) == second
    assert await assistant.answers.get(uuid7()) is None
    found = await assistant.commands.with_answers(session.id)
    assert [
        (row.id, row.prompt, row.llm_response, row.model_info, row.performance_metrics) for row in found
    ] == [
        (silent.id, "?", None, None, None),
        (answered.id, "!", "1", {"name": "m"}, {"ms": 1.5}),
        (answered.id, "!", "2", {}, {}),
    ]


async def test_screenshots_come_newest_first(assistant: Assistant, session: Session) -> None:
    made = [await assistant.screenshots.create(session.id, f"{number}.webp") for number in range(3)]
    made.append(await assistant.screenshots.create(session.id, None, "https://a/b", DETAILS))
    assert (made[3].file_path, made[3].file_url, made[3].metadata) == (None, "https://a/b", DETAILS)
    assert await assistant.screenshots.of_session(session.id) == made[::-1]
    assert await assistant.screenshots.of_session(session.id, 1) == [made[3]]
    assert await assistant.screenshots.get(made[0].id) == made[0]
    assert await assistant.screenshots.get(uuid7()) is None


@pytest.mark.parametrize("value", [{"percent": 12.5}, [1, 2], 3, 2.5, "fast", True, None, {}])
async def test_a_metric_keeps_any_json(assistant: Assistant, session: Session, value: Any) -> None:
    metric = await assistant.metrics.create(session.id, "cpu", value)
    found = await assistant.metrics.get(metric.id)
    assert found == metric
    assert (metric.metric_value, type(metric.metric_value)) == (value, type(value))


async def test_metrics_come_newest_first_by_session_and_by_type(
    assistant: Assistant, session: Session
) -> None:
    made = [await assistant.metrics.create(session.id, kind, {}) for kind in ("cpu", "memory", "cpu")]
    assert await assistant.metrics.of_session(session.id) == made[::-1]
    assert await assistant.metrics.by_type("cpu") == [made[2], made[0]]
    assert await assistant.metrics.get(uuid7()) is None


async def test_what_belongs_to_nobody_is_refused(assistant: Assistant) -> None:
    unknown = uuid7()
    for create in (
        lambda: assistant.sessions.create(unknown),
        lambda: assistant.commands.create(unknown, "p"),
        lambda: assistant.answers.create(unknown, "p", "r"),
        lambda: assistant.screenshots.create(unknown),
        lambda: assistant.metrics.create(unknown, "cpu", {}),
    ):
        with pytest.raises(ForeignKeyViolation):
            await create()


async def test_statistics_count_everything_once(assistant: Assistant, user: User, execute: Any) -> None:
    other = await assistant.users.create("other")
    await assistant.commands.create((await assistant.sessions.create(other.id)).id, "not counted")
    nothing = await assistant.users.statistics(user.id)
    assert nothing is not None
    assert (nothing.total_sessions, nothing.avg_session_duration_seconds, nothing.last_session_at) == (
        0,
        None,
        None,
    )

    sessions = [await assistant.sessions.create(user.id) for _ in range(3)]
    for number in range(4):
        command = await assistant.commands.create(sessions[0].id, f"p{number}")
        await assistant.answers.create(command.id, "p", "r")
        await assistant.screenshots.create(sessions[0].id)
    await assistant.metrics.create(sessions[1].id, "cpu", {})
    for session, start, end in (
        (sessions[0], "2024-02-28T23:59:59.999999", "2024-02-29T00:00:10.000000"),
        (sessions[1], "2024-02-28T00:00:00.250000", "2024-02-28T00:00:00.750000"),
    ):
        await execute(
            f"UPDATE sessions SET start_time = '{start}Z', end_time = '{end}Z', status = 'ended' WHERE id = '{session.id}'"
        )
    found = await assistant.users.statistics(user.id)
    assert found is not None
    assert (found.total_sessions, found.active_sessions, found.total_commands) == (3, 1, 4)
    assert (found.total_llm_answers, found.total_screenshots, found.total_performance_metrics) == (4, 4, 1)
    assert found.avg_session_duration_seconds == pytest.approx((10.000001 + 0.5) / 2, abs=1e-9)
    assert found.last_session_at == sessions[2].start_time


async def test_a_deleted_user_is_gone_with_everything(
    assistant: Assistant, user: User, session: Session, command: Command
) -> None:
    assert await assistant.users.delete(user.id) is True
    assert await assistant.users.get(user.id) is None
    assert await assistant.sessions.get(session.id) is None
    assert await assistant.commands.get(command.id) is None


async def test_a_transaction_keeps_all_or_nothing(assistant: Assistant) -> None:
    with pytest.raises(ZeroDivisionError):
        async with assistant.transaction() as tx:
            user = await tx.users.create("a")
            await tx.sessions.create(user.id)
            raise ZeroDivisionError
    assert await assistant.users.by_hardware_id("a") is None
    async with assistant.transaction() as tx:
        user = await tx.users.create("a")
        await tx.sessions.create(user.id)
        with pytest.raises(UsageError):
            await assistant.users.get(user.id)
    assert len(await assistant.sessions.of_user(user.id)) == 1
