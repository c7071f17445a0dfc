"""A snapshot shows the database as it was at one moment; whole tables go in and out."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from ledger_store import Ledger, Sample

from sqlstore.engine.errors import StoreError, UsageError

WIDE = [
    Sample(1, None, None, None, None, None, None, None, None),
    Sample(2, -(2**63), 5e-324, "", False, b"", {}, datetime(2, 1, 1, tzinfo=UTC), UUID(int=0)),
    Sample(
        3, 2**63 - 1, 1.7976931348623157e308, "\u2028 👩‍👩‍👧 \x01", True, bytes(range(256)), [1.0, 0.1 + 0.2, 1e22],
        datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), UUID(int=2**128 - 1),
    ),
    *(Sample(4 + i, i, i / 7, f"{i}", None, None, i / 3, None, None) for i in range(80)),
]  # fmt: skip


@pytest.fixture
async def beside(url: str) -> AsyncIterator[Ledger]:
    """A database that others can use during a snapshot; in memory there is one connection only."""
    async with Ledger.open(url) as store:
        yield store


async def test_what_is_written_meanwhile_is_not_seen(beside: Ledger) -> None:
    await beside.accounts.add("anna", 1)
    accounts = (await beside._layout()).tables[0]
    async with beside.driver.snapshot() as moment:
        await beside.accounts.add("ben", 2)
        assert [row.name for row in await moment.call(accounts.first, 10)] == ["anna"]
        await beside.accounts.add("cem", 3)
        assert [row.name for row in await moment.call(accounts.first, 10)] == ["anna"]
    assert await beside.accounts.total() == 6


async def test_a_snapshot_does_not_write(beside: Ledger) -> None:
    await beside.accounts.add("anna", 1)
    layout = await beside._layout()
    async with beside.driver.snapshot() as moment:
        with pytest.raises(StoreError):
            await moment.call(layout.tables[0].delete, 1)
        with pytest.raises(StoreError):
            await layout.tables[0].upsert.run(moment, await beside.accounts.all())
    assert await beside.accounts.total() == 1


async def test_a_store_closes_while_a_snapshot_is_open(beside: Ledger) -> None:
    async with beside.driver.snapshot():
        await beside.driver.close()


async def test_a_snapshot_in_memory_holds_others_up() -> None:
    async with Ledger.open("sqlite://:memory:") as ledger:
        adding = asyncio.create_task(ledger.accounts.add("anna", 1))
        async with ledger.driver.snapshot():
            with pytest.raises(UsageError):
                await ledger.accounts.total()
        await adding


async def test_values_of_every_type_are_written_exactly_and_only_once(ledger: Ledger) -> None:
    samples = (await ledger._layout()).tables[2]
    assert await ledger.driver.run(lambda tx: samples.upsert.run(tx, WIDE)) == len(WIDE)
    assert await ledger.driver.call(samples.first, 100) == WIDE
    assert await ledger.driver.run(lambda tx: samples.upsert.run(tx, WIDE)) == 0
    changed = [Sample(2, *[None] * 8), WIDE[2], Sample(99, *[None] * 8)]
    assert await ledger.driver.run(lambda tx: samples.upsert.run(tx, changed)) == 2
    assert (await ledger.driver.call(samples.next, 1, 2)) == changed[:2]


async def test_values_of_every_type_go_through_a_file(ledger: Ledger, tmp_path: Path) -> None:
    samples = (await ledger._layout()).tables[2]
    await ledger.driver.run(lambda tx: samples.upsert.run(tx, WIDE))
    await ledger.export_to(tmp_path / "all.jsonl")
    for row in WIDE:
        await ledger.driver.call(samples.delete, row.id)
    assert (await ledger.import_from(tmp_path / "all.jsonl")).tables[2].written == len(WIDE)
    assert await ledger.driver.call(samples.first, 100) == WIDE
