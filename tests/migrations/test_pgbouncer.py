"""Migrations through PgBouncer in transaction mode, where no session is one's own."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.migrations import migrate
from tests.engine.pgbouncer import PASSWORD, USER, pgbouncer
from tests.engine.postgres_support import bare, opened, postgres_address

pytestmark = pytest.mark.slow


@dataclass
class Pooled:
    shop: object
    address: PostgresAddress

    async def migrate(self, **options):
        async with opened(self.address, timeout_s=30) as driver:
            return await migrate(driver, self.shop.source, **options)


@pytest.fixture
async def pooled(postgres_shop, postgres_url):
    address = postgres_address(postgres_url)
    role = f"role_{address.schema}"
    async with bare(postgres_url) as connection:
        database = await connection.fetchval("SELECT current_database()")
        await connection.execute(
            f'CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET search_path = "{address.schema}", pg_temp'
        )
    try:
        async with pgbouncer(replace(address, user=role, database=database)) as port:
            yield Pooled(
                postgres_shop,
                PostgresAddress(
                    hosts=(("127.0.0.1", port),),
                    user=USER,
                    password=PASSWORD,
                    database="store",
                    schema=address.schema,
                    pgbouncer=True,
                ),
            )
    finally:
        async with bare(postgres_url) as connection:
            await connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


async def test_ten_runners_at_once_apply_each_migration_once(pooled):
    pooled.shop.write("0001_counter", "CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0);")
    for version in range(2, 7):
        pooled.shop.write(f"000{version}_add", "UPDATE counter SET n = n + 1; SELECT pg_sleep(0.02);")
    reports = await asyncio.gather(*(pooled.migrate() for _ in range(10)))
    assert sum(len(report.steps) for report in reports) == 6
    assert await pooled.shop.rows("SELECT n FROM counter") == [(5,)]
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    assert await pooled.shop.rows(held) == [(0,)]


async def test_settings_of_a_script_do_not_stay_in_a_shared_session(pooled):
    schema = pooled.address.schema
    pooled.shop.write(
        "0001_dump", "SELECT set_config('search_path', '', false); SET TimeZone = 'Asia/Tokyo';"
    )
    pooled.shop.write("0002_t", "CREATE TABLE t AS SELECT current_setting('TimeZone') AS zone;")
    await pooled.migrate()
    assert await pooled.shop.rows("SELECT zone FROM t") != [("Asia/Tokyo",)]
    rows = await pooled.shop.rows("SELECT schemaname FROM pg_tables WHERE tablename = 't'")
    assert (schema,) in rows


async def test_what_needs_a_session_of_its_own_is_refused_before_anything_runs(pooled):
    pooled.shop.write_two()
    pooled.shop.write(
        "0003_index", "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY i ON users (name);"
    )
    with pytest.raises(ConfigurationError, match="direct URL") as caught:
        await pooled.migrate()
    assert caught.value.__notes__ == ["at migration 0003_index of shop"]
    assert not await pooled.shop.tables()


async def test_a_pooler_that_nobody_told_us_about_is_noticed(postgres_shop, postgres_url):
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        user, database = await connection.fetchrow("SELECT current_user, current_database()")
    settings = {
        "ignore_startup_parameters": "search_path,timezone,extra_float_digits,statement_timeout,idle_in_transaction_session_timeout"
    }
    postgres_shop.write("0001_vacuum", "-- migrate: no-transaction\nVACUUM pg_class;")
    async with pgbouncer(replace(address, user=user, database=database), **settings) as port:
        pooled = PostgresAddress(
            (("127.0.0.1", port),), user=USER, password=PASSWORD, database="store", schema=address.schema
        )
        driver = PostgresDriver(pooled)
        await driver.open()
        try:
            with pytest.raises(ConfigurationError, match="direct URL"):
                await migrate(driver, postgres_shop.source)
        finally:
            await driver.close()
