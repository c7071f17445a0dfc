"""Making backups: whole, private, described, verified; refused where they cannot be."""

import asyncio
import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from sqlstore.capabilities.backup import backup, list_backups, verify
from sqlstore.capabilities.backup.manifest import manifest_path, read_manifest
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase, DeadlineExceeded, UsageError
from sqlstore.engine.watch import Watch
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import environment, talk, visible

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])
SUFFIXES = {"sqlite": ".db", "postgres": ".dump"}


async def test_a_backup_is_private_and_described(bot, made, engine, tmp_path):
    manifest = read_manifest(made.file)
    assert manifest == made.manifest
    assert made.file.suffix == SUFFIXES[engine]
    for path in (made.file, manifest_path(made.file)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.file.parent.stat().st_mode) == 0o700
    assert manifest.size == made.file.stat().st_size
    assert manifest.sha256 == hashlib.sha256(made.file.read_bytes()).hexdigest()
    assert abs(datetime.now(UTC) - manifest.created_at) < timedelta(minutes=1)
    assert (manifest.engine, manifest.contents.stores["chatbot"] >= 1) == (engine, True)
    assert manifest.contents.tables["messages"].rows == 6
    assert manifest.contents.tables["users"].rows == 3
    assert visible(made.file.parent) == [made.file.name]


async def test_the_digest_of_a_table_follows_its_rows(bot, tmp_path):
    before = (await bot.backup(tmp_path / "1.copy")).manifest.contents.tables
    again = (await bot.backup(tmp_path / "2.copy")).manifest.contents.tables
    await bot.set_bot_enabled("web_1_0", False)
    after = (await bot.backup(tmp_path / "3.copy")).manifest.contents.tables
    assert before == again
    assert {name for name in before if before[name] != after[name]} == {"users"}
    assert before["users"].rows == after["users"].rows


async def test_verifying_reads_it_back_and_notes_the_time(bot, made, tmp_path):
    assert [each.state for each in list_backups(made.file.parent)] == ["complete"]
    assert (await verify(made.file)).state == "verified"
    assert [each.state for each in list_backups(made.file.parent)] == ["verified"]
    at_once = await bot.backup(tmp_path / "copy", verify=True)
    assert at_once.manifest.verified_at is not None


async def test_a_flipped_byte_anywhere_is_found(made):
    whole = made.file.read_bytes()
    for share in (0.0, 0.3, 0.6, 0.999):
        damaged = bytearray(whole)
        damaged[int(len(whole) * share)] ^= 1
        made.file.write_bytes(damaged)
        with pytest.raises(CorruptDatabase, match="SHA-256"):
            await verify(made.file)
    made.file.write_bytes(whole)
    await verify(made.file)


@on_sqlite
async def test_a_backup_that_was_cut_off_is_found(made):
    os.truncate(made.file, made.manifest.size - 1)
    with pytest.raises(CorruptDatabase, match="bytes instead of"):
        await verify(made.file)
    assert [each.state for each in list_backups(made.file.parent)] == ["damaged"]


@on_sqlite
async def test_a_file_that_differs_from_its_manifest_in_rows_alone_is_found(bot, made):
    """As if the database had given another snapshot than the one that was counted."""
    text = manifest_path(made.file).read_text()
    digest = made.manifest.contents.tables["users"].digest
    manifest_path(made.file).write_text(text.replace(digest, str(int(digest) + 1)))
    with pytest.raises(CorruptDatabase, match="users differ"):
        await verify(made.file)


@on_sqlite
async def test_without_its_manifest_nothing_is_sure(made):
    manifest_path(made.file).unlink()
    with pytest.raises(ConfigurationError, match=r"put .* beside it"):
        await verify(made.file)
    assert [each.state for each in list_backups(made.file.parent)] == ["unknown"]


@on_sqlite
async def test_a_damaged_manifest_and_one_of_a_newer_program(made):
    manifest_path(made.file).write_bytes(b'{"format": 1, "canary\xff')
    with pytest.raises(CorruptDatabase, match=r"manifest\.json is damaged") as caught:
        await verify(made.file)
    assert "canary" not in str(caught.value)
    manifest_path(made.file).write_bytes(b'{"format": 2, "new": true}')
    with pytest.raises(ConfigurationError, match="update the program"):
        await verify(made.file)


async def test_a_name_that_is_taken_is_left_alone(bot, made):
    before = made.file.read_bytes(), manifest_path(made.file).read_bytes()
    with pytest.raises(ConfigurationError, match="is there already"):
        await bot.backup(made.file)
    assert (made.file.read_bytes(), manifest_path(made.file).read_bytes()) == before


async def test_a_place_that_cannot_take_it(bot, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        await bot.backup(folder=tmp_path / "file")
    assert visible(tmp_path) == sorted(
        ["file", *(["bot.db", "bot.db-shm", "bot.db-wal"] if (tmp_path / "bot.db").exists() else [])]
    )


async def test_a_folder_without_rights(tmp_path):
    """Root may write anywhere, so somebody else tries it."""
    code = """
import asyncio, os, sys
from pathlib import Path
from sqlstore.engine.errors import ReadOnlyDatabase
from sqlstore.stores.chatbot import Chatbot
async def main():
    async with Chatbot.open(f"sqlite:///{sys.argv[1]}/mine/bot.db") as bot:
        if os.getuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        try:
            await bot.backup(Path(sys.argv[1]) / "theirs" / "copy.db")
        except ReadOnlyDatabase as error:
            print(error)
asyncio.run(main())
"""
    (tmp_path / "theirs").mkdir(mode=0o555)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, env=environment()
    )
    assert "check its folder's owner and mode" in done.stdout, done.stderr
    assert list((tmp_path / "theirs").iterdir()) == []


@on_sqlite
async def test_a_transaction_is_no_place_for_it(bot, tmp_path):
    async with bot.transaction() as tx:
        with pytest.raises(UsageError, match="inside its own transaction"):
            await tx.backup(tmp_path / "copy.db")


async def test_memory_is_not_backed_up(tmp_path):
    async with Chatbot.open("sqlite://:memory:") as bot:
        with pytest.raises(ConfigurationError, match="memory"):
            await bot.backup(tmp_path / "copy.db")


async def test_it_ends_when_its_time_is_up(bot, tmp_path):
    with pytest.raises(DeadlineExceeded, match="nothing was written"):
        await backup(bot.driver, tmp_path / "out" / "copy", timeout_s=0.001)
    assert visible(tmp_path / "out") == []


@pytest.mark.parametrize("step", ["copying", "counting", "checking"])
async def test_cancelling_leaves_nothing(bot, tmp_path, step):
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch(at, _done, _total):
        if at == step:
            loop.call_soon_threadsafe(reached.set)

    task = asyncio.create_task(bot.backup(tmp_path / "out" / "copy", on_progress=watch, verify=True))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert visible(tmp_path / "out") == []
    assert (await bot.backup(tmp_path / "out" / "copy")).file.exists()


async def test_progress_names_the_steps_and_ends_full(bot, tmp_path):
    told = []
    await bot.backup(tmp_path / "copy", on_progress=lambda *step: told.append(step))
    steps = list(dict.fromkeys(step for step, _, _ in told))
    assert steps[0] == "copying"
    assert set(steps) == {"copying", "counting", "checking"}
    _, done, total = told[-1]
    assert done == total


async def test_a_database_without_tables_is_no_success(url, tmp_path):
    """A wrong schema or path in the URL must not look like a good backup, night after night."""
    driver = make_driver(url)
    await driver.open()
    try:
        with pytest.raises(ConfigurationError, match="has no tables"):
            await backup(driver, tmp_path / "out" / "copy")
    finally:
        await driver.close()
    assert visible(tmp_path / "out") == []


async def test_a_closed_store_says_so(url, tmp_path):
    async with Chatbot.open(url) as bot:
        pass
    with pytest.raises(UsageError, match="open"):
        await bot.backup(tmp_path / "copy")


@on_sqlite
async def test_a_busy_writer_does_not_make_it_start_again(bot, tmp_path, monkeypatch):
    """Another connection commits between every two steps: without an open read each commit would start it anew."""
    monkeypatch.setattr("sqlstore.engine.sqlite_copy._STEP_PAGES", 4)
    await talk(bot, "web_2", 10)
    copied = []
    with closing(
        sqlite3.connect(bot.driver.address, isolation_level=None, check_same_thread=False)
    ) as writer:

        def write_between(step, done, _total):
            if step == "copying":
                writer.execute("UPDATE users SET name = coalesce(name, '') || 'x'")
                copied.append(done)

        async with asyncio.timeout(20):
            made = await bot.backup(tmp_path / "copy", on_progress=write_between)
    assert len(copied) > 5
    assert copied == sorted(copied)
    await verify(made.file)


async def test_work_in_a_thread_that_fails_while_it_is_given_up_says_so_to_nobody():
    watch = Watch()

    def work():
        while not watch.is_stopped():
            pass
        raise ValueError

    task = asyncio.create_task(watch.in_thread(work))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
