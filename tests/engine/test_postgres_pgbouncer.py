"""Behind PgBouncer in transaction mode, where sessions are shared."""

import asyncio
from dataclasses import replace

import pytest

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DeadlineExceeded,
    StatementError,
    UniqueViolation,
)
from sqlstore.engine.postgres import PostgresDriver

from .pgbouncer import PASSWORD, USER, pgbouncer
from .postgres_support import ADD, ALL, COUNT, ITEMS, SLEEP_READING, bare, opened, postgres_address, statement


@pytest.fixture
async def pooler(postgres_url):
    """The address of a pooler whose database has an empty `items` in a schema of its own."""
    address = postgres_address(postgres_url)
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
        database = await connection.fetchval("SELECT current_database()")
    role = f"role_{address.schema}"
    async with bare(postgres_url) as connection:
        await connection.execute(
            f'CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET search_path = "{address.schema}", pg_temp'
        )
    server = replace(address, user=role, database=database)
    try:
        async with pgbouncer(server) as port:
            yield PostgresAddress(
                hosts=(("127.0.0.1", port),),
                user=USER,
                password=PASSWORD,
                database="store",
                schema=address.schema,
                pgbouncer=True,
            )
    finally:
        async with bare(postgres_url) as connection:
            await connection.execute(f"DROP ROLE {role}")


async def test_every_verb_works_on_shared_sessions(pooler):
    async with opened(pooler) as driver:

        async def change(tx, number):
            await tx.call(statement("UPDATE items SET body = 'y' WHERE id = $1::bigint", "changed"), number)
            async with tx.savepoint():
                assert await tx.call_many(ADD, [(number + 1000, "a"), (number + 2000, "b")]) == 2

        async def work(number):
            assert await driver.call(ADD, number, "x") == 1
            assert (number, "x") in await driver.call(ALL)
            await driver.run(lambda tx: change(tx, number))
            assert await driver.call_many(ADD, [(number + 3000, "c")]) == 1

        await asyncio.gather(*(work(number) for number in range(40)))
        await driver.check([ADD, ALL, COUNT])
        assert await driver.fetch("SELECT count(*) FROM items") == [(160,)]
        assert await driver.fetch("SELECT count(*) FROM pg_prepared_statements") == [(0,)]


async def test_limits_hold_for_each_transaction(pooler):
    async with opened(pooler, timeout_s=3) as driver:
        shown = statement(
            "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')",
            "one",
        )
        assert await driver.call(shown) == ("3s", "5s")


async def test_a_failed_write_leaves_nothing(pooler):
    async with opened(pooler) as driver:
        await driver.call(ADD, 1, "one")
        for call in (driver.call(ADD, 1, "again"), driver.call_many(ADD, [(2, "two"), (1, "again")])):
            with pytest.raises(UniqueViolation):
                await call
        assert await driver.call(COUNT) == (1,)


async def test_time_that_is_up_and_cancelled_calls_leave_the_pooler_usable(pooler):
    async with opened(pooler) as driver:
        with deadline(0.3), pytest.raises(DeadlineExceeded):
            await driver.call(SLEEP_READING, 30.0)
        task = asyncio.create_task(driver.call(SLEEP_READING, 30.0))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await driver.call(COUNT) == (0,)


async def test_a_schema_that_is_not_the_roles_own_is_refused_with_the_command_to_run(pooler):
    driver = PostgresDriver(replace(pooler, schema="other"))
    with pytest.raises(ConfigurationError) as caught:
        await driver.open()
    assert f'ALTER ROLE "role_{pooler.schema}" SET search_path = "other", pg_temp' in str(caught.value)


async def test_without_the_option_the_error_names_it(pooler):
    driver = PostgresDriver(replace(pooler, pgbouncer=False))
    with pytest.raises(ConfigurationError, match="pgbouncer=true"):
        await driver.open()


async def test_a_wrong_password_is_said_without_showing_it(pooler):
    driver = PostgresDriver(replace(pooler, password="CANARY"))
    with pytest.raises(AuthenticationFailed) as caught:
        await driver.open()
    assert "CANARY" not in repr(caught.value) + str(caught.value)
    assert USER in str(caught.value)


async def test_a_statement_error_keeps_its_words(pooler):
    async with opened(pooler) as driver:
        with pytest.raises(StatementError, match='column "nothing" does not exist'):
            await driver.call(statement("SELECT nothing FROM items"))
