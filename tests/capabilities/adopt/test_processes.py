"""Killed at any moment, started twice at once, kept waiting: real processes."""

import asyncio
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from sqlstore.capabilities.adopt import RowsRefused, adopt, run
from sqlstore.migrations import LockTimeout
from sqlstore.stores.chatbot import Chatbot

MESSAGES = 6_000


async def fill(database) -> None:
    numbers = {
        "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT",
        "postgres": "WITH n (i) AS (SELECT generate_series(1, {0})) SELECT",
    }[database.engine].format(MESSAGES)
    await database.execute(
        "INSERT INTO messages (id, user_id, role, content, from_faq, created_at) "
        f"{numbers} 100 + i, 3, 'user', 'text ' || i, false, '2025-01-01 00:00:00' FROM n"
    )


@pytest.mark.slow
async def test_killed_at_any_moment_it_is_untouched_or_adopted(old, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed rehearsal leaves its copy there
    await fill(old)
    untouched = repr(await old.dump())
    started = time.monotonic()
    assert old.run("--store", "chatbot", "--dry-run").returncode == 0
    whole_s = 2 * (time.monotonic() - started)
    random.seed(4711)
    changed = False
    for share in (0.2, 0.4, 0.55, 0.65, 0.75, 0.85):
        process = old.start("--store", "chatbot", "--yes")
        await asyncio.sleep(whole_s * share * random.uniform(0.95, 1.05))
        process.kill()
        process.communicate()
        changed = repr(await old.dump()) != untouched
        if changed:
            break
    end = await asyncio.to_thread(old.run, "--store", "chatbot", "--yes")
    assert end.returncode == 0, end.stderr
    assert ("already adopted" in end.stdout) == changed
    async with Chatbot.open(old.url, migrate=False) as bot:
        assert await bot.messages.count("web_ann") == 2 + MESSAGES
        assert (await bot.sessions.get("web_ann")).message_count == 2 + MESSAGES


async def test_of_two_at_once_one_adopts_and_the_other_finds_it_done(old):
    processes = [old.start("--store", "chatbot", "--yes") for _ in range(2)]
    ends = [process.communicate(timeout=50) for process in processes]
    assert [(process.returncode, error) for process, (_, error) in zip(processes, ends, strict=True)
            if process.returncode] == []  # fmt: skip
    said = sorted("already adopted" in out for out, _ in ends)
    assert said == [False, True]
    async with Chatbot.open(old.url) as bot:
        assert (await bot.get_database_stats())["total_messages"] == 4


async def test_a_writer_is_waited_for_and_named(old_sqlite):
    with closing(sqlite3.connect(old_sqlite.path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockTimeout, match="held by"):
            await adopt(Chatbot, old_sqlite.url, lock_wait_s=0.3)
        writer.execute("INSERT INTO notes (id, user_id, text) VALUES (2, 3, 'late')")
        adoption = asyncio.create_task(adopt(Chatbot, old_sqlite.url))
        await asyncio.sleep(1)
        writer.execute("COMMIT")
        assert (await adoption).state == "adopted"
    assert await old_sqlite.rows("SELECT text FROM notes WHERE id = 2") == [("late",)]


async def test_a_session_that_uses_the_tables_is_waited_for(old_postgres):
    reader = await old_postgres._connect()
    try:
        await reader.execute("BEGIN; SELECT * FROM users")
        with pytest.raises(LockTimeout, match="sessions that use its tables"):
            await adopt(Chatbot, old_postgres.url, lock_wait_s=0.3)
        adoption = asyncio.create_task(adopt(Chatbot, old_postgres.url))
        await asyncio.sleep(1)
        await reader.execute("COMMIT")
        assert (await adoption).state == "adopted"
    finally:
        await reader.close(timeout=5)


async def test_rows_that_come_after_the_rehearsal_are_adopted_too(old_postgres):
    """The rehearsal does not lock the tables: an old bot may still write."""
    late = (
        "INSERT INTO users (id, session_id, platform, bot_enabled, created_at, last_active)"
        " VALUES (20, 'web_late', 'web', true, '2025-01-01', '2025-01-01')"
    )

    def write_and_say_yes(_report) -> bool:
        asyncio.run_coroutine_threadsafe(old_postgres.execute(late), other_loop).result(timeout=10)
        return True

    other_loop = asyncio.new_event_loop()
    thread = threading.Thread(target=other_loop.run_forever)
    thread.start()
    try:
        report = await adopt(Chatbot, old_postgres.url, confirm=write_and_say_yes)
    finally:
        other_loop.call_soon_threadsafe(other_loop.stop)
        thread.join()
        other_loop.close()
    assert report.rows["users"] == 4
    assert await old_postgres.rows("SELECT platform FROM users WHERE id = 20") == [("web",)]


async def test_a_row_that_is_refused_after_the_rehearsal_changes_nothing(old_sqlite, monkeypatch):
    """Between the rehearsal and the lock another program breaks a row."""
    real = run.take_over

    def break_a_row_first(*arguments, **options):
        with closing(sqlite3.connect(old_sqlite.path)) as writer, writer:
            writer.execute("UPDATE messages SET role = 'nobody' WHERE id = 10")
        return real(*arguments, **options)

    monkeypatch.setattr(run, "take_over", break_a_row_first)
    with pytest.raises(RowsRefused):
        await adopt(Chatbot, old_sqlite.url)
    assert await old_sqlite.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlstore%'") == []
    assert await old_sqlite.rows("SELECT role FROM messages WHERE id = 10") == [("nobody",)]
    assert await old_sqlite.rows("SELECT type FROM pragma_table_info('users') WHERE name = 'created_at'") == [
        ("DATETIME",)
    ]
