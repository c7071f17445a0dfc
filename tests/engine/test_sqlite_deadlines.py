"""Deadlines on SQLite: every call ends, and says whether something was written."""

import asyncio
import time

import pytest

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import DeadlineExceeded, OutcomeUnknown

from .sqlite_support import (
    ADD,
    ALL,
    COUNT_TO,
    ENDLESS,
    FILL_TO,
    in_time,
    opened,
    rows_on_disk,
    statement,
    write_lock,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


@pytest.fixture
async def driver(path):
    async with opened(path) as driver:
        await driver.prepare([ADD, ALL])
        yield driver


async def test_a_read_ends_at_its_deadline(driver):
    with pytest.raises(DeadlineExceeded, match="statement was stopped"), deadline(0.1):
        await driver.call(COUNT_TO, ENDLESS)
    assert await driver.call(COUNT_TO, 3) == [(3,)]


async def test_a_write_ends_at_its_deadline_and_nothing_is_written(driver, path):
    with pytest.raises(DeadlineExceeded), deadline(0.1):
        await driver.call(FILL_TO, ENDLESS)
    assert rows_on_disk(path) == []


@pytest.mark.parametrize("many", [False, True])
async def test_a_write_behind_another_process_ends_at_its_deadline_and_is_never_run(driver, path, many):
    await driver.prepare([ADD])
    with write_lock(path), pytest.raises(DeadlineExceeded, match="nothing was written"), deadline(0.1):
        await (driver.call_many(ADD, [["a"]]) if many else driver.call(ADD, "a"))
    await driver.call(ADD, "b")
    assert rows_on_disk(path) == ["b"]


async def test_a_write_waits_for_another_process(driver, path):
    with write_lock(path) as other:
        task = asyncio.create_task(driver.call(ADD, "b"))
        await asyncio.sleep(0.4)
        other.execute("INSERT INTO items (name) VALUES ('a')")
        other.execute("COMMIT")
    assert (await task)[1] == "b"
    assert rows_on_disk(path) == ["a", "b"]


async def test_a_read_does_not_wait_for_a_writer(driver, path):
    await driver.prepare([ALL])
    with write_lock(path), deadline(1):
        assert await driver.call(ALL) == []


async def test_a_short_read_does_not_wait_for_a_long_one(driver):
    long = asyncio.create_task(in_time(5, driver.call(COUNT_TO, ENDLESS)))
    await asyncio.sleep(0.05)
    with deadline(2):
        await driver.call(ALL)
    assert not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_a_thread_that_does_not_answer_holds_nobody(driver):
    started = time.monotonic()
    async with driver.exclusive() as exclusive:
        stuck = asyncio.create_task(exclusive.run(lambda _: time.sleep(1.0)))
        await asyncio.sleep(0.05)
        with pytest.raises(DeadlineExceeded, match="waited for its turn"), deadline(0.1):
            await driver.call(ADD, "a")
        assert time.monotonic() - started < 0.9
        await stuck
    assert await driver.call(ALL) == []


async def test_a_stuck_write_that_had_started_has_an_unknown_outcome(driver):
    blocked = statement(
        "INSERT INTO items (name) VALUES ('a')",
        "changed",
        result=lambda _, changed: time.sleep(0.6) or changed,
    )
    await driver.prepare([blocked])
    with pytest.raises(OutcomeUnknown), deadline(0.1):
        await driver.call(blocked)
