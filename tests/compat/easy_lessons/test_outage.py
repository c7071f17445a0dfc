"""A database that is away, goes away, and comes back: the bot goes on, and no answer is untrue."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter, SessionRepository, SessionState
from sqlstore.config import LessonsSettings
from sqlstore.engine.errors import Overloaded, StorageFull, Unavailable
from sqlstore.stores.lessons import Lessons

from .talk import caught_up, said, say


@pytest.fixture
async def bot(removable: Any) -> AsyncIterator[PersistenceAdapter]:
    """The adapter over the database that can be taken away, opened."""
    async with PersistenceAdapter(removable.manager) as adapter:
        yield adapter


async def stored(removable: Any, chat: str = "1") -> SessionState | None:
    return await removable.rows(lambda store: store.load_session(chat))


async def test_what_is_said_while_the_database_is_away_is_written_when_it_is_back(
    bot: PersistenceAdapter, removable: Any
) -> None:
    assert await say(bot, "before") == "durable"
    removable.take_away()
    assert await say(bot, "during") == "spooled"
    assert bot.is_available is False
    assert (await bot.add_message(1, "assistant", "answer")).state == "spooled"
    session = await bot.get_session(1)
    assert (session.topic, said(session)) == ("during", ["before", "during", "answer"])
    assert [message["content"] for message in await bot.get_messages(1, 2)] == ["during", "answer"]
    await removable.put_back()
    await removable.wait_for(lambda: all(message.id for message in session.recent_messages))
    found = await stored(removable)
    assert said(found) == ["before", "during", "answer"]
    assert await say(bot, "after") == "durable"
    assert said(await stored(removable)) == ["before", "during", "answer", "after"]


async def test_no_answer_that_says_durable_is_untrue_whenever_the_database_goes(
    bot: PersistenceAdapter, removable: Any
) -> None:
    durable = []
    for number in range(40):
        if number % 10 == 5:
            removable.take_away()
        if await say(bot, f"text {number}") == "durable":
            durable.append(f"text {number}")
            if removable.path.exists():
                found = await stored(removable)
                assert found is not None
                assert f"text {number}" in said(found)
        if number % 10 == 8:
            await removable.put_back()
        if number % 10 == 9:  # one was said while the outbox was being written
            await caught_up(bot)
    everything = await removable.rows(lambda store: store.messages.latest("1", 100))
    texts = [message.content for message in everything]
    assert set(durable) <= set(texts)
    assert len(texts) == len(set(texts)), "a message was stored twice"
    assert 20 <= len(durable) < 40


async def test_a_session_known_to_the_database_alone_is_not_overwritten_by_one_begun_in_an_outage(
    bot: PersistenceAdapter, removable: Any
) -> None:
    state = SessionState("9", topic="what the database knows")
    state.add_message("user", "long ago")
    await removable.rows(lambda store: store.save_session(state))
    removable.take_away()
    await say(bot, "notices that the database is away")
    assert await say(bot, "begun anew", chat=9) == "spooled"
    await removable.put_back()
    session = await bot.get_session(9)
    await removable.wait_for(lambda: session.topic == "what the database knows")
    assert said(session) == ["long ago", "begun anew"]
    found = await stored(removable, "9")
    assert (found and found.topic, said(found)) == ("what the database knows", ["long ago", "begun anew"])


async def test_a_database_that_cannot_be_opened_at_start_is_used_when_it_can(
    removable: Any, events: Any
) -> None:
    removable.path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    async with PersistenceAdapter(removable.manager) as bot:
        assert bot.is_available is False
        assert await say(bot, "early") == "spooled"
        assert any("Traceback" in event and "Database cannot be opened" in event for event in events())
        removable.path.unlink()
        await caught_up(bot)
        assert await say(bot, "late") == "durable"
    assert said(await stored(removable)) == ["early", "late"]


async def test_a_database_that_vanished_is_not_replaced_by_an_empty_one(
    bot: PersistenceAdapter, removable: Any, events: Any
) -> None:
    await say(bot, "before")
    removable.take_away()
    for suffix in ("-wal", "-shm"):
        removable.path.with_name(f"bot.db{suffix}").unlink(missing_ok=True)
    assert await say(bot, "during") == "spooled"
    await removable.wait_for(lambda: any("still away" in event for event in events()))
    await asyncio.sleep(0.1)
    assert not removable.path.exists()
    assert bot.is_available is False


async def test_a_full_disk_is_an_outage(bot: PersistenceAdapter, removable: Any, events: Any) -> None:
    await say(bot, "before")
    lessons = removable.manager._lessons
    await lessons.driver.fetch("SELECT 1")
    pages = (await lessons.driver.fetch("PRAGMA page_count"))[0][0]
    async with lessons.driver.exclusive() as held:
        await held.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    assert await say(bot, "x" * 100_000) == "spooled"
    assert any(StorageFull.__name__ in event for event in events())
    await removable.wait_for(lambda: bot.is_available)  # a new connection has no such limit
    session = await bot.get_session(1)
    await removable.wait_for(lambda: all(message.id for message in session.recent_messages))
    assert [len(text) for text in said(await stored(removable))] == [6, 100_000]


async def test_another_process_that_holds_the_lock_too_long_is_an_outage_of_this_call(removable: Any) -> None:
    manager = DatabaseManager(
        LessonsSettings(database_path=removable.path), timeout_s=0.3, first_pause_s=0.02
    )
    async with PersistenceAdapter(manager) as bot:
        await say(bot, "before")
        with closing(sqlite3.connect(removable.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await say(bot, "during") == "spooled"
        await caught_up(bot)
        assert await say(bot, "after") == "durable"
        assert [message["content"] for message in await bot.get_messages(1)] == ["before", "during", "after"]
    await manager.close()


async def test_while_the_database_is_away_nobody_waits_for_it(
    bot: PersistenceAdapter, removable: Any
) -> None:
    removable.take_away()
    await say(bot, "notices")
    async with asyncio.timeout(1):
        for number in range(200):
            await say(bot, str(number), chat=number)


async def test_a_database_that_was_never_opened_is_one_that_is_away() -> None:
    bot = PersistenceAdapter(DatabaseManager(LessonsSettings()))
    assert bot.is_available is False
    assert await say(bot, "x") == "spooled"
    await bot.close()


async def test_a_delete_during_an_outage_does_not_claim_to_have_happened(
    bot: PersistenceAdapter, removable: Any
) -> None:
    await say(bot, "before")
    removable.take_away()
    assert await bot.delete_session(1) is False
    await removable.put_back()
    assert await bot.delete_session(1) is True


async def test_what_waits_at_close_is_said_and_written_by_the_next_process(
    removable: Any, events: Any
) -> None:
    async with PersistenceAdapter(removable.manager) as bot:
        await say(bot, "before")
        removable.take_away()
        await say(bot, "during")
        await say(bot, "still during")
    assert any("WARNING 2 saved sessions wait in the outbox" in event for event in events())
    await removable.manager.close()
    removable._elsewhere.rename(removable.path)
    again = DatabaseManager(LessonsSettings(database_path=removable.path))
    async with PersistenceAdapter(again) as bot:
        session = await bot.get_session(1)
        assert (session.topic, said(session)) == ("still during", ["before", "during", "still during"])
        assert await say(bot, "after") == "durable"
    await again.close()
    assert said(await stored(removable)) == ["before", "during", "still during", "after"]


async def test_the_next_process_knows_what_was_said_though_the_database_is_still_away(
    removable: Any,
) -> None:
    async with PersistenceAdapter(removable.manager) as bot:
        await say(bot, "before")
        removable.take_away()
        await say(bot, "during")
        await bot.add_message(1, "assistant", "answer")
    await removable.manager.close()
    again = DatabaseManager(LessonsSettings(database_path=removable.path), first_pause_s=0.02)
    again._was_open = True  # a missing file is not made
    async with PersistenceAdapter(again) as bot:
        assert bot.is_available is False
        session = await bot.get_session(1)
        assert (session.topic, said(session)) == ("during", ["during", "answer"])
        assert [message["content"] for message in await bot.get_messages(1)] == ["during", "answer"]
        assert await say(bot, "goes on") == "spooled"
        removable._elsewhere.rename(removable.path)
        await removable.wait_for(lambda: "1" not in bot._known.ahead)
        assert said(await bot.get_session(1)) == ["before", "during", "answer", "goes on"]
        assert await say(bot, "after") == "durable"
    await again.close()
    found = await stored(removable)
    assert found is not None
    assert (found.topic, said(found)) == ("after", ["before", "during", "answer", "goes on", "after"])


async def test_a_full_outbox_is_an_error_and_nothing_is_called_saved(removable: Any) -> None:
    settings = OutboxSettings(removable.path.with_name("small.db"), most_records=2)
    async with PersistenceAdapter(removable.manager, outbox=settings) as bot:
        await say(bot, "before")
        removable.take_away()
        assert [await say(bot, "first"), await say(bot, "second")] == ["spooled", "spooled"]
        with pytest.raises(Overloaded):
            await say(bot, "third")
        with pytest.raises(Overloaded):
            await bot.add_message(2, "user", "x")
        assert said(await bot.get_session(1)) == ["before", "first", "second", "third"]
        await removable.put_back()
        await removable.wait_for(lambda: not bot._known.ahead)
        assert await say(bot, "fourth") == "durable"
    assert said(await stored(removable)) == ["before", "first", "second", "third", "fourth"]


async def test_another_process_that_wrote_meanwhile_is_not_overwritten_by_any_state_that_waited(
    bot: PersistenceAdapter, removable: Any
) -> None:
    await say(bot, "before")
    spool = await bot._outbox.open()
    await spool.replaying.acquire()  # the replay is held up
    removable.take_away()
    assert [await say(bot, "mine"), await say(bot, "mine too")] == ["spooled", "spooled"]
    await removable.put_back()

    async def theirs(store: Lessons) -> None:
        state = await store.load_session("1")
        assert state is not None
        state.topic = "theirs"
        state.add_message("user", "theirs")
        await store.save_session(state)  # now it has the version that the second of ours goes on from

    await removable.rows(theirs)
    session = await bot.get_session(1)
    assert session.topic == "mine too"
    spool.replaying.release()
    await removable.wait_for(lambda: "1" not in bot._known.ahead)
    found = await stored(removable)
    assert found is not None
    assert (found.topic, said(found)) == ("theirs", ["before", "theirs", "mine", "mine too"])
    assert (session.topic, said(session)) == ("theirs", said(found))
    session.topic = "goes on"
    saved = await bot.save_session(session)
    assert (saved.state, saved.overtaken) == ("durable", False)


async def test_what_is_deleted_does_not_come_back_out_of_the_outbox(
    bot: PersistenceAdapter, removable: Any
) -> None:
    await say(bot, "before")
    spool = await bot._outbox.open()
    await spool.stop()  # nobody replays
    removable.take_away()
    await say(bot, "during")
    await removable.put_back()
    assert await bot.delete_session(1) is True
    await spool.replay()
    assert await stored(removable) is None
    assert await bot.delete_session(1) is False
    assert (await bot.get_session(1)).recent_messages == []


async def test_a_record_that_was_put_aside_holds_nobody_up(bot: PersistenceAdapter, removable: Any) -> None:
    await say(bot, "before")
    spool = await bot._outbox.open()
    await spool.stop()
    removable.take_away()
    assert await say(bot, "cannot be read any more") == "spooled"
    with closing(sqlite3.connect(spool.file.path)) as connection, connection:
        connection.execute("UPDATE records SET arguments = '{}'")
    await removable.put_back()
    await spool.replay()
    assert spool.backlog().dead_letters == 1
    assert await say(bot, "after") == "durable"
    found = await stored(removable)
    assert found is not None
    assert (found.topic, said(found)) == ("after", ["before", "cannot be read any more", "after"])


async def test_two_processes_have_an_outbox_each(removable: Any) -> None:
    other = DatabaseManager(LessonsSettings(database_path=removable.path))
    async with PersistenceAdapter(removable.manager), PersistenceAdapter(other):
        found = sorted(path.name for path in removable.path.parent.glob("*.outbox*.db"))
        assert found == ["bot.outbox.2.db", "bot.outbox.db"]
    await other.close()


async def test_an_outage_leaks_neither_tasks_nor_files(removable: Any) -> None:
    before = asyncio.all_tasks()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    async with PersistenceAdapter(removable.manager) as bot:
        for _ in range(3):
            await say(bot, "x")
            removable.take_away()
            await say(bot, "x")
            await removable.put_back()
        removable.take_away()
        await say(bot, "x")
    await removable.manager.close()
    assert asyncio.all_tasks() == before
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_the_repository_raises_where_the_adapter_goes_on(removable: Any) -> None:
    sessions = SessionRepository(removable.manager)
    for call in (
        sessions.load_session("1"), sessions.save_session(SessionState("1")), sessions.delete("1"),
        sessions.list(), sessions.cleanup(),
    ):  # fmt: skip
        with pytest.raises(Unavailable):
            await call
