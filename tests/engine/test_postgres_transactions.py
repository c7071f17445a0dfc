"""Transactions on PostgreSQL."""

import asyncio
import time

import pytest

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import (
    Conflict,
    DeadlineExceeded,
    ForeignKeyViolation,
    TooManyRows,
    TransactionAborted,
    Unavailable,
    UniqueViolation,
    UsageError,
)

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

INCREMENT = statement("UPDATE items SET body = (body::int + 1)::text WHERE id = 1", "changed")


@pytest.fixture
async def driver(postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute(ITEMS)
    async with opened(postgres_address(postgres_url)) as driver:
        yield driver


async def test_leaving_the_block_commits_and_an_exception_undoes(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, 1, "one")
        assert await tx.call(COUNT) == (1,)
        assert await tx.call_many(ADD, [(2, "two"), (3, "three")]) == 2
        assert await tx.call_many(ADD, []) == 0
    with pytest.raises(KeyError):
        async with driver.transaction() as tx:
            await tx.call(ADD, 4, "four")
            raise KeyError
    assert await driver.call(COUNT) == (3,)
    with pytest.raises(UsageError, match="ended"):
        await tx.call(COUNT)


async def test_transactions_are_serializable(driver):
    async with driver.transaction() as tx:
        assert await tx.call(statement("SHOW transaction_isolation", "one")) == ("serializable",)


async def test_a_swallowed_error_does_not_pass_as_a_commit(driver):
    await driver.call(ADD, 1, "one")
    with pytest.raises(TransactionAborted) as caught:
        async with driver.transaction() as tx:
            await tx.call(ADD, 2, "two")
            with pytest.raises(UniqueViolation):
                await tx.call(ADD, 1, "again")
            with pytest.raises(TransactionAborted):
                await tx.call(COUNT)
    assert isinstance(caught.value.__cause__, UniqueViolation)
    assert await driver.call(COUNT) == (1,)


async def test_an_answer_that_does_not_fit_fails_the_transaction(driver):
    await driver.call_many(ADD, [(1, "a"), (2, "b")])
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            with pytest.raises(TooManyRows):
                await tx.call(statement("UPDATE items SET body = 'c' RETURNING id", "one"))
    assert await driver.call(ALL) == [(1, "a"), (2, "b")]


async def test_a_commit_that_the_server_answers_with_rollback_is_an_error(driver):
    with pytest.raises(TransactionAborted, match="instead of committing"):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            with pytest.raises(UniqueViolation):
                await tx.call(ADD, 1, "again")
            tx.failed = None  # as if the failure had escaped our notice
    assert await driver.call(COUNT) == (0,)


async def test_what_is_checked_at_commit_is_told_there(driver, postgres_url):
    async with bare(postgres_url) as connection:
        await connection.execute(
            "CREATE TABLE parts (item bigint REFERENCES items DEFERRABLE INITIALLY DEFERRED)"
        )
    with pytest.raises(ForeignKeyViolation) as caught:
        async with driver.transaction() as tx:
            await tx.call(statement("INSERT INTO parts VALUES (7)", "changed"))
    assert caught.value.constraint == "parts_item_fkey"
    assert await driver.fetch("SELECT count(*) FROM parts") == [(0,)]


async def test_a_savepoint_fails_alone(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, 1, "one")
        with pytest.raises(UniqueViolation):
            async with tx.savepoint() as inner:
                await inner.call(ADD, 2, "two")
                await inner.call(ADD, 1, "again")
        async with tx.savepoint():
            await tx.call(ADD, 3, "three")
            with pytest.raises(KeyError):
                async with tx.savepoint():
                    await tx.call(ADD, 4, "four")
                    raise KeyError
    assert await driver.call(ALL) == [(1, "one"), (3, "three")]


async def test_an_error_swallowed_inside_a_savepoint_undoes_the_savepoint_and_says_so(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, 1, "one")
        with pytest.raises(TransactionAborted):
            async with tx.savepoint():
                await tx.call(ADD, 2, "two")
                with pytest.raises(UniqueViolation):
                    await tx.call(ADD, 1, "again")
        await tx.call(ADD, 3, "three")
    assert await driver.call(ALL) == [(1, "one"), (3, "three")]


async def test_a_lost_update_is_a_conflict(driver):
    await driver.call(ADD, 1, "0")
    with pytest.raises(Conflict) as caught:
        async with driver.transaction() as first:
            await first.call(ALL)
            async with asyncio.TaskGroup() as group:
                group.create_task(other_increments(driver))
            await first.call(INCREMENT)
    assert caught.value.code == "40001"
    assert caught.value.retryable
    assert await driver.call(ALL) == [(1, "1")]


async def other_increments(driver):
    from sqlstore.engine import driver as module

    module._held.set(None)  # another task of the program, which holds no transaction
    async with driver.transaction() as second:
        await second.call(INCREMENT)


async def test_run_again_makes_concurrent_increments_add_up(driver):
    await driver.call(ADD, 1, "0")
    await asyncio.gather(*(driver.run(lambda tx: tx.call(INCREMENT)) for _ in range(12)))
    assert await driver.call(ALL) == [(1, "12")]


async def test_a_deadlock_is_a_conflict(driver):
    await driver.call_many(ADD, [(1, "0"), (2, "0")])
    lock = statement("SELECT 1 FROM items WHERE id = $1::bigint FOR UPDATE")
    both = asyncio.Barrier(2)

    async def cross(first, second):
        async with driver.transaction() as tx:
            await tx.call(lock, first)
            await both.wait()
            await tx.call(lock, second)

    results = await asyncio.gather(cross(1, 2), cross(2, 1), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


@pytest.mark.slow
@pytest.mark.parametrize("many", [False, True])
async def test_a_single_call_that_lost_in_a_deadlock_runs_again(driver, postgres_url, many):
    await driver.call_many(ADD, [(1, "0"), (2, "0")])
    sql = "UPDATE items SET body = body || 'x' WHERE id IN (1, $1::bigint)"  # the first row is locked first
    both = statement(sql, "changed")
    call = driver.call_many(both, [(2,)]) if many else driver.call(both, 2)
    async with bare(postgres_url) as other:
        await other.execute("SET deadlock_timeout = '10s'")  # it is not this one that is rolled back
        async with other.transaction():
            await other.execute("UPDATE items SET body = 'other' WHERE id = 2")
            task = asyncio.create_task(call)
            await asyncio.sleep(0.2)
            await other.execute("UPDATE items SET body = 'other' WHERE id = 1")
    assert await task == 2
    assert await driver.call(ALL) == [(1, "otherx"), (2, "otherx")]


async def test_calls_made_at_once_in_one_transaction_run_one_after_the_other(driver):
    async with driver.transaction() as tx:
        await asyncio.gather(*(tx.call(ADD, number, "x") for number in range(20)))
    assert await driver.call(COUNT) == (20,)


async def test_waiting_for_another_call_of_the_transaction_ends_in_time(driver):
    async with driver.transaction() as tx:
        slow = asyncio.create_task(tx.call(SLEEP_READING, 1.0))
        await asyncio.sleep(0.1)
        with deadline(0.2), pytest.raises(DeadlineExceeded, match="another call"):
            await tx.call(COUNT)
        await slow
        await tx.call(ADD, 1, "one")
    assert await driver.call(COUNT) == (1,)


async def test_a_transaction_left_idle_is_rolled_back_and_the_next_use_says_so(postgres_url, monkeypatch):
    monkeypatch.setattr("sqlstore.engine.postgres_pool.IDLE_TRANSACTION_S", 0.3)
    monkeypatch.setattr("sqlstore.engine.postgres_transaction.IDLE_TRANSACTION_S", 0.3)
    async with bare(postgres_url) as connection, opened(postgres_address(postgres_url)) as driver:
        await connection.execute(ITEMS)
        with pytest.raises(Unavailable, match=r"did nothing for"):
            async with driver.transaction() as tx:
                await tx.call(ADD, 1, "one")
                await asyncio.sleep(0.8)
                await tx.call(ADD, 2, "two")
        with pytest.raises(Unavailable, match=r"did nothing for"):
            async with driver.transaction() as tx:
                await tx.call(ADD, 1, "one")
                await asyncio.sleep(0.8)
        with pytest.raises(Unavailable):
            async with driver.transaction() as tx:
                await tx.call(ADD, 1, "one")
                time.sleep(0.8)  # the program hangs: the server's word is read only with the answer to COMMIT
        assert await driver.call(COUNT) == (0,)


async def test_time_that_is_up_inside_a_transaction_undoes_it(driver):
    with pytest.raises(DeadlineExceeded):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            with deadline(0.2):
                await tx.call(SLOW_ADD, 2, 5.0)
    assert await driver.call(COUNT) == (0,)


async def test_time_that_is_up_before_the_commit_undoes_the_transaction(driver):
    with pytest.raises(DeadlineExceeded, match="before the call"), deadline(0.2):
        async with driver.transaction() as tx:
            await tx.call(ADD, 1, "one")
            await asyncio.sleep(0.25)
    assert await driver.call(COUNT) == (0,)


async def test_a_transaction_whose_connection_died_was_not_written(driver, postgres_url):
    async with bare(postgres_url) as other:
        for then in ("call", "commit"):
            with pytest.raises(Unavailable, match="rolled back"):
                async with driver.transaction() as tx:
                    await tx.call(ADD, 1, "one")
                    (pid,) = await tx.call(statement("SELECT pg_backend_pid()", "one"))
                    await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
                    await asyncio.sleep(0.05)
                    if then == "call":
                        await tx.call(ADD, 2, "two")
    assert await driver.call(COUNT) == (0,)


async def test_begin_meets_a_dead_connection_and_takes_another(driver, postgres_url):
    ((pid,),) = await driver.fetch("SELECT pg_backend_pid()")
    async with bare(postgres_url) as other:
        await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    async with driver.transaction() as tx:
        await tx.call(ADD, 1, "one")
    assert await driver.call(COUNT) == (1,)


async def test_nothing_stays_open_after_transactions_that_failed(driver, postgres_url):
    for _ in range(10):
        with pytest.raises(UniqueViolation):
            async with driver.transaction() as tx:
                await tx.call_many(ADD, [(1, "a"), (1, "b")])
    async with bare(postgres_url) as other:

        async def all_idle():
            return not await other.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sqlstore' "
                "AND datname = current_database() AND state LIKE 'idle in transaction%'"
            )

        await until_true(all_idle)
