"""States and messages as dicts, the way the old bot handed them over."""

from typing import Any

from sqlstore.compat.easy_lessons import PersistenceAdapter


async def test_messages_come_as_dicts(either: PersistenceAdapter) -> None:
    await either.add_message(1, "user", "x")
    (message,) = await either.get_messages(1)
    assert set(message) == {"id", "chat_id", "role", "content", "timestamp"}
    assert (message["chat_id"], message["role"], message["content"]) == ("1", "user", "x")
    assert message["timestamp"].utcoffset().total_seconds() == 0
    assert (message["id"] is None) is (not either.is_available)
    assert await either.get_messages("nobody") == []


async def test_a_state_as_a_dict_comes_back(either: PersistenceAdapter) -> None:
    assert await either.load_session_state(1) is None
    await either.save_session_state(
        {
            "chat_id": 1,
            "topic": "light",
            "user_preferences": ["short"],
            "messages": [{"role": "user", "content": "x"}],
        }
    )
    loaded = await either.load_session_state(1)
    assert loaded is not None
    assert (loaded["chat_id"], loaded["topic"], loaded["user_preferences"]) == ("1", "light", ["short"])
    assert [message["content"] for message in loaded["messages"]] == ["x"]
    assert isinstance(loaded["created_at"], str)


async def test_a_growing_list_of_dicts_is_stored_once_however_long(either: PersistenceAdapter) -> None:
    state: dict[str, Any] = {"chat_id": "1", "messages": []}
    for number in range(50):
        state["messages"].append({"role": "user", "content": f"m{number % 2}"})
        state["understanding_level"] = number % 10
        await either.save_session_state(state)
    expected = 50 if either.is_available else 30
    assert len(await either.get_messages(1, limit=100)) == expected
    loaded = await either.load_session_state(1)
    assert loaded is not None
    assert (loaded["understanding_level"], len(loaded["messages"])) == (9, 30)


async def test_a_loaded_dict_can_be_changed_and_saved(either: PersistenceAdapter) -> None:
    await either.save_session_state({"chat_id": "1", "messages": [{"role": "user", "content": "x"}]})
    for number in range(3):
        loaded = await either.load_session_state(1)
        assert loaded is not None
        loaded["topic"] = f"topic {number}"
        loaded["messages"].append({"role": "assistant", "content": f"y{number}"})
        saved = await either.save_session_state(loaded)
        assert saved.overtaken is False
    again = await either.load_session_state(1)
    assert again is not None
    assert (again["topic"], [message["content"] for message in again["messages"]]) == (
        "topic 2", ["x", "y0", "y1", "y2"],
    )  # fmt: skip
