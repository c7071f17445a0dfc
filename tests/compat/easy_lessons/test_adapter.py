"""The adapter with a database, and the same without one."""

import asyncio
from typing import Any

import pytest

from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter, SessionState
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.lessons import Lessons


def said(session: SessionState) -> list[str]:
    return [message.content for message in session.recent_messages]


async def test_a_new_chat_has_a_fresh_state_and_an_old_one_its_own(either: PersistenceAdapter) -> None:
    session = await either.get_session(42)
    assert (session.chat_id, session.scenario, session.recent_messages) == ("42", "unknown", [])
    session.scenario, session.topic, session.understanding_level = "explanation", "light", 4
    session.add_message("user", "почему?")
    session.add_message("assistant", "потому")
    await either.save_session(session)
    again = await either.get_session("42")
    assert (again.scenario, again.topic, again.understanding_level) == ("explanation", "light", 4)
    assert said(again) == ["почему?", "потому"]


async def test_everybody_in_a_process_gets_the_same_object(either: PersistenceAdapter) -> None:
    first, second = await asyncio.gather(either.get_session(1), either.get_session(1))
    assert first is second
    first.add_message("user", "x")
    await either.save_session(first)
    assert await either.get_session(1) is first


async def test_handlers_at_once_lose_and_double_nothing(either: PersistenceAdapter) -> None:
    async def turn(number: int) -> None:
        session = await either.get_session(1)
        session.add_message("user", f"{number}")
        await asyncio.sleep(0)
        await either.save_session(session)
        await either.add_message(1, "assistant", f"answer {number}")

    await asyncio.gather(*(turn(number) for number in range(10)))
    texts = [message["content"] for message in await either.get_messages(1)]
    assert sorted(texts) == sorted([*map(str, range(10)), *(f"answer {number}" for number in range(10))])


async def test_a_state_changed_while_it_is_saved_keeps_the_change(either: PersistenceAdapter) -> None:
    session = await either.get_session(1)
    session.add_message("user", "first")
    saving = asyncio.create_task(either.save_session(session))
    await asyncio.sleep(0)
    session.topic = "changed meanwhile"
    session.add_message("user", "said meanwhile")
    await saving
    assert (session.topic, said(session)) == ("changed meanwhile", ["first", "said meanwhile"])
    await either.save_session(session)
    assert [message["content"] for message in await either.get_messages(1)] == ["first", "said meanwhile"]


async def test_a_cancelled_turn_can_be_saved_again_and_nothing_is_stored_twice(
    adapter: PersistenceAdapter,
) -> None:
    session = await adapter.get_session(1)
    for moment in range(30):
        session.add_message("user", str(moment))
        saving = asyncio.create_task(adapter.save_session(session))
        for _ in range(moment):
            await asyncio.sleep(0)
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
        assert (await adapter.save_session(session)).state == "durable"
    messages = await adapter.get_messages(1, limit=100)
    assert [message["content"] for message in messages] == [str(moment) for moment in range(30)]


@pytest.mark.parametrize("stored_already", [False, True])
async def test_a_session_that_waits_in_the_outbox_is_saved_once_with_what_is_said_meanwhile(
    adapter: PersistenceAdapter, beside: Lessons, stored_already: bool
) -> None:
    session = await adapter.get_session(1)
    await adapter.save_session(session)
    message = session.add_message("user", "first")
    if stored_already:
        await beside.append_message("1", "user", "first", message.timestamp)
    spool = await adapter._outbox.open()
    async with spool.replaying:
        await adapter._outbox.keep(session)  # as after a call whose answer was lost, or that was turned away
        saving = asyncio.create_task(adapter.save_session(session))
        await asyncio.sleep(0)
        session.add_message("user", "said meanwhile")
        assert (await saving).state == "spooled"
        assert said(session) == ["first", "said meanwhile"]
    async with asyncio.timeout(10):
        while spool.backlog().records:
            await asyncio.sleep(0.01)
    await adapter.save_session(session)
    assert [m["content"] for m in await adapter.get_messages(1)] == ["first", "said meanwhile"]


async def test_more_than_thirty_messages_are_read_and_only_the_newest_are_held(
    either: PersistenceAdapter,
) -> None:
    session = await either.get_session(1)
    for number in range(70):
        session.add_message("user", str(number))
        await either.save_session(session)
    assert said(session) == [str(number) for number in range(40, 70)]
    assert said(await either.get_session(1)) == said(session)
    assert [message["content"] for message in await either.get_messages(1, limit=3)] == ["67", "68", "69"]


async def test_messages_after_the_thirtieth_are_stored(adapter: PersistenceAdapter, beside: Lessons) -> None:
    session = await adapter.get_session(1)
    for number in range(70):
        session.add_message("user", str(number))
        assert await adapter.save_session(session)
    assert [message.content async for message in beside.messages.all("1")] == [
        str(number) for number in range(70)
    ]


async def test_an_answer_says_where_it_is(adapter: PersistenceAdapter, in_memory: PersistenceAdapter) -> None:
    for bot, state in ((adapter, "durable"), (in_memory, "volatile")):
        session = await bot.get_session(1)
        saved = await bot.save_session(session)
        added = await bot.add_message(1, "user", "x")
        of_dict = await bot.save_session_state({"chat_id": "2"})
        assert (saved.state, added.state, of_dict.state) == (state, state, state)
        assert bool(saved) is bool(added) is (state == "durable")
        assert (saved.row is session, added.row is not None) == ((True, True) if saved else (False, False))
        assert (bot.is_available, saved.overtaken) == (state == "durable", False)


async def test_a_durable_answer_is_in_the_database(adapter: PersistenceAdapter, beside: Lessons) -> None:
    session = await adapter.get_session(1)
    session.topic = "light"
    session.add_message("user", "x")
    assert (await adapter.save_session(session)).state == "durable"
    added = await adapter.add_message(1, "assistant", "y")
    stored = await beside.load_session("1")
    assert stored is not None
    assert (stored.topic, said(stored), stored.recent_messages[-1]) == ("light", ["x", "y"], added.row)


async def test_a_message_added_by_itself_is_in_the_session_that_is_held(either: PersistenceAdapter) -> None:
    session = await either.get_session(1)
    await either.add_message(1, "user", "first")
    session.add_message("assistant", "second")
    session.topic = "light"
    saved = await either.save_session(session)
    assert saved.overtaken is False
    await either.add_message(1, "user", "third")
    assert said(session) == ["first", "second", "third"]
    assert [message["content"] for message in await either.get_messages(1)] == ["first", "second", "third"]
    assert (await either.get_session(1)).topic == "light"


async def test_of_two_copies_the_older_state_does_not_win_and_no_message_is_lost(
    either: PersistenceAdapter,
) -> None:
    session = await either.get_session(1)
    session.add_message("user", "before")
    await either.save_session(session)
    stale = SessionState.from_dict(session.to_dict())
    session.topic = "newer"
    session.add_message("user", "by the newer")
    await either.save_session(session)
    stale.topic = "older"
    stale.add_message("user", "by the older")
    saved = await either.save_session(stale)
    assert (saved.overtaken, stale.topic) == (True, "newer")
    assert said(stale) == ["before", "by the newer", "by the older"]
    assert (await either.get_session(1)).topic == "newer"
    assert [m["content"] for m in await either.get_messages(1)] == ["before", "by the newer", "by the older"]
    stale.topic = "now it goes on from the newest"
    assert (await either.save_session(stale)).overtaken is False


async def test_of_two_processes_the_newer_state_stands_and_no_message_is_lost(
    adapter: PersistenceAdapter, url: str, events: Any
) -> None:
    database = DatabaseManager(url=url)
    async with PersistenceAdapter(database) as other:
        await database.initialize()
        mine = await adapter.get_session(1)
        mine.add_message("user", "before")
        await adapter.save_session(mine)
        theirs = await other.get_session(1)
        theirs.topic = "theirs"
        theirs.add_message("user", "by them")
        await other.save_session(theirs)
        mine.topic = "mine"
        mine.add_message("user", "by me")
        saved = await adapter.save_session(mine)
        assert (saved.state, saved.overtaken, mine.topic) == ("durable", True, "theirs")
        assert said(mine) == ["before", "by them", "by me"]
        assert any(event.startswith("WARNING A newer state") for event in events())
        assert (await other.get_session(1)).recent_messages == mine.recent_messages
    await database.close()


async def test_what_another_process_saved_is_seen_at_the_next_turn(
    adapter: PersistenceAdapter, beside: Lessons
) -> None:
    await adapter.save_session(await adapter.get_session(1))
    state = await beside.load_session("1")
    assert state is not None
    state.topic = "theirs"
    await beside.save_session(state)
    await beside.append_message("1", "user", "theirs too")
    session = await adapter.get_session(1)
    assert (session.topic, said(session)) == ("theirs", ["theirs too"])


async def test_a_session_deleted_by_another_process_begins_anew(
    adapter: PersistenceAdapter, beside: Lessons
) -> None:
    session = await adapter.get_session(1)
    session.topic = "old"
    await adapter.save_session(session)
    await beside.sessions.delete("1")
    assert (await adapter.get_session(1)).topic is None


async def test_a_deleted_session_is_forgotten(either: PersistenceAdapter) -> None:
    await either.add_message(1, "user", "x")
    assert await either.delete_session(1) is True
    assert await either.delete_session(1) is False
    assert await either.get_messages(1) == []
    assert await either.load_session_state(1) is None


BAD = [
    ("get_session", ("",), "chat_id"),
    ("get_session", ("x" * 256,), "chat_id"),
    ("get_session", (None,), "chat_id"),
    ("get_session", (True,), "chat_id"),
    ("get_session", (1.5,), "chat_id"),
    ("load_session_state", ("a\0",), "chat_id"),
    ("delete_session", ("\ud800",), "chat_id"),
    ("add_message", ("1", "bot", "x"), "role"),
    ("add_message", ("1", "user", "a\0b"), "content"),
    ("add_message", ("1", "user", "\ud800"), "content"),
    ("add_message", ("1", "user", None), "content"),
    ("get_messages", ("1", 0), "limit"),
    ("get_messages", ("1", 2**63), "limit"),
    ("get_messages", ("1", "3"), "limit"),
    ("cleanup_old_sessions", (0,), "hours"),
    ("cleanup_old_sessions", (2**63,), "hours"),
    ("save_session_state", ({},), "session_state"),
    ("save_session_state", ({"chat_id": "1", "understanding_level": 10},), "understanding_level"),
    ("save_session_state", ({"chat_id": "1", "user_preferences": [float("inf")]},), "user_preferences"),
    ("save_session_state", ({"chat_id": "1", "messages": [{"content": "x"}]},), "recent_messages"),
    ("save_session", (SessionState("1", scenario="quiz"),), "scenario"),  # type: ignore[arg-type]
    ("save_session", (SessionState("1", question="\0"),), "question"),
]


@pytest.mark.parametrize(("method", "arguments", "parameter"), BAD, ids=range(len(BAD)))
async def test_what_no_database_could_keep_is_refused_with_and_without_one(
    either: PersistenceAdapter, method: str, arguments: Any, parameter: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await getattr(either, method)(*arguments)
    assert caught.value.parameter == parameter
    assert await either.load_session_state("1") is None
