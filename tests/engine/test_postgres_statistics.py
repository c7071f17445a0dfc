"""The server's own statistics and lists show the name of each query, behind its text."""

import asyncpg
import pytest

from sqlstore.stores.support import Support
from tests.conformance.ledger_store import Ledger
from tests.own_postgres import own_postgres

from .postgres_support import bare

PREPARED = "SELECT statement FROM pg_prepared_statements WHERE name LIKE 'sqlstore%'"


def named(name):
    return f"/* sqlstore: {name} */"


async def test_a_query_is_prepared_once_under_its_name(postgres_url):
    async with Support.open(f"{postgres_url}&pool_size=1") as desk:
        for number in range(5):
            await desk.chats.save(number, "supergroup", "Customers")
        texts = [text for (text,) in await desk.driver.fetch(PREPARED)]
    assert len([text for text in texts if text.endswith(named("support.chats.save"))]) == 1


async def test_the_server_sees_the_name_of_what_runs(postgres_url):
    async with Support.open(f"{postgres_url}&pool_size=1&application_name=seen") as desk:
        await desk.chats.get(1)
        async with bare(postgres_url) as owner:
            text = await owner.fetchval("SELECT query FROM pg_stat_activity WHERE application_name = 'seen'")
    assert text.endswith(named("support.chats.get"))


async def test_a_table_that_changed_under_a_prepared_query_is_met_as_ever(postgres_url):
    """`cached plan must not change result type` runs again, under the same name."""
    async with Ledger.open(f"{postgres_url}&pool_size=1") as ledger:
        await ledger.accounts.add("a", 1)
        assert len(await ledger.accounts.all()) == 1
        async with bare(postgres_url) as owner:
            await owner.execute("ALTER TABLE accounts ALTER COLUMN balance TYPE numeric")
            await owner.execute("ALTER TABLE accounts ALTER COLUMN balance TYPE bigint")
        assert len(await ledger.accounts.all()) == 1


async def test_every_query_of_a_store_takes_the_name(postgres_url):
    async with Support.open(postgres_url) as desk:
        await desk.driver.check(desk._queries)


@pytest.mark.slow
async def test_pg_stat_statements_counts_by_name():
    with own_postgres(shared_preload_libraries="pg_stat_statements") as server:
        owner = await asyncpg.connect(server.url)
        await owner.execute("CREATE EXTENSION pg_stat_statements")
        async with Ledger.open(server.url) as ledger:
            for number in range(7):
                await ledger.accounts.add(f"canary {number}")
            await ledger.accounts.open_many([(f"many {number}", 1) for number in range(3)])
            await ledger.accounts.deposit("canary 1", 5)
        rows = await owner.fetch(
            "SELECT query, calls, rows FROM pg_stat_statements WHERE query LIKE '%sqlstore: %'"
        )
        await owner.close()
    found = {row["query"].rpartition("sqlstore: ")[2].partition(" ")[0]: row for row in rows}
    assert found["ledger.accounts.add"]["calls"] == 7
    assert found["ledger.accounts.deposit"]["calls"] == 1
    assert found["ledger.accounts.open_many"]["rows"] == 3
    assert not any("canary" in row["query"] for row in rows)
