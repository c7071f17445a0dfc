"""The clean-up, by hand and by itself, and that nothing goes on after close."""

import asyncio

from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter
from sqlstore.stores.lessons import Lessons


async def test_idle_sessions_are_cleaned_up(adapter: PersistenceAdapter, beside: Lessons) -> None:
    for chat in (1, 2):
        await adapter.add_message(chat, "user", "x")
    rows = await beside.driver.fetch("SELECT count(*) FROM sessions")
    assert rows[0][0] == 2
    assert await adapter.cleanup_old_sessions() == 0
    await _age(beside, "1", hours=200)
    assert await adapter.cleanup_old_sessions(hours=201) == 0
    assert await adapter.cleanup_old_sessions() == 1
    assert await beside.sessions.get("2") is not None


async def test_the_clean_up_runs_by_itself(database: DatabaseManager, beside: Lessons) -> None:
    await beside.append_message("1", "user", "x")
    await beside.append_message("2", "user", "x")
    await _age(beside, "1", hours=database.settings.database_cleanup_hours + 1)
    async with PersistenceAdapter(database, cleanup_pause_s=0.05), asyncio.timeout(10):
        while await beside.sessions.count() != 1:
            await asyncio.sleep(0.01)
        await _age(beside, "2", hours=database.settings.database_cleanup_hours + 1)
        while await beside.sessions.count() != 0:
            await asyncio.sleep(0.01)
    await beside.append_message("3", "user", "x")
    await _age(beside, "3", hours=database.settings.database_cleanup_hours + 1)
    await asyncio.sleep(0.2)
    assert await beside.sessions.count() == 1, "it goes on after close"


async def test_nothing_runs_after_close(database: DatabaseManager) -> None:
    before = asyncio.all_tasks()
    adapter = PersistenceAdapter(database)
    await adapter.initialize()
    running = asyncio.all_tasks()
    await adapter.initialize()
    assert asyncio.all_tasks() == running > before
    await adapter.close()
    await adapter.close()
    assert asyncio.all_tasks() == before
    assert database.is_available, "a database that was handed over is the caller's to close"


async def test_idle_sessions_in_memory_are_cleaned_up(in_memory: PersistenceAdapter) -> None:
    session = await in_memory.get_session(1)
    await in_memory.save_session(session)
    await in_memory.add_message(2, "user", "x")
    session.updated_at = session.updated_at.replace(year=2020)
    assert await in_memory.cleanup_old_sessions() == 1
    assert (await in_memory.get_messages(2))[0]["content"] == "x"


async def _age(store: Lessons, chat_id: str, *, hours: int) -> None:
    """Let a session have been idle for so long."""
    state = await store.load_session(chat_id)
    assert state is not None
    await store.sessions.delete(chat_id)
    state.recent_messages, state.state_version = [], None
    await store.sessions.save(
        state,
        state.updated_at.fromtimestamp(state.updated_at.timestamp() - hours * 3600, state.updated_at.tzinfo),
    )
