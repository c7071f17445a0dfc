"""Reads on SQLite: one connection does them, and others what a long one would hold up."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import DeadlineExceeded

from .sqlite_support import ADD, ALL, COUNT_TO, ENDLESS, opened, statement

A_WHILE = 100_000
"""Counting so far takes some hundredths of a second."""
SOON_S = 1.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


async def let_go(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def test_reads_do_not_wait_for_a_long_one(path):
    async with opened(path, readers=2) as driver:
        await driver.call(ADD, "lamp")
        long = asyncio.create_task(driver.call(COUNT_TO, ENDLESS))
        await asyncio.sleep(0.02)
        started = time.monotonic()
        for _ in range(50):
            assert await driver.call(ALL) == [("lamp",)]
        assert time.monotonic() - started < SOON_S
        assert not long.done()
        await let_go(long)


async def test_each_reader_can_have_a_long_one(path):
    async with opened(path, readers=3) as driver:
        await driver.call(ADD, "lamp")
        long = [asyncio.create_task(driver.call(COUNT_TO, ENDLESS)) for _ in range(2)]
        await asyncio.sleep(0.05)
        started = time.monotonic()
        assert await driver.call(ALL) == [("lamp",)]
        assert time.monotonic() - started < SOON_S
        await let_go(*long)
        assert [await driver.call(ALL) for _ in range(3)] == [[("lamp",)]] * 3


async def test_what_a_helper_does_can_be_cancelled_and_has_a_deadline(path):
    async with opened(path, readers=2) as driver:
        long = asyncio.create_task(driver.call(COUNT_TO, ENDLESS))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(driver.call(COUNT_TO, ENDLESS))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await let_go(second)
        with pytest.raises(DeadlineExceeded), deadline(0.2):
            await driver.call(COUNT_TO, ENDLESS)
        assert await driver.call(ALL) == []
        assert time.monotonic() - started < SOON_S
        assert not long.done()
        await let_go(long)
        assert not any(worker.in_flight for worker in driver._workers[1:])


async def test_every_read_runs_once_whoever_does_it(path):
    ran: Counter[int] = Counter()
    threads: set[int] = set()

    def note(rows: list[tuple[int]], _: int) -> int:
        ((number,),) = rows
        ran[number] += 1
        threads.add(threading.get_ident())
        return number

    count = statement(COUNT_TO.sql, result=note)
    async with opened(path, readers=3) as driver:
        numbers = [A_WHILE + number if number % 20 == 0 else number for number in range(1, 1_000)]
        answers = await asyncio.gather(*(driver.call(count, number) for number in numbers))
    assert answers == numbers
    assert set(ran.values()) == {1}
    assert len(threads) > 1


async def test_short_reads_are_left_to_one_connection(path):
    """Threads that work all the time wait for each other: together they give half of what one gives."""
    threads: Counter[int] = Counter()

    def note(rows: list[tuple[str]], _: int) -> list[tuple[str]]:
        threads[threading.get_ident()] += 1
        return rows

    read = statement(ALL.sql, result=note)

    async def repeat(driver):
        for _ in range(100):
            await driver.call(read)

    async with opened(path, readers=2) as driver:
        await asyncio.gather(*(repeat(driver) for _ in range(16)))
    assert max(threads.values()) > 0.8 * threads.total()


async def test_what_was_done_before_a_long_one_is_answered_at_once(path):
    """All three are taken from the queue together, once the first has let them wait."""
    async with opened(path, readers=1) as driver:
        await driver.prepare([ALL, COUNT_TO])
        first = asyncio.create_task(driver.call(COUNT_TO, A_WHILE))
        await asyncio.sleep(0.005)
        short = asyncio.create_task(driver.call(ALL))
        long = asyncio.create_task(driver.call(COUNT_TO, ENDLESS))
        assert await first == [(A_WHILE,)]
        async with asyncio.timeout(SOON_S):
            assert await short == []
        assert not long.done()
        await let_go(long)
