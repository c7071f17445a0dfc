"""A database that is away, goes away, and comes back: the bot goes on, and no answer is untrue."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter, SessionRepository, SessionState
from sqlstore.config import LessonsSettings
from sqlstore.engine.errors import StorageFull, Unavailable

from .talk import said, say


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
    assert await say(bot, "during") == "volatile"
    assert bot.is_available is False
    assert (await bot.add_message(1, "assistant", "answer")).state == "volatile"
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
    everything = await removable.rows(lambda store: store.messages.latest("1", 100))
    texts = [message.content for message in everything]
    assert set(durable) <= set(texts)
    assert len(texts) == len(set(texts)), "a message was stored twice"
    assert 20 < len(durable) < 40


async def test_a_session_known_to_the_database_alone_is_not_overwritten_by_one_begun_in_an_outage(
    bot: PersistenceAdapter, removable: Any
) -> None:
    state = SessionState("9", topic="what the database knows")
    state.add_message("user", "long ago")
    await removable.rows(lambda store: store.save_session(state))
    removable.take_away()
    await say(bot, "notices that the database is away")
    assert await say(bot, "begun anew", chat=9) == "volatile"
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
        assert await say(bot, "early") == "volatile"
        assert any("Traceback" in event and "Database cannot be opened" in event for event in events())
        removable.path.unlink()
        await removable.wait_for(lambda: bot.is_available)
        assert await say(bot, "late") == "durable"
    assert said(await stored(removable)) == ["early", "late"]


async def test_a_database_that_vanished_is_not_replaced_by_an_empty_one(
    bot: PersistenceAdapter, removable: Any, events: Any
) -> None:
    await say(bot, "before")
    removable.take_away()
    for suffix in ("-wal", "-shm"):
        removable.path.with_name(f"bot.db{suffix}").unlink(missing_ok=True)
    assert await say(bot, "during") == "volatile"
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
    assert await say(bot, "x" * 100_000) == "volatile"
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
            assert await say(bot, "during") == "volatile"
        await removable.wait_for(lambda: bot.is_available)
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
    assert await say(bot, "x") == "volatile"
    await bot.close()


async def test_a_delete_during_an_outage_does_not_claim_to_have_happened(
    bot: PersistenceAdapter, removable: Any
) -> None:
    await say(bot, "before")
    removable.take_away()
    assert await bot.delete_session(1) is False
    await removable.put_back()
    assert await bot.delete_session(1) is True


async def test_what_is_lost_at_close_is_said(removable: Any, events: Any) -> None:
    async with PersistenceAdapter(removable.manager) as bot:
        await say(bot, "before")
        removable.take_away()
        await say(bot, "during")
    assert "WARNING 1 sessions were in memory only and are lost" in events()


async def test_what_waits_in_memory_is_written_at_close(removable: Any) -> None:
    async with PersistenceAdapter(removable.manager) as bot:
        await say(bot, "before")
        session = await bot.get_session(1)
        session.add_message("user", "waits")
        bot._known.volatile.add("1")  # as after a call that the database was too busy for
    assert said(await stored(removable)) == ["before", "waits"]


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
