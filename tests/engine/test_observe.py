"""Observers are told what happens to named queries; who observes nothing pays nothing."""

import asyncio
import contextlib

import pytest

from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import Conflict, DeadlineExceeded, InvalidValue, Unavailable, UniqueViolation
from sqlstore.engine.observe import Observer
from sqlstore.stores.support import Support
from tests.conformance.ledger_store import Ledger

from .postgres_support import postgres_address
from .proxy import proxy


class Notes(Observer):
    """Keeps what it is told."""

    def __init__(self):
        self.calls, self.connections, self.conflicts, self.databases = [], [], [], []

    def called(self, call):
        self.calls.append(call)

    def connected(self, store):
        self.connections.append(store)

    def transaction_retried(self, store, error):
        self.conflicts.append((store, error))

    def opened(self, store, driver):
        self.databases.append((store, driver))


class Clumsy(Observer):
    """Fails at everything, with somebody's words in its error."""

    def called(self, call):
        raise ValueError("canary")

    def opened(self, store, driver):
        raise ValueError("canary")


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
async def desk(url, notes):
    separator = "" if url.startswith("sqlite") else "&pool_size=1"
    async with Support.open(f"{url}{separator}", observers=[notes]) as store:
        await store.chats.save(-1, "supergroup", "Customers")
        notes.calls.clear()
        yield store


async def test_a_call_is_told_with_names_numbers_and_its_place(desk, notes):
    for number in range(3):
        await desk.messages.append(number, -1, None, "canary")
    await desk.messages.latest(-1, limit=2)
    await desk.messages.get(99_999)
    assert [(call.store, call.query, call.rows) for call in notes.calls] == [
        ("support", "messages.append", 1),
        ("support", "messages.append", 1),
        ("support", "messages.append", 1),
        ("support", "messages.latest", 2),
        ("support", "messages.get", 0),
    ]
    first = notes.calls[0]
    assert first.source.startswith("sql/support/messages.sql:")
    assert (first.error, first.retries) == (None, 0)
    assert 0 <= first.waiting_s <= first.seconds < 5
    assert "canary" not in repr(notes.calls)


async def test_an_error_is_told_by_its_class(desk, notes):
    with pytest.raises(InvalidValue):
        await desk.messages.append(1, -1, None, "canary\0")
    with pytest.raises(Exception, match="points at"):
        await desk.messages.append(1, -7, None, "canary")
    assert [(call.error, call.rows) for call in notes.calls] == [
        ("InvalidValue", 0),
        ("ForeignKeyViolation", 0),
    ]


async def test_calls_inside_a_transaction_are_told_too(desk, notes):
    async with desk.transaction() as tx:
        await tx.messages.append(1, -1, None, "x")
        async with tx.transaction() as inner:
            await inner.messages.append(2, -1, None, "y")
    message = await desk.messages.append(3, -1, None, "z")
    notes.calls.clear()
    await desk.tickets.open(message.id)  # takes a transaction of its own
    assert [call.query for call in notes.calls] == ["tickets.by_message", "tickets.add"]


async def test_waiting_is_told_apart_from_running(desk, notes):
    """The one writer, or the one connection, is taken meanwhile."""
    held = await desk.driver.begin()
    late = asyncio.create_task(desk.messages.append(1, -1, None, "x"))
    await asyncio.sleep(0.3)
    await held.rollback()
    await late
    [call] = notes.calls
    assert 0.25 < call.waiting_s <= call.seconds
    assert call.seconds - call.waiting_s < call.waiting_s

    notes.calls.clear()
    await desk.messages.append(2, -1, None, "x")
    assert notes.calls[0].waiting_s < 0.1


async def test_running_is_not_told_as_waiting(url, notes):
    async with Ledger.open(url, observers=[notes]) as ledger:
        await ledger.accounts.slow(1)  # PostgreSQL asks once what its functions do
        await ledger.accounts.slow(400_000)
    call = notes.calls[-1]
    assert call.seconds > 0.05
    assert call.waiting_s < call.seconds / 2


async def test_a_call_that_never_ran_has_waited_all_the_time(desk, notes):
    held = await desk.driver.begin()
    with deadline(0.2), pytest.raises(DeadlineExceeded):
        await desk.messages.append(1, -1, None, "x")
    await held.rollback()
    [call] = notes.calls
    assert call.error == "DeadlineExceeded"
    assert call.waiting_s == pytest.approx(call.seconds, abs=0.1)


async def test_a_cancelled_call_is_told(desk, notes):
    held = await desk.driver.begin()
    task = asyncio.create_task(desk.messages.append(1, -1, None, "x"))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await held.rollback()
    assert [call.error for call in notes.calls] == ["CancelledError"]


async def test_a_transaction_that_runs_again_is_told(desk, notes):
    tries = []

    async def work(tx):
        tries.append(await tx.messages.append(len(tries), -1, None, "x"))
        if len(tries) == 1:
            raise Conflict("another was first")

    await desk.run(work)
    assert notes.conflicts == [("support", "Conflict")]
    assert len(notes.calls) == 2


async def test_connections_and_the_open_database_are_told(desk, notes, engine):
    assert notes.connections == ["support"] * (3 if engine == "sqlite" else 1)
    assert notes.databases == [("support", desk.driver)]


async def test_a_call_sent_again_is_a_retry_in_what_is_told_and_logged(postgres_url, notes, caplog):
    caplog.set_level("DEBUG", "sqlstore")
    async with proxy(*postgres_address(postgres_url).hosts[0]) as network:
        async with Support.open(postgres_url):
            pass
        address = postgres_address(postgres_url)
        url = (
            f"postgresql://{address.user}@127.0.0.1:{network.port}/{address.database}?schema={address.schema}"
        )
        async with Support.open(f"{url}&sslmode=disable", observers=[notes]) as desk:
            network.cut_at = (b"sqlstore: support.messages.get", "before")
            with pytest.raises(Unavailable):
                await desk.messages.get(1)
    [call] = [call for call in notes.calls if call.query == "messages.get"]
    assert (call.retries, call.error, network.cuts) == (1, "Unavailable", 2)
    assert notes.connections == ["support", "support"]
    told = {
        record.getMessage(): record for record in caplog.records if record.name == "sqlstore.engine.observe"
    }
    again = told["a call runs again (Unavailable)"]
    assert (again.store, again.query, again.error) == ("support", "support.messages.get", "Unavailable")
    assert told["connections to the database are dropped and made anew (Unavailable)"].levelname == "WARNING"


async def test_call_many_is_told_once(url, notes):
    async with Ledger.open(url, observers=[notes]) as ledger:
        assert await ledger.accounts.open_many([("a", 1), ("b", 2), ("c", 3)]) == 3
        with pytest.raises(UniqueViolation):
            await ledger.accounts.open_many([("d", 1), ("a", 2)])
    assert [(call.query, call.rows, call.error) for call in notes.calls] == [
        ("accounts.open_many", 3, None),
        ("accounts.open_many", 0, "UniqueViolation"),
    ]


async def test_an_observer_that_fails_is_logged_and_breaks_nothing(url, notes, caplog):
    async with Support.open(url, observers=[Clumsy(), notes]) as desk:
        await desk.chats.save(-1, "supergroup", "Customers")
    assert [call.query for call in notes.calls if not call.query.startswith("index.")] == ["chats.save"]
    assert "the observer Clumsy failed: ValueError" in caplog.text
    assert "canary" not in caplog.text


async def test_without_an_observer_a_call_takes_the_way_it_always_took(url):
    """The cost when nobody observes: none, because nothing is put in between."""
    async with Support.open(url) as desk, desk.transaction() as tx:
        for executor in (desk.driver, tx._executor):
            assert not {"call", "call_many"} & vars(executor).keys()
    driver = make_driver(url, create=False)
    await driver.open()
    if driver.engine == "sqlite":
        assert {type(worker).__name__ for worker in driver._workers} == {"Worker"}
    await driver.close()


@pytest.mark.parametrize("how_many", [1, 7])
async def test_the_load_of_a_driver_is_what_happens_in_it(desk, how_many, engine):
    held = await desk.driver.begin()
    tasks = [asyncio.create_task(desk.messages.append(n, -1, None, "x")) for n in range(how_many)]
    await asyncio.sleep(0.05)
    load = desk.driver.load()
    await held.rollback()
    await asyncio.gather(*tasks)
    assert load.in_use == 1
    assert load.waiting == (how_many if engine == "postgres" else how_many - 1)
    assert desk.driver.load().in_use == desk.driver.load().waiting == 0
