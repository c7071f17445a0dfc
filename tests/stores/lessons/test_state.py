"""A state in memory: its dict, its copies, the messages it holds, and what it refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.lessons import Lessons, SessionMessage, SessionState

NAIVE = datetime(2024, 1, 1)
BAD_STATES = [
    ("chat_id", "", "chat_id"),
    ("chat_id", "x" * 256, "chat_id"),
    ("chat_id", 42, "chat_id"),
    ("chat_id", "a\0b", "chat_id"),
    ("scenario", "quiz", "scenario"),
    ("scenario", None, "scenario"),
    ("question", "a\0b", "question"),
    ("topic", "\ud800", "topic"),
    ("previous_topic", 1, "previous_topic"),
    ("is_new_question", 1, "is_new_question"),
    ("is_new_topic", None, "is_new_topic"),
    ("understanding_level", 10, "understanding_level"),
    ("understanding_level", -1, "understanding_level"),
    ("understanding_level", 2**63, "understanding_level"),
    ("understanding_level", 5.0, "understanding_level"),
    ("understanding_level", True, "understanding_level"),
    ("understanding_level", None, "understanding_level"),
    ("previous_understanding_level", 10, "previous_understanding_level"),
    ("user_preferences", {"a": 1}, "user_preferences"),
    ("user_preferences", "text", "user_preferences"),
    ("user_preferences", [float("nan")], "user_preferences"),
    ("user_preferences", ["\ud800"], "user_preferences"),
    ("user_preferences", [2**63], "user_preferences"),
    ("user_preferences", [object()], "user_preferences"),
    ("created_at", NAIVE, "created_at"),
    ("recent_messages", [SessionMessage("system", "x")], "role"),  # type: ignore[arg-type]
    ("recent_messages", [SessionMessage("user", "a\0b")], "content"),
    ("recent_messages", [SessionMessage("user", "\udfff")], "content"),
    ("recent_messages", [SessionMessage("user", None)], "content"),  # type: ignore[arg-type]
    ("recent_messages", [SessionMessage("user", "x", NAIVE)], "timestamp"),
    ("recent_messages", [SessionMessage("user", "x"), SessionMessage("user", "x", datetime.max.replace(tzinfo=UTC))], "timestamp"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "parameter"), BAD_STATES, ids=range(len(BAD_STATES)))
async def test_what_no_database_could_keep_is_refused_by_name_before_anything_is_written(
    lessons: Lessons, field: str, value: Any, parameter: str
) -> None:
    state = SessionState("1", recent_messages=[SessionMessage("user", "x")])
    setattr(state, field, value)
    for keep in (lessons.save_session, lessons.merge_session):
        with pytest.raises(InvalidValue) as caught:
            await keep(state)
        assert caught.value.parameter == parameter
    assert await lessons.sessions.count() == 0


def test_a_state_and_its_dict_are_the_same() -> None:
    state = SessionState(
        "1", "discussion", "q?", "t", True, False, 9, 0, "p", ["a", {"b": [1.5, None]}], state_version=3
    )
    state.add_message("user", "привет")
    state.recent_messages.append(SessionMessage("assistant", "hi", id=7))
    assert SessionState.from_dict(state.to_dict()) == state


def test_a_dict_of_nothing_but_the_chat_is_a_fresh_state() -> None:
    fresh, read = SessionState("1"), SessionState.from_dict({"chat_id": "1", "unknown": 1})
    assert read.columns() == fresh.columns()
    assert (read.recent_messages, read.state_version) == ([], None)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"chat_id": 1},
        {"chat_id": "1", "created_at": "yesterday"},
        {"chat_id": "1", "created_at": "2024-01-01T00:00:00"},
        {"chat_id": "1", "updated_at": 5},
        {"chat_id": "1", "understanding_level": "high"},
        {"chat_id": "1", "recent_messages": [{"role": "user"}]},
        {"chat_id": "1", "messages": [{"role": "bot", "content": "x"}]},
    ],
)
def test_a_dict_that_is_no_state_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        SessionState.from_dict(data)


def test_the_newest_thirty_messages_and_all_unsaved_ones_are_held() -> None:
    state = SessionState("1", recent_messages=[SessionMessage("user", str(n), id=n + 1) for n in range(30)])
    state.recent_messages[0] = SessionMessage("user", "unsaved")
    state.add_message("user", "new")
    assert [message.content for message in state.recent_messages] == [
        "unsaved", *(str(number) for number in range(1, 30)), "new",
    ]  # fmt: skip
    for number in range(40):
        state.add_message("user", f"new {number}")
    assert len(state.recent_messages) == len(state.new_messages) == 42


def test_a_copy_shares_nothing() -> None:
    state = SessionState("1", recent_messages=[SessionMessage("user", "x")])
    copied = state.copy()
    copied.add_message("user", "x")
    copied.user_preferences.append("x")
    assert (len(state.recent_messages), state.user_preferences) == (1, [])
