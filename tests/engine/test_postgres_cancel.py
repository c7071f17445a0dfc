"""Cancelling a task leaks nothing, and what was begun is finished or undone."""

import asyncio
import random
import time

import pytest

from sqlstore.engine.errors import DatabaseError

from .postgres_support import (
    ADD,
    ALL,
    COUNT,
    ITEMS,
    SLEEP_READING,
    SLOW_ADD,
    bare,
    opened,
    postgres_address,
    statement,
    until_true,
)

UNFINISHED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = $1 AND state <> 'idle' AND pid <> pg_backend_pid()"""


@pytest.fixture
async def observer(postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
        yield connection


@pytest.fixture
async def driver(postgres_url, observer):
    name = postgres_address(postgres_url).schema
    async with opened(postgres_address(postgres_url, application_name=name), pool_size=3) as driver:
        yield driver
        assert len(driver._pool._free) == 3

        async def nothing_unfinished():
            return await observer.fetchval(UNFINISHED, name) == 0

        await until_true(nothing_unfinished)


async def cancel_times(task, times):
    """Cancel a task again and again, while the loop goes round."""
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)


async def test_the_connection_of_a_cancelled_read_is_not_used_again(driver):
    ((before,),) = await driver.fetch("SELECT pg_backend_pid()")
    task = asyncio.create_task(driver.call(SLEEP_READING, 4.0))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ((after,),) = await driver.fetch("SELECT pg_backend_pid()")
    assert after != before


async def test_a_cancelled_read_ends_at_once(driver):
    task = asyncio.create_task(driver.call(SLEEP_READING, 4.0))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await cancel_times(task, 3)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert await driver.call(COUNT) == (0,)


async def test_a_write_that_was_sent_is_finished_before_the_cancellation_is_passed_on(driver):
    await driver.call(ADD, 0, "warm")
    task = asyncio.create_task(driver.call(SLOW_ADD, 1, 0.4))
    await asyncio.sleep(0.2)
    await cancel_times(task, 3)
    assert not task.done()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert "completed" in "".join(caught.value.__notes__)
    assert await driver.call(COUNT) == (2,)


async def test_a_write_that_fails_after_its_cancellation_says_so_in_a_note(driver):
    await driver.call(ADD, 1, "one")
    task = asyncio.create_task(driver.call(SLOW_ADD, 1, 0.4))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert "UniqueViolation" in "".join(caught.value.__notes__)
    assert await driver.call(COUNT) == (1,)


async def test_a_write_that_waited_for_a_connection_never_runs(driver):
    holders = [asyncio.create_task(driver.call(SLEEP_READING, 0.4)) for _ in range(3)]
    await asyncio.sleep(0.2)
    task = asyncio.create_task(driver.call(ADD, 1, "one"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*holders)
    assert await driver.call(COUNT) == (0,)


async def test_a_cancelled_transaction_is_rolled_back(driver):
    async def work():
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            await tx.call(SLEEP_READING, 4.0)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await cancel_times(task, 3)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert await driver.call(COUNT) == (0,)


async def test_going_on_after_a_cancelled_call_is_refused(driver):
    async def work():
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            try:
                await tx.call(SLEEP_READING, 4.0)
            except asyncio.CancelledError:
                await tx.call(ADD, 2, "two")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(DatabaseError, match="failed in this transaction"):
        await task
    assert await driver.call(COUNT) == (0,)


async def transaction(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, 1, "one")
        async with tx.savepoint():
            await tx.call_many(ADD, [(2, "two"), (3, "three")])


WORKS = {
    "read": (lambda driver: driver.call(ALL), {0}),
    "write": (lambda driver: driver.call(ADD, 1, "one"), {0, 1}),
    "many": (lambda driver: driver.call_many(ADD, [(1, "a"), (2, "b"), (3, "c")]), {0, 3}),
    "transaction": (transaction, {0, 3}),
    "fetch": (lambda driver: driver.fetch("SELECT 1"), {0}),
}


@pytest.mark.parametrize("cancels", [1, 3])
@pytest.mark.parametrize("name", WORKS)
async def test_a_cancel_at_any_moment_leaves_all_or_nothing_and_no_connection_behind(driver, name, cancels):
    work, whole = WORKS[name]
    clean = statement("DELETE FROM items", "changed")
    await work(driver)
    await driver.call(clean)
    seen = set()
    for step in range(40):
        task = asyncio.create_task(work(driver))
        for _ in range(step):
            await asyncio.sleep(0.0003 if step > 12 else 0)
        await cancel_times(task, cancels)
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        assert not isinstance(result, Exception), result
        ((count,),) = await driver.fetch("SELECT count(*)::int FROM items")
        assert count in whole
        seen.add((type(result).__name__, count))
        assert len(driver._pool._free) == 3
        await driver.call(clean)
    assert any(kind == "CancelledError" for kind, _ in seen)


@pytest.mark.slow
async def test_many_random_cancels_leak_nothing(driver):
    rng = random.Random(7)
    deleted = statement("DELETE FROM items", "changed")

    async def one(number):
        task = asyncio.create_task(rng.choice(list(WORKS.values()))[0](driver))
        await asyncio.sleep(rng.random() * 0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for _ in range(20):
        await asyncio.gather(*(one(number) for number in range(25)))
        await driver.call(deleted)
    assert await driver.call(COUNT) == (0,)
