"""No log record holds a value, a row or a password: at DEBUG, of every logger, on every database."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from ledger_store import Ledger

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import Conflict, StoreError
from sqlstore.engine.observe import Call, Observer
from tests.log_records import Everything, everything_logged

CANARY = "c4n4ry"
NUMBER = 7_361_524_098_817
FRACTION = 82_634.518_25
MOMENT = datetime(2031, 7, 19, 3, 14, 15, 926535, UTC)
CODE = UUID("0c4fe1ab-5d0e-4c0a-9d8b-8f1b6a7c0001")
SECRETS = (
    CANARY,
    CANARY.encode().hex(),
    str(NUMBER),
    str(FRACTION),
    "2031-07-19",
    "2031, 7, 19",
    str(CODE),
    "s3cr3t",
)
"""What of the values would be found in a record, in whatever way it was written."""
FIELDS = {"sqlstore.slow", "sqlstore.engine.observe", "sqlstore.migrations.run", "sqlstore.migrations.book"}
"""Loggers whose records are about a query, a migration or the pool: each says which store."""


class Repeated(Observer):
    """What observers are told is searched too."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def called(self, call: Call) -> None:
        self.calls.append(call)


@pytest.fixture
def everything() -> Iterator[Everything]:
    with everything_logged() as handler:
        yield handler


async def test_no_record_holds_a_value(database_url: str, everything: Everything) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0  # asyncio itself writes down every step that takes any time
    told = Repeated()
    url = database_url.replace("//postgres:@", "//postgres:s3cr3t@").replace(
        "//postgres@", "//postgres:s3cr3t@"
    )
    async with Ledger.open(url, slow_query_s=0, observers=[told]) as ledger:
        await use_everything(ledger)
        await fail_in_every_way(ledger)
    loop.set_debug(False)

    assert len(told.calls) > 30
    assert {"sqlstore.slow", "sqlstore.engine.observe", "asyncio"} <= {r.name for r in everything.records}
    for record in everything.records:
        if record.name in FIELDS:
            assert record.store == "ledger", record  # type: ignore[attr-defined]
    for text in [*everything.texts, *map(repr, told.calls)]:
        found = [secret for secret in SECRETS if secret in text]
        assert not found, text


async def use_everything(ledger: Ledger) -> None:
    """Each method of the ledger, with values that would be known again."""
    name = f"{CANARY} anna"
    account = await ledger.accounts.add(name, NUMBER)
    await ledger.accounts.open_many([(f"{CANARY} {number}", NUMBER + number) for number in range(5)])
    await ledger.accounts.get(name)
    await ledger.accounts.all()
    await ledger.accounts.among([name])
    await ledger.accounts.others([name])
    await ledger.accounts.by_balance(NUMBER + 4)
    await ledger.accounts.balance_of(name)
    await ledger.accounts.deposit(name, NUMBER)
    await ledger.accounts.put_balance(name, NUMBER)
    await ledger.accounts.slow(1000)
    await ledger.accounts.slow_deposit(name, 1000)
    assert [account async for account in ledger.accounts.pages(2)]
    await ledger.entries.add(account.id, NUMBER)
    await ledger.entries.of(account.id)
    await ledger.samples.put(
        NUMBER,
        whole=NUMBER,
        fraction=FRACTION,
        words=CANARY,
        flag=True,
        data=CANARY.encode(),
        document={CANARY: [NUMBER, CANARY]},
        moment=MOMENT,
        code=CODE,
    )
    await ledger.samples.get(NUMBER)
    await ledger.samples.moments()
    await ledger.samples.in_words_order()
    async with ledger.transaction() as tx:
        await tx.accounts.deposit(name, NUMBER)
        async with tx.transaction() as inner:
            await inner.accounts.get(name)


async def fail_in_every_way(ledger: Ledger) -> None:
    """Every error that a call can meet, with the same values."""
    name = f"{CANARY} anna"
    calls = (
        lambda: ledger.accounts.add(name, NUMBER),
        lambda: ledger.accounts.add(f"{CANARY} poor", -NUMBER),
        lambda: ledger.accounts.rename_to_null(name),
        lambda: ledger.accounts.open_many([(name, NUMBER), (name, NUMBER)]),
        lambda: ledger.accounts.add(f"{CANARY}\0", 1),
        lambda: ledger.accounts.deposit(name, 2**63 - 1),
        lambda: ledger.entries.add(NUMBER, NUMBER),
        lambda: ledger.samples.put(1, document={CANARY: float("nan")}),
        lambda: ledger.samples.put(1, moment=MOMENT.replace(tzinfo=None)),
    )
    for call in calls:
        with pytest.raises(StoreError):
            await call()
    with deadline(0.1), pytest.raises(StoreError):
        await ledger.accounts.slow(2_000_000_000)
    with pytest.raises(StoreError):
        async with ledger.transaction() as tx:
            with contextlib.suppress(StoreError):
                await tx.accounts.add(name, NUMBER)
            await tx.accounts.get(name)
    await again_after_a_conflict(ledger, name)
    task = asyncio.create_task(ledger.accounts.slow_deposit(name, 300_000))
    await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def again_after_a_conflict(ledger: Ledger, name: str) -> None:
    tries: list[int] = []

    async def work(tx: Ledger) -> None:
        tries.append(await tx.accounts.deposit(name, 1))
        if len(tries) < 3:
            raise Conflict("another was first", query="ledger.accounts.deposit")

    await ledger.run(work)
