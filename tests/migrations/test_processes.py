"""Several processes, killed processes, held locks: real ones."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import asyncpg
import pytest

from sqlstore.migrations import LockTimeout

COUNTER = "CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0);"


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=50)
    return process.returncode, out, err


def wait_for_event(process: subprocess.Popen, phase: str, version: int) -> None:
    for line in process.stdout:
        event = json.loads(line)
        if (event["phase"], event.get("version")) == (phase, version):
            return
    raise AssertionError(process.stderr.read())


async def test_ten_processes_at_once_apply_each_migration_once(shop):
    shop.write("0001_counter", COUNTER)
    for version in range(2, 8):
        shop.write(f"000{version}_add", f"UPDATE counter SET n = n + 1; CREATE TABLE t{version} (id bigint);")
    processes = [shop.start("up") for _ in range(10)]
    ends = [finish(process) for process in processes]
    assert [(code, error) for code, _, error in ends if code] == []
    assert await shop.rows("SELECT n FROM counter") == [(6,)]
    assert await shop.applied() == list(range(1, 8))
    applied = [line for _, out, _ in ends for line in out.splitlines() if line.startswith("[")]
    assert len(applied) == 7


@pytest.mark.slow
async def test_five_processes_wait_for_a_first_migration_that_takes_longer_than_any_limit(shop):
    """Six seconds: more than SQLite's busy timeout, the lock_timeout of 5 s and the first report after 2 s."""
    seconds = (
        6 if shop.engine == "postgres" else 18
    )  # SQLite counts, on a fast machine in a third of the time
    shop.write("0001_slow", f"{COUNTER} {shop.slow(seconds)} UPDATE counter SET n = n + 1;")
    shop.write("0002_add", "UPDATE counter SET n = n + 1;")
    started = time.monotonic()
    processes = [shop.start("up") for _ in range(5)]
    ends = [finish(process) for process in processes]
    assert [(code, error) for code, _, error in ends if code] == []
    assert time.monotonic() - started > 5.5
    assert await shop.rows("SELECT n FROM counter") == [(2,)]
    assert sum("waiting for the database, which is held by process" in error for _, _, error in ends) >= 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_rolls_back_and_has_its_exit_code(shop, number, code):
    shop.write("0001_counter", COUNTER)
    shop.write("0002_slow", f"UPDATE counter SET n = 1; {shop.slow(30)}")
    process = shop.start("up", "--json")
    wait_for_event(process, "started", 2)
    time.sleep(0.3)
    process.send_signal(number)
    started = time.monotonic()
    exit_code, _, error = finish(process)
    assert (exit_code, "Traceback" in error) == (code, False), error
    assert time.monotonic() - started < 15
    assert await shop.rows("SELECT n FROM counter") == [(0,)]
    assert await shop.applied() == [1]


async def test_a_second_signal_ends_at_once(shop):
    shop.write("0001_slow", f"{COUNTER} {shop.slow(30)}")
    process = shop.start("up", "--json")
    wait_for_event(process, "started", 1)
    time.sleep(0.3)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    code, _, _ = finish(process)
    assert code in (-signal.SIGTERM, 143)
    assert time.monotonic() - started < 5
    shop.write("0001_slow", COUNTER)
    assert shop.run("up").returncode == 0


async def test_a_writer_that_holds_the_file_is_named_and_waited_for(sqlite_shop):
    sqlite_shop.write_two()
    path = sqlite_shop.url.removeprefix("sqlite:///")
    async with sqlite_shop.driver():
        pass
    holder = subprocess.Popen(["sleep", "60"])  # a process that is surely not the holder
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            end = await asyncio.to_thread(sqlite_shop.run, "up", "--lock-wait", "1")
            assert end.returncode == 5
            assert "held by process" in end.stderr
            assert str(holder.pid) not in end.stderr
            process = sqlite_shop.start("up")
            time.sleep(1)
            connection.execute("ROLLBACK")
            assert (await asyncio.to_thread(finish, process))[0] == 0
    finally:
        holder.kill()
        holder.wait()
    assert await sqlite_shop.applied() == [1, 2]


async def test_a_session_that_holds_the_lock_is_named(postgres_shop):
    postgres_shop.write("0001_slow", "SELECT pg_sleep(20);")
    process = postgres_shop.start("up", "--json")
    try:
        wait_for_event(process, "started", 1)
        waiting = []
        while not waiting:
            with pytest.raises(LockTimeout) as caught:
                await postgres_shop.migrate(lock_wait_s=0.3)
            waiting = [caught.value] if "sqlstore" in caught.value.holder else []
        assert "process" in waiting[0].holder
        assert "since" in waiting[0].holder
        assert postgres_shop.run("up", "--lock-wait", "0").returncode == 5
    finally:
        process.kill()
        process.communicate()


async def test_the_lock_of_a_killed_runner_is_free_soon_although_its_statement_goes_on(postgres_shop):
    postgres_shop.write("0001_slow", "SELECT pg_sleep(40);")
    process = postgres_shop.start("up", "--json")
    wait_for_event(process, "started", 1)
    time.sleep(0.5)
    process.kill()
    process.communicate()
    postgres_shop.write("0001_slow", "SELECT 1;")
    await postgres_shop.migrate(lock_wait_s=20)
    assert await postgres_shop.applied() == [1]


async def test_waiting_is_told(postgres_shop):
    postgres_shop.write("0001_slow", "SELECT pg_sleep(4);")
    first = asyncio.create_task(postgres_shop.migrate())
    address, _, _ = postgres_shop.url.rpartition("schema=")
    looker = await asyncpg.connect(address.rstrip("?&"))
    while not await looker.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"):
        await asyncio.sleep(0.02)
    await looker.close(timeout=5)
    events = []
    report = await postgres_shop.migrate(on_event=events.append)
    await first
    assert report.steps == ()
    assert ["held by process" in event.detail for event in events if event.phase == "waiting"] == [True]
