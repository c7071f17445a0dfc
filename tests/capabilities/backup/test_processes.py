"""Killed at any moment, under load, on a full disk: real processes, real signals.

SQLSTORE_TEST_BACKUPS=200 makes as many backups under load, and kills as many times.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqlstore.capabilities.backup import list_backups, restore, verify
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import environment, program, schema_of, talk, visible
from tests.engine.postgres_support import bare

BACKUPS = int(os.environ.get("SQLSTORE_TEST_BACKUPS", "0"))
KILLS = BACKUPS or 5
LOADED = BACKUPS or 6
pytestmark = pytest.mark.timeout(300 + 15 * BACKUPS)

FOREVER = """
import asyncio, sys
from pathlib import Path
from sqlstore.capabilities.backup import backup
from sqlstore.engine.connect import make_driver
async def main(url, folder):
    driver = make_driver(url)
    await driver.open()
    print("open", flush=True)
    while True:
        await backup(driver, folder=Path(folder), keep=3, verify=True)
        print("made", flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_killed_at_any_moment_it_leaves_no_half_backup(bot, url, engine, tmp_path):
    for number in range(20):
        await talk(bot, f"web_{number}", 10)
    folder = tmp_path / "backups"
    random.seed(4711)
    started = time.monotonic()
    await bot.backup(folder=folder, verify=True)
    one_s = time.monotonic() - started
    leftovers = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", FOREVER, url, folder], stdout=subprocess.PIPE, env=environment()
        )
        await asyncio.to_thread(process.stdout.readline)
        await asyncio.sleep(random.uniform(0.02, 2 * one_s))
        process.kill()
        process.communicate()
        leftovers += any(name.endswith(".partial") for name in visible(folder))
        found = list_backups(folder)
        assert found
        for each in found:
            assert each.state == "verified", each.problem
            await verify(each.file)
    assert leftovers, "no kill came while a backup was being made"
    last = await bot.backup(folder=folder, keep=1)
    assert visible(folder) == [last.file.name]
    await restore(last.file, url, drill=True)
    if engine == "postgres":
        await no_session_is_left(url)


async def no_session_is_left(url: str) -> None:
    """pg_dump ended with the program that it wrote to."""
    async with bare(url) as connection, asyncio.timeout(20):
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sqlstore backup'"
            " AND query LIKE '%' || $1 || '%'",
            schema_of(url),
        ):
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_restore_that_is_killed_leaves_nothing_or_everything(bot, place, engine, tmp_path):
    for number in range(20):
        await talk(bot, f"web_{number}", 10)
    made = await bot.backup(tmp_path / "copy")
    rows = made.manifest.contents.tables["messages"].rows
    random.seed(4712)
    started = time.monotonic()
    await asyncio.to_thread(
        subprocess.run, program("restore", made.file, "--to", place), check=True, env=environment()
    )
    whole_s = time.monotonic() - started
    for _ in range(KILLS):
        await clear(place, engine)
        process = subprocess.Popen(
            program("restore", made.file, "--to", place),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
        )  # fmt: skip
        await asyncio.sleep(whole_s * random.uniform(0.5, 1.05))
        process.kill()
        process.communicate()
        await no_restore_is_running(place, engine)
        if await is_there(place, engine):
            async with Chatbot.open(place, create=False, migrate=False) as new:
                assert (await new.get_database_stats())["total_messages"] == rows
        else:
            await restore(made.file, place)
            if engine == "sqlite":
                assert visible(tmp_path / "restored") == ["bot.db"]


async def no_restore_is_running(place: str, engine: str) -> None:
    """pg_restore may finish what it has begun: it is one transaction."""
    if engine == "sqlite":
        return
    async with bare(place) as connection, asyncio.timeout(20):
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'sqlstore backup'"
        ):
            await asyncio.sleep(0.05)


async def is_there(place: str, engine: str) -> bool:
    if engine == "sqlite":
        return Path(place.removeprefix("sqlite:///")).exists()
    async with bare(place) as connection:
        return await connection.fetchval("SELECT to_regclass('messages') IS NOT NULL")


@pytest.mark.slow
async def test_backups_under_write_load_are_restored_and_equal(bot, place, engine, tmp_path):
    """Each holds whole transactions, all that was answered before it began, and what its manifest says."""
    acknowledged = [0] * 3
    done = asyncio.Event()

    async def write(number: int) -> None:
        while not done.is_set():
            turn = acknowledged[number]
            history = [{"role": "user", "parts": [{"text": f"{number} {turn} {part}"}]} for part in range(2)]
            await bot.save_history(f"load_{number}_{turn}", history)
            acknowledged[number] += 1
            await asyncio.sleep(0)

    writers = [asyncio.create_task(write(number)) for number in range(3)]
    written_meanwhile = 0
    try:
        for _ in range(LOADED):
            before = sum(acknowledged)
            made = await bot.backup(folder=tmp_path / "backups", keep=2)
            written_meanwhile += sum(acknowledged) - before
            await restore(made.file, place)
            async with Chatbot.open(place, create=False, migrate=False) as copy:
                assert await copy.driver.fetch(
                    "SELECT count(*) FROM users WHERE (SELECT count(*) FROM messages WHERE user_id = users.id) <> 2"
                ) == [(0,)]
                ((held,),) = await copy.driver.fetch(
                    "SELECT count(*) FROM users WHERE session_id LIKE 'load%'"
                )
                assert before <= held <= sum(acknowledged)
            await clear(place, engine)
    finally:
        done.set()
        await asyncio.gather(*writers)
    assert written_meanwhile


async def clear(place: str, engine: str) -> None:
    if engine == "sqlite":
        for path in Path(place.removeprefix("sqlite:///")).parent.glob("bot.db*"):
            path.unlink()
        return
    async with bare(place) as connection:
        await connection.execute(f'DROP SCHEMA "{schema_of(place)}" CASCADE')


async def test_of_several_processes_that_are_due_one_makes_the_backup(bot, url, tmp_path):
    code = """
import asyncio, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from sqlstore.capabilities.backup import BackupSchedule
from sqlstore.capabilities.backup.schedule import back_up_if_due
from sqlstore.engine.backup import backup_source
from sqlstore.engine.connect import make_driver
async def main(url, folder):
    driver = make_driver(url)
    await driver.open()
    print(await back_up_if_due(backup_source(driver), BackupSchedule(folder=Path(folder)), ZoneInfo("UTC")))
    await driver.close()
asyncio.run(main(*sys.argv[1:]))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, url, tmp_path / "backups"],
            stdout=subprocess.PIPE, text=True, env=environment(),
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [(await asyncio.to_thread(process.communicate, timeout=50))[0] for process in processes]
    assert sorted(text.startswith("Made(") for text in said) == [False, False, True]
    assert len(visible(tmp_path / "backups")) == 1


async def test_a_full_disk_leaves_the_old_backups(bot, url, tmp_path):
    """A small disk of its own; where none may be mounted, a limit on how large files may be."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
        {sys.executable} -m sqlstore backup {disk}/first.copy --url "$1" || exit 90
        dd if=/dev/zero of={disk}/filler bs=1k count=100000 2>/dev/null; sync
        {sys.executable} -m sqlstore backup --to {disk} --keep 1 --url "$1"; echo "exit code $?"
        ls -A {disk}
        {sys.executable} -m sqlstore restore {disk}/first.copy --drill --to "$1" || exit 91
    """
    as_other = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    done = await asyncio.to_thread(
        subprocess.run,
        ["unshare", *as_other, "--mount", "sh", "-c", f"mount -t tmpfs -o size=400k none {disk} && {script}", "sh", url],
        capture_output=True, text=True, timeout=60, env=environment(),
    )  # fmt: skip
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("no disk can be mounted here: " + done.stderr.strip())
    lines = done.stdout.splitlines()
    assert "exit code 1" in lines, (done.stdout, done.stderr)
    assert "make room" in done.stderr or "free some space" in done.stderr
    left = set(lines[lines.index("exit code 1") + 1 :])
    assert {"first.copy", "first.copy.manifest.json", "filler"} <= left
    assert not [name for name in left if "partial" in name or name.endswith((".db", ".dump"))]
