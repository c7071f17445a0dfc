"""Saving and loading whole sessions: nothing is lost, nothing stored twice, nothing overwritten unseen."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sqlstore.engine.errors import Conflict, InvalidValue
from sqlstore.stores.lessons import Lessons, SessionState


def told(count: int, chat_id: str = "1") -> SessionState:
    """A fresh state with so many messages."""
    state = SessionState(chat_id)
    for number in range(count):
        state.add_message("assistant" if number % 2 else "user", f"message {number}")
    return state


async def contents(lessons: Lessons, chat_id: str = "1") -> list[str]:
    return [message.content async for message in lessons.messages.all(chat_id)]


async def test_a_chat_never_seen_has_no_state(lessons: Lessons) -> None:
    assert await lessons.load_session("nobody") is None


async def test_a_state_comes_back_as_it_was_saved(lessons: Lessons) -> None:
    state = SessionState(
        "-100123", "explanation", "Почему небо голубое?", "🌈 light", True, True, 7, 3, "sound",
        ["short", {"emoji": False, "weight": 0.5}, None],
    )  # fmt: skip
    state.add_message("user", "Почему?")
    state.add_message("assistant", "Рассеяние")
    saved = await lessons.save_session(state)
    assert await lessons.load_session("-100123") == saved
    assert saved.columns() == state.columns()
    assert [(m.role, m.content, m.timestamp) for m in saved.recent_messages] == [
        (m.role, m.content, m.timestamp) for m in state.recent_messages
    ]
    assert all(message.id is not None for message in saved.recent_messages)
    assert (saved.created_at, saved.state_version) == (state.created_at, 1)


async def test_only_messages_without_an_id_are_stored(lessons: Lessons) -> None:
    state = await lessons.save_session(told(2))
    for number in range(3):
        state.add_message("user", f"later {number}")
        state = await lessons.save_session(state)
        state = await lessons.save_session(state)
    assert await contents(lessons) == ["message 0", "message 1", "later 0", "later 1", "later 2"]


async def test_messages_after_the_thirtieth_are_still_saved(lessons: Lessons) -> None:
    state = await lessons.save_session(SessionState("1"))
    for number in range(75):
        state.add_message("user", f"message {number}")
        state = await lessons.save_session(state)
    assert await contents(lessons) == [f"message {number}" for number in range(75)]
    assert [message.content for message in state.recent_messages] == [
        f"message {number}" for number in range(45, 75)
    ]
    loaded = await lessons.load_session("1")
    assert loaded is not None
    assert loaded == state


async def test_more_than_thirty_new_messages_are_all_saved(lessons: Lessons) -> None:
    await lessons.save_session(told(80))
    assert await contents(lessons) == [f"message {number}" for number in range(80)]
    loaded = await lessons.load_session("1")
    assert loaded is not None
    assert [message.content for message in loaded.recent_messages] == [f"message {n}" for n in range(50, 80)]


async def test_two_equal_messages_are_two(lessons: Lessons) -> None:
    state, moment = SessionState("1"), datetime(2024, 5, 1, tzinfo=UTC)
    state.add_message("user", "да", moment)
    state.add_message("user", "да", moment)
    await lessons.save_session(state)
    assert await contents(lessons) == ["да", "да"]


async def test_the_state_handed_over_is_left_as_it_is(lessons: Lessons) -> None:
    state = told(2)
    before = state.copy()
    await lessons.save_session(state)
    assert state == before


async def test_of_two_writers_the_second_is_told_and_writes_nothing(lessons: Lessons) -> None:
    await lessons.save_session(told(1))
    first, second = await lessons.load_session("1"), await lessons.load_session("1")
    assert first is not None
    assert second is not None
    first.topic, second.topic = "light", "sound"
    second.add_message("user", "never stored")
    await lessons.save_session(first)
    with pytest.raises(Conflict):
        await lessons.save_session(second)
    stored = await lessons.load_session("1")
    assert stored is not None
    assert (stored.topic, await contents(lessons)) == ("light", ["message 0"])


async def test_of_many_writers_at_once_one_wins(lessons: Lessons) -> None:
    await lessons.save_session(told(1))
    states = [await lessons.load_session("1") for _ in range(8)]

    async def save(number: int, state: SessionState) -> int | None:
        state.topic = f"topic {number}"
        state.add_message("user", f"by {number}")
        try:
            await lessons.save_session(state)
        except Conflict:
            return None
        return number

    done = await asyncio.gather(*(save(number, state) for number, state in enumerate(states) if state))
    winners = [number for number in done if number is not None]
    assert len(winners) == 1
    stored = await lessons.load_session("1")
    assert stored is not None
    assert (stored.topic, stored.state_version) == (f"topic {winners[0]}", 2)
    assert await contents(lessons) == ["message 0", f"by {winners[0]}"]


async def test_two_first_states_of_one_chat_do_not_overwrite_each_other(lessons: Lessons) -> None:
    done = await asyncio.gather(*(lessons.save_session(told(1)) for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in done) == ["Conflict"] * 3 + ["SessionState"]
    assert await contents(lessons) == ["message 0"]


async def test_a_change_by_hand_is_not_overwritten_either(lessons: Lessons, execute: Any) -> None:
    state = await lessons.save_session(told(1))
    await execute("UPDATE sessions SET topic = 'by hand'")
    with pytest.raises(Conflict):
        await lessons.save_session(state)


async def test_messages_of_others_are_no_reason_to_refuse_a_state(lessons: Lessons) -> None:
    state = await lessons.save_session(told(1))
    await lessons.append_message("1", "user", "by another")
    state.topic = "light"
    assert (await lessons.save_session(state)).topic == "light"


async def test_a_transaction_that_loads_and_saves_counts_every_writer(lessons: Lessons) -> None:
    await lessons.save_session(told(0))

    async def count(tx: Lessons) -> None:
        state = await tx.load_session("1")
        assert state is not None
        state.user_preferences = [*state.user_preferences, len(state.user_preferences)]
        state.add_message("user", "counted")
        await tx.save_session(state)

    await asyncio.gather(*(lessons.run(count) for _ in range(6)))
    stored = await lessons.load_session("1")
    assert stored is not None
    assert (stored.user_preferences, len(stored.recent_messages)) == ([0, 1, 2, 3, 4, 5], 6)


async def test_state_and_messages_are_saved_together_or_not_at_all(lessons: Lessons) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop):
        async with lessons.transaction() as tx:
            await tx.save_session(told(3))
            raise Stop
    assert await lessons.load_session("1") is None
    assert await contents(lessons) == []


async def test_a_session_deleted_meanwhile_is_begun_anew_with_what_is_new(lessons: Lessons) -> None:
    state = await lessons.save_session(told(2))
    await lessons.sessions.delete("1")
    state.add_message("user", "still here")
    again = await lessons.save_session(state)
    assert await contents(lessons) == ["still here"]
    assert again.state_version == 2


async def test_a_state_from_before_a_deletion_does_not_overwrite_the_session_begun_since(
    lessons: Lessons,
) -> None:
    old = await lessons.save_session(told(1))
    await lessons.sessions.delete("1")
    new = told(1)
    new.topic = "new"
    await lessons.save_session(new)
    with pytest.raises(Conflict):
        await lessons.save_session(old)


async def test_merging_keeps_the_messages_of_both_and_the_newer_state(lessons: Lessons) -> None:
    first = await lessons.save_session(told(1))
    second = first.copy()
    first.topic, second.topic = "light", "sound"
    first.add_message("user", "by the first")
    second.add_message("user", "by the second")
    await lessons.save_session(first)
    merged, overtaken = await lessons.merge_session(second)
    assert (merged.topic, overtaken) == ("light", True)
    assert await contents(lessons) == ["message 0", "by the first", "by the second"]
    assert merged == await lessons.load_session("1")


async def test_merging_the_same_state_again_stores_nothing_twice(lessons: Lessons) -> None:
    state = told(45)
    state.topic = "light"
    saved, overtaken = await lessons.merge_session(state)
    assert (saved.state_version, overtaken) == (1, False)
    again, overtaken = await lessons.merge_session(state)
    assert overtaken is False
    assert await contents(lessons) == [f"message {number}" for number in range(45)]
    assert again.columns() == state.columns()


async def test_merging_what_was_stored_in_part_adds_the_rest(lessons: Lessons) -> None:
    state = told(3)
    await lessons.merge_session(state)
    state.add_message("user", "the rest")
    await lessons.merge_session(state)
    assert await contents(lessons) == ["message 0", "message 1", "message 2", "the rest"]


async def test_times_go_forward_only(lessons: Lessons) -> None:
    state = told(0)
    state.add_message("user", "from a clock that is ahead", datetime.now(UTC) + timedelta(hours=1))
    first = await lessons.save_session(state)
    second = await lessons.save_session(first)
    assert second.updated_at >= first.updated_at >= state.recent_messages[0].timestamp
    assert await lessons.load_session("1") == second


async def test_a_time_of_another_zone_is_the_same_moment(lessons: Lessons) -> None:
    state, moment = SessionState("1"), datetime(2024, 5, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    state.add_message("user", "x", moment)
    saved = await lessons.save_session(state)
    assert saved.recent_messages[0].timestamp == moment
    loaded = await lessons.load_session("1")
    assert loaded is not None
    assert loaded.recent_messages[0].timestamp.isoformat() == "2024-05-01T00:00:00+00:00"


async def test_idle_sessions_are_deleted_with_their_messages(lessons: Lessons, execute: Any) -> None:
    for number in range(60):
        await lessons.append_message(f"chat {number}", "user", "x")
    old = datetime.now(UTC) - timedelta(hours=169)
    await execute(
        f"UPDATE sessions SET updated_at = '{old:%Y-%m-%dT%H:%M:%S}.000000Z' "
        "WHERE CAST(substr(chat_id, 6) AS integer) < 55"
    )
    assert await lessons.cleanup_old_sessions(hours=170) == 0
    assert await lessons.cleanup_old_sessions() == 55
    assert await lessons.sessions.count() == 5
    rows = await lessons.driver.fetch("SELECT count(*) FROM messages")
    assert rows[0][0] == 5
    assert await lessons.cleanup_old_sessions(hours=1) == 0


@pytest.mark.parametrize("hours", [0, -1, 10**12, 2**63])
async def test_hours_that_make_no_sense_are_refused(lessons: Lessons, hours: int) -> None:
    with pytest.raises(InvalidValue) as caught:
        await lessons.cleanup_old_sessions(hours)
    assert caught.value.parameter == "hours"
