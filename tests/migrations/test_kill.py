"""SIGKILL at any moment: a migration is there whole and recorded, or it left no trace."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress

import asyncpg
import pytest

from .forking import Forker

TAKE = "UPDATE counter SET n = n - 2;"
DOWN = "-- migrate: down\nDROP TABLE a{version}; {rest} DROP TABLE b{version};\n"


@pytest.fixture(scope="module")
def forker():
    from .conftest import Shop

    forker = Forker(Shop.environment())
    yield forker
    forker.close()


def kill(forker: Forker, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert forker.wait() in (0, -signal.SIGKILL)


async def check_whole(shop) -> int:
    """Each recorded migration has both of its tables and its row, each other one none; how many there are."""
    tables = await shop.tables()
    applied = await shop.applied() if "migrations" in tables else []
    expected = {f"{letter}{version}" for version in applied for letter in "ab"} | {"counter"}
    assert tables - {"migrations"} == (expected if applied else set())
    if applied:
        assert await shop.rows("SELECT n FROM counter") == [(2 * len(applied),)]
    return len(applied)


def write(shop, version: int, middle: str = "", *, down: bool = False) -> None:
    start = "CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0);" if version == 1 else ""
    add = "UPDATE counter SET n = n + 1;"
    shop.write(
        f"{version:04}_t",
        f"{start} CREATE TABLE a{version} (id bigint); {add} {middle} CREATE TABLE b{version} (id bigint); {add}\n"
        + (
            DOWN.format(version=version, rest="DROP TABLE counter;" if version == 1 else TAKE) if down else ""
        ),
    )


@pytest.mark.slow
async def test_before_each_statement_that_the_runner_sends(shop, forker):
    """Its own too: BEGIN, the lock, the row of the book, COMMIT; on the way down, and up again."""
    for version in (1, 2):
        write(shop, version, down=True)
    code, killed = -signal.SIGKILL, 0
    while code:
        assert forker.run("migrate", shop.url, shop.folder) == 0
        assert await check_whole(shop) == 2
        code = forker.run("redo", shop.url, shop.folder, kill_at=killed + 1)
        assert code in (0, -signal.SIGKILL)
        await check_whole(shop)
        killed += 1
    assert killed > 12


@pytest.mark.slow
async def test_at_fifty_random_moments(shop, forker):
    for version in range(1, 151):
        write(shop, version)
    dice = random.Random(4)
    kills, done = 0, 0
    for _ in range(50):
        pid = forker.start("migrate", shop.url, shop.folder, steps=6)
        time.sleep(dice.uniform(0.002, 0.09))
        with suppress(ProcessLookupError):  # it was done already
            os.kill(pid, signal.SIGKILL)
        kills += forker.wait() == -signal.SIGKILL
        now = await check_whole(shop)
        assert now >= done
        done = now
    assert kills >= 10
    assert forker.run("migrate", shop.url, shop.folder) == 0
    assert await check_whole(shop) == 150


@pytest.mark.parametrize("position", [0, 1, 2, 3, 4])
async def test_in_the_middle_of_each_statement(shop, forker, position):
    write(shop, 1)
    assert forker.run("migrate", shop.url, shop.folder) == 0
    statements = ["CREATE TABLE a2 (id bigint);", "UPDATE counter SET n = n + 1;"]
    statements += ["CREATE TABLE b2 (id bigint);", "UPDATE counter SET n = n + 1;"]
    slow = shop.slow(30)
    shop.write("0002_t", " ".join([*statements[:position], slow, *statements[position:]]))
    pid = forker.start("migrate", shop.url, shop.folder)
    await wait_until_it_runs(shop)
    kill(forker, pid)
    assert await check_whole(shop) == 1
    write(shop, 2)
    assert forker.run("migrate", shop.url, shop.folder, lock_wait_s=20) == 0
    assert await check_whole(shop) == 2


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_in_the_middle_of_each_statement_of_a_down_section(shop, forker, position):
    write(shop, 1)
    statements = ["DROP TABLE a2;", "DROP TABLE b2;", "UPDATE counter SET n = n - 2;"]
    down = " ".join([*statements[:position], shop.slow(30), *statements[position:]])
    write(shop, 2)
    with (shop.folder / "0002_t.sql").open("a") as file:
        file.write(f"\n-- migrate: down\n{down}")
    assert forker.run("migrate", shop.url, shop.folder) == 0
    pid = forker.start("down", shop.url, shop.folder)
    await wait_until_it_runs(shop)
    kill(forker, pid)
    assert await check_whole(shop) == 2


async def wait_until_it_runs(shop) -> None:
    """Until the slow statement is what the runner does."""
    until = time.monotonic() + 20
    if shop.engine == "sqlite":
        path = shop.url.removeprefix("sqlite:///")
        while not is_locked(path):
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.2)  # all other statements take less
        return
    address, _, schema = shop.url.rpartition("schema=")
    connection = await asyncpg.connect(address.rstrip("?&"))
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid IN "
        f"(SELECT pid FROM pg_locks WHERE relation = '{schema}.migrations'::regclass)"
    )
    while not await connection.fetchval(query):
        assert time.monotonic() < until
        time.sleep(0.01)
    await connection.close()


def is_locked(path: str) -> bool:
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False
