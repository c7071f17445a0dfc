"""A server that goes silent is left for the next host, long before a call's time is up."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from sqlstore.engine.errors import OutcomeUnknown

from .postgres_support import ADD, ITEMS, SLEEP_READING, bare, opened, postgres_address
from .proxy import proxy


@asynccontextmanager
async def two_lines(postgres_url):
    """A driver with two ways to the server, and the first of them."""
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
    async with proxy(*address.hosts[0]) as first, proxy(*address.hosts[0]) as second:
        hosts = (("127.0.0.1", first.port), ("127.0.0.1", second.port))
        both = replace(address, hosts=hosts, sslmode="disable", connect_timeout_s=0.3)
        async with opened(both) as driver:
            await driver.call(ADD, 0, "warm")
            yield driver, first, second


async def test_a_read_is_run_again_elsewhere_and_a_write_is_unknown(postgres_url):
    async with two_lines(postgres_url) as (driver, first, second):
        reads = [asyncio.create_task(driver.call(SLEEP_READING, 0.0)) for _ in range(2)]
        await asyncio.gather(*reads)
        first.stall()
        started = time.monotonic()
        write = asyncio.create_task(driver.call(ADD, 1, "one"))
        await driver.call(SLEEP_READING, 0.0)
        with pytest.raises(OutcomeUnknown):
            await write
        assert 0.5 < time.monotonic() - started < 2.5
        assert second.accepted
        assert driver.load().in_use == 0
        started = time.monotonic()
        await driver.call(ADD, 2, "two")
        assert time.monotonic() - started < 0.5  # the silent one is tried last now


@pytest.mark.slow
async def test_a_statement_that_takes_long_on_a_server_that_answers_is_left_alone(postgres_url):
    async with two_lines(postgres_url) as (driver, first, second):
        before = first.accepted
        assert len(await driver.call(SLEEP_READING, 1.5)) == 1
        assert first.accepted - before >= 1  # it was asked
        assert second.accepted == 0


@pytest.mark.slow
async def test_a_single_host_is_never_asked(postgres_url):
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as only:
        through = replace(address, hosts=(("127.0.0.1", only.port),), sslmode="disable")
        async with opened(through) as driver:
            await driver.call(SLEEP_READING, 1.2)
        assert only.accepted == 1
