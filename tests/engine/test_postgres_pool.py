"""The free list: who waits, how long, and what happens at the end."""

import asyncio
import gc
import os
import time
import warnings

import pytest

from sqlstore.engine import postgres_pool
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import DeadlineExceeded, OutcomeUnknown, Overloaded, UsageError
from sqlstore.engine.postgres import PostgresDriver

from .postgres_support import (
    ADD,
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


@pytest.fixture
def address(postgres_url):
    """An address whose sessions can be told from all others."""
    address = postgres_address(postgres_url)
    return postgres_address(postgres_url, application_name=address.schema)


@pytest.fixture
async def observer(postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
        yield connection


async def sessions(observer, address):
    return await observer.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", address.application_name
    )


async def test_more_calls_than_connections_all_get_their_answer(address, observer):
    async with opened(address, pool_size=3) as driver:
        echo = statement("SELECT $1::bigint", "one")
        assert await asyncio.gather(*(driver.call(echo, n) for n in range(200))) == [(n,) for n in range(200)]
        assert await sessions(observer, address) == 3


async def test_the_urls_pool_size_is_the_most_connections(postgres_url, observer):
    address = postgres_address(postgres_url, application_name="pool size", pool_size=2)
    async with opened(address, pool_size=8) as driver:
        await asyncio.gather(*(driver.call(COUNT) for _ in range(20)))
        assert await sessions(observer, address) == 2


async def test_one_task_uses_one_connection(address, observer):
    async with opened(address) as driver:
        for _ in range(20):
            await driver.call(COUNT)
        assert await sessions(observer, address) == 1


async def test_who_waits_is_served_in_order(address):
    order = []

    async def ask(driver, number):
        await driver.call(statement("SELECT 1"))
        order.append(number)

    async with opened(address, pool_size=1) as driver:
        await asyncio.gather(*(ask(driver, number) for number in range(30)))
    assert order == list(range(30))


async def test_nobody_waits_longer_than_the_deadline(address):
    async with opened(address, pool_size=1) as driver:
        holder = asyncio.create_task(driver.call(SLEEP_READING, 3.0))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        with deadline(0.3), pytest.raises(DeadlineExceeded, match="all connections were busy"):
            await driver.call(COUNT)
        assert 0.3 <= time.monotonic() - started < 1.5
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder


async def test_too_many_who_wait_are_turned_away(address, monkeypatch):
    monkeypatch.setattr(postgres_pool, "MAX_WAITING", 5)
    async with opened(address, pool_size=1) as driver:
        calls = [asyncio.create_task(driver.call(SLEEP_READING, 0.05)) for _ in range(10)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in results) == 4
    assert sum(isinstance(result, list) for result in results) == 6


async def test_one_who_waited_and_was_cancelled_loses_no_connection(address, observer):
    async with opened(address, pool_size=1) as driver:
        for pause in (0, 0.02, 0.05, 0.06):
            calls = [asyncio.create_task(driver.call(SLEEP_READING, 0.05)) for _ in range(4)]
            await asyncio.sleep(pause)
            for call in calls[1:]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert await driver.call(COUNT) == (0,)
        assert len(driver._pool._free) == 1


async def test_a_read_that_takes_too_long_ends_in_time(address):
    async with opened(address) as driver:
        started = time.monotonic()
        with deadline(0.3), pytest.raises(DeadlineExceeded) as caught:
            await driver.call(SLEEP_READING, 30.0)
        assert time.monotonic() - started < 1.5
        assert caught.value.query == "test.query"
        assert await driver.call(statement("SELECT 1")) == [(1,)]


async def test_a_write_that_takes_too_long_does_not_claim_that_nothing_was_written(address, observer):
    async with opened(address) as driver:
        with deadline(0.3), pytest.raises(OutcomeUnknown):
            await driver.call(SLOW_ADD, 1, 30.0)


async def test_a_write_that_the_server_cancels_was_not_written(address, observer):
    async with opened(address, timeout_s=0.5) as driver:
        await driver.call(ADD, 0, "warm")
        with pytest.raises(DeadlineExceeded) as caught, deadline(10):  # the server is the first
            await driver.call(SLOW_ADD, 1, 30.0)
        assert caught.value.code == "57014"
    assert await observer.fetchval("SELECT count(*) FROM items") == 1


async def test_closing_waits_for_what_runs_and_leaves_nothing(address, observer):
    driver = PostgresDriver(address)
    await driver.open()
    call = asyncio.create_task(driver.call(SLOW_ADD, 1, 0.4))
    await asyncio.sleep(0.2)
    await driver.close()
    assert await call == 1
    await driver.close()

    async def gone():
        return await sessions(observer, address) == 0

    await until_true(gone)


async def test_closing_takes_no_longer_than_two_seconds(address, observer):
    driver = PostgresDriver(address, pool_size=2)
    await driver.open()
    calls = [asyncio.create_task(driver.call(SLEEP_READING, 60.0)) for _ in range(3)]
    held = await driver.begin()
    await held.rollback()
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await driver.close()
    assert time.monotonic() - started < 2
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [UsageError] * 3  # a read would have been run again


async def test_a_closed_or_unopened_store_says_so(address):
    driver = PostgresDriver(address)
    for problem in ("not open", "closed"):
        for call in (
            driver.call(COUNT),
            driver.call_many(ADD, [(1, "a")]),
            driver.fetch("SELECT 1"),
            driver.begin(),
        ):
            with pytest.raises(UsageError, match=problem):
                await call
        await driver.close()
    with pytest.raises(UsageError, match="once"):
        await driver.open()


def test_another_event_loop_is_told_to_open_its_own(address):
    with asyncio.Runner() as first, asyncio.Runner() as second:
        driver = PostgresDriver(address)
        first.run(driver.open())
        with pytest.raises(UsageError, match="another event loop"):
            second.run(driver.call(COUNT))
        with pytest.raises(UsageError, match="another event loop"):
            second.run(driver.close())
        first.run(driver.close())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_told_to_open_its_own(address):
    async def use(driver):
        await driver.call(statement("SELECT 1"))

    with asyncio.Runner() as runner:
        driver = PostgresDriver(address)
        runner.run(driver.open())
        child = os.fork()
        if child == 0:
            try:
                asyncio.new_event_loop().run_until_complete(use(driver))
            except UsageError as error:
                os._exit(42 if "fork" in str(error) else 1)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        runner.run(use(driver))
        runner.run(driver.close())


async def test_a_driver_that_was_never_closed_says_where_it_was_opened(address, observer):
    driver = PostgresDriver(address)
    await driver.open()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del driver
        gc.collect()
    (warning,) = [each for each in caught if "never closed" in str(each.message)]
    assert issubclass(warning.category, ResourceWarning)
    assert "test_postgres_pool.py" in str(warning.message)
    await asyncio.sleep(0)

    async def gone():
        return await sessions(observer, address) == 0

    await until_true(gone)


async def test_an_idle_driver_does_not_wake_up(address):
    async with opened(address) as driver:
        await driver.call(statement("SELECT 1"))
        await asyncio.sleep(0.25)
        assert driver._pool._watch is None
