"""The network goes away: half open, reset, refused, cut around COMMIT."""

import asyncio
import time

import pytest

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import DeadlineExceeded, OutcomeUnknown, Unavailable
from sqlstore.engine.postgres import PostgresDriver

from .postgres_support import ADD, ALL, COUNT, ITEMS, bare, opened, postgres_address, statement, through
from .proxy import proxy


@pytest.fixture
async def network(postgres_url):
    """A proxy before the test's database, in which `items` is empty."""
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
    name, port = postgres_address(postgres_url).hosts[0]
    async with proxy(name, port) as running:
        yield running


@pytest.fixture
async def driver(network, postgres_url):
    async with opened(through(network, postgres_url)) as driver:
        await driver.call(ADD, 0, "warm")
        await driver.call(COUNT)
        yield driver


async def rows(postgres_url):
    async with bare(postgres_url) as connection:
        return [row_id for (row_id,) in await connection.fetch("SELECT id FROM items ORDER BY id")]


async def test_a_read_over_a_half_open_network_ends_in_time(driver, network):
    network.stall()
    started = time.monotonic()
    with deadline(0.4), pytest.raises(DeadlineExceeded):
        await driver.call(COUNT)
    assert time.monotonic() - started < 0.4 + 0.25 + 0.5
    network.flow()
    assert await driver.call(COUNT) == (1,)


async def test_a_write_over_a_half_open_network_has_an_unknown_outcome(driver, network):
    network.stall()
    with deadline(0.4), pytest.raises(OutcomeUnknown):
        await driver.call(ADD, 1, "one")


BIG = [(number, "canary" * 2_000) for number in range(1, 3000)]


async def test_a_bulk_write_over_a_half_open_network_ends_in_time(driver, network, postgres_url):
    network.stall_at = b"canary"
    started = time.monotonic()
    with deadline(0.8), pytest.raises(DeadlineExceeded):
        await driver.call_many(ADD, BIG)
    assert time.monotonic() - started < 2
    network.stall_at = None
    network.flow()
    assert await rows(postgres_url) == [0]


@pytest.mark.parametrize("how", ["reset", "cancel"])
async def test_a_bulk_write_that_is_cut_or_cancelled_ends_at_once(driver, network, postgres_url, how):
    network.stall_at = b"canary"
    task = asyncio.create_task(driver.call_many(ADD, BIG))
    await asyncio.sleep(0.5)
    started = time.monotonic()
    network.reset() if how == "reset" else task.cancel()
    with pytest.raises(Unavailable if how == "reset" else asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1.5
    network.stall_at = None
    network.flow()
    assert await rows(postgres_url) == [0]


async def test_a_half_open_network_at_commit_is_an_unknown_outcome(driver, network):
    with pytest.raises(OutcomeUnknown), deadline(0.6):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            network.stall()


async def test_a_half_open_network_inside_a_transaction_wrote_nothing(driver, network, postgres_url):
    with pytest.raises(DeadlineExceeded), deadline(0.6):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            network.stall()
            await tx.call(ADD, 2, "two")
    network.flow()
    assert await rows(postgres_url) == [0]


async def test_connecting_over_a_half_open_network_ends_in_time(network, postgres_url):
    network.stall()
    driver = PostgresDriver(through(network, postgres_url), timeout_s=0.5)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.5 s"):
        await driver.open()
    assert time.monotonic() - started < 1.5


async def test_closing_over_a_half_open_network_ends_in_time(network, postgres_url):
    driver = PostgresDriver(through(network, postgres_url))
    await driver.open()
    await driver.call(ADD, 0, "warm")
    network.stall()
    call = asyncio.create_task(driver.call(ADD, 1, "one"))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await driver.close()
    assert time.monotonic() - started < 2
    with pytest.raises(OutcomeUnknown):
        await call


async def test_a_reset_connection_is_replaced_for_a_read(driver, network):
    network.reset()
    assert await driver.call(COUNT) == (1,)
    network.reset()
    await asyncio.sleep(0.05)
    assert await driver.call(ADD, 1, "one") == 1


async def test_a_server_that_refuses_is_unavailable_and_then_works_again(driver, network):
    await network.refuse()
    await asyncio.sleep(0.05)
    for call in (driver.call(COUNT), driver.call(ADD, 5, "five"), driver.begin()):
        with pytest.raises(Unavailable, match=f"127.0.0.1:{network.port} refuses connections"):
            await call
    await network.start()
    assert await driver.call(COUNT) == (1,)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_that_is_cut_has_an_unknown_outcome(driver, network, postgres_url, when):
    network.cut_at = (b"COMMIT", when)
    with pytest.raises(OutcomeUnknown):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
    assert network.cuts == 1
    network.cut_at = None
    assert await rows(postgres_url) == ([0] if when == "before" else [0, 1])
    assert await driver.call(COUNT) == (1 if when == "before" else 2,)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_single_write_that_is_cut_has_an_unknown_outcome_and_is_not_run_twice(
    driver, network, postgres_url, when
):
    network.cut_at = (b"canary", when)
    with pytest.raises(OutcomeUnknown):
        await driver.call(ADD, 1, "canary")
    assert network.cuts == 1
    assert await rows(postgres_url) == ([0] if when == "before" else [0, 1])


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_cut_before_the_commit_wrote_nothing(driver, network, postgres_url, when):
    network.cut_at = (b"canary", when)
    with pytest.raises(Unavailable):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "canary")
    assert await rows(postgres_url) == [0]


async def test_a_read_that_is_cut_is_run_again_once(driver, network):
    echo = statement("SELECT $1::text", "one")
    network.cut_at = (b"canary", "after")

    async def forgive():
        while not network.cuts:
            await asyncio.sleep(0)
        network.cut_at = None

    forgiving = asyncio.create_task(forgive())
    assert await driver.call(echo, "canary") == ("canary",)
    await forgiving
    assert network.cuts == 1
    network.cut_at = (b"canary", "before")
    with pytest.raises(Unavailable, match="nothing was written"):
        await driver.call(echo, "canary")
    assert network.cuts == 3


async def test_a_transaction_run_through_failing_networks_adds_up(driver, network, postgres_url):
    """What is acknowledged is there, what is denied is not, whatever happens around COMMIT."""
    acknowledged, denied, unknown = set(), set(), set()
    for number in range(1, 31):
        network.cut_at = (b"COMMIT", ("before", "after")[number % 2]) if number % 3 == 0 else None
        try:
            async with driver.transaction() as tx:
                await tx.call(ADD, number, "x")
                if number % 5 == 0:
                    network.reset()
        except OutcomeUnknown:
            unknown.add(number)
        except Unavailable:
            denied.add(number)
        else:
            acknowledged.add(number)
    network.cut_at = None
    there = set(await rows(postgres_url)) - {0}
    assert acknowledged <= there
    assert not denied & there
    assert there <= acknowledged | unknown
    assert unknown
    assert await driver.call(ALL)
