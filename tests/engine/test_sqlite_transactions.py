"""Held transactions on SQLite: alone, failed, nested, idle."""

import asyncio
import time

import pytest

from sqlstore.engine.driver import _held, deadline
from sqlstore.engine.errors import (
    DeadlineExceeded,
    ForeignKeyViolation,
    InvalidValue,
    StatementError,
    StorageFull,
    TransactionAborted,
    UniqueViolation,
    UsageError,
)

from .sqlite_support import (
    ADD,
    ALL,
    ENDLESS,
    FILL_TO,
    opened,
    rows_on_disk,
    run_script,
    statement,
    write_lock,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


@pytest.fixture
async def driver(path):
    async with opened(path) as driver:
        yield driver


async def test_leaving_the_block_commits_and_an_exception_rolls_back(driver, path):
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        assert await tx.call(ALL) == [("a",)]
        assert rows_on_disk(path) == []
    assert rows_on_disk(path) == ["a"]
    with pytest.raises(ZeroDivisionError):
        async with driver.transaction() as tx:
            await tx.call(ADD, "b")
            raise ZeroDivisionError
    assert rows_on_disk(path) == ["a"]


async def test_nobody_else_gets_into_a_transaction(driver, path):
    async with driver.transaction() as tx:
        others = [asyncio.create_task(add_outside(driver, name)) for name in "xyz"]
        await asyncio.sleep(0.05)
        await tx.call(ADD, "a")
        assert rows_on_disk(path) == []
        raise_later = [task.done() for task in others]
    assert raise_later == [False, False, False]
    await asyncio.gather(*others)
    assert rows_on_disk(path) == ["a", "x", "y", "z"]


async def add_outside(driver, name):
    """As a task started elsewhere would: it does not hold the transaction."""
    _held.set(None)
    await driver.call(ADD, name)


@pytest.mark.parametrize("use", ["call", "call_many", "fetch", "begin", "prepare", "exclusive"])
async def test_using_the_store_inside_its_own_transaction_is_refused(driver, use):
    async with driver.transaction():
        with pytest.raises(UsageError, match="inside its own transaction"):
            match use:
                case "call":
                    await driver.call(ALL)
                case "call_many":
                    await driver.call_many(ADD, [["a"]])
                case "fetch":
                    await driver.fetch("SELECT 1")
                case "begin":
                    await driver.begin()
                case "prepare":
                    await driver.prepare([ALL])
                case "exclusive":
                    async with driver.exclusive():
                        pass


async def test_a_swallowed_failure_is_not_committed(driver, path):
    with pytest.raises(TransactionAborted) as caught:
        async with driver.transaction() as tx:
            await tx.call(ADD, "a")
            with pytest.raises(UniqueViolation):
                await tx.call(ADD, "a")
            with pytest.raises(TransactionAborted):
                await tx.call(ALL)
    assert isinstance(caught.value.__cause__, UniqueViolation)
    assert rows_on_disk(path) == []
    await driver.call(ADD, "b")


async def test_a_statement_sent_together_with_a_failing_one_is_refused(driver, path):
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            await tx.call(ADD, "a")
            answers = await asyncio.gather(tx.call(ADD, "a"), tx.call(ADD, "b"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [UniqueViolation, TransactionAborted]
    assert rows_on_disk(path) == []


async def test_a_refused_value_does_not_fail_the_transaction(driver, path):
    def refuse(*_):
        raise InvalidValue("is no good")

    gate = statement("SELECT ?")
    object.__setattr__(gate, "encode", refuse)
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        with pytest.raises(InvalidValue):
            await tx.call(gate, 1)
    assert rows_on_disk(path) == ["a"]


async def test_a_savepoint_undoes_what_failed_in_it(driver, path):
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        with pytest.raises(UniqueViolation):
            async with tx.savepoint():
                await tx.call(ADD, "b")
                await tx.call(ADD, "a")
        async with tx.savepoint() as inner:
            await inner.call(ADD, "c")
            with pytest.raises(ZeroDivisionError):
                async with inner.savepoint():
                    await inner.call(ADD, "d")
                    raise ZeroDivisionError
    assert rows_on_disk(path) == ["a", "c"]


async def test_a_failure_swallowed_inside_a_savepoint_fails_the_savepoint(driver, path):
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        with pytest.raises(TransactionAborted):
            async with tx.savepoint():
                await tx.call(ADD, "b")
                with pytest.raises(UniqueViolation):
                    await tx.call(ADD, "a")
        await tx.call(ADD, "c")
    assert rows_on_disk(path) == ["a", "c"]


async def test_a_transaction_that_sqlite_ended_commits_nothing_more(driver, path):
    """A statement that is stopped takes the whole transaction with it."""
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            await tx.call(ADD, "a")
            with pytest.raises(DeadlineExceeded), deadline(0.1):
                await tx.call(FILL_TO, ENDLESS)
            with pytest.raises(TransactionAborted):
                await tx.call(ADD, "b")
    assert rows_on_disk(path) == []


async def test_a_step_that_was_given_up_fails_the_transaction(driver, path):
    """The thread finishes it all the same, after the caller was told that nothing was written."""
    stuck = statement("INSERT INTO items (name) VALUES ('a')", "changed", result=lambda *_: time.sleep(0.6))
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            with pytest.raises(DeadlineExceeded), deadline(0.1):
                await tx.call(stuck)
    assert rows_on_disk(path) == []


async def test_a_savepoint_cannot_save_a_transaction_that_sqlite_ended(driver, path):
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            await tx.call(ADD, "a")
            with pytest.raises(DeadlineExceeded):
                async with tx.savepoint():
                    with deadline(0.1):
                        await tx.call(FILL_TO, ENDLESS)
            with pytest.raises(TransactionAborted):
                await tx.call(ADD, "c")
    assert rows_on_disk(path) == []


async def test_a_full_database_fails_the_transaction_and_a_savepoint_may_save_it(driver, path):
    await run_script(driver, "PRAGMA max_page_count = 12")
    with pytest.raises(TransactionAborted):
        async with driver.transaction() as tx:
            with pytest.raises(StorageFull):
                await tx.call(ADD, "b" * 200_000)
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        with pytest.raises(StorageFull):
            async with tx.savepoint():
                await tx.call(ADD, "b" * 200_000)
    assert rows_on_disk(path) == ["a"]


async def test_rows_in_bulk_belong_to_the_transaction(driver, path):
    with pytest.raises(ZeroDivisionError):
        async with driver.transaction() as tx:
            assert await tx.call_many(ADD, [["a"], ["b"]]) == 2
            assert await tx.call_many(ADD, []) == 0
            raise ZeroDivisionError
    assert rows_on_disk(path) == []


async def test_a_transaction_in_memory_reads_tables_it_made_itself():
    async with opened(None) as driver:
        async with driver.transaction() as tx:
            await tx.call(statement("CREATE TABLE parts (id INTEGER)", "changed"))
            assert await tx.call(statement("SELECT id FROM parts", columns=("id",))) == []
        assert await driver.call(statement("SELECT count(*) AS n FROM parts", columns=("n",))) == [(0,)]


async def test_a_transaction_that_pauses_too_long_is_rolled_back(path):
    async with opened(path, idle_limit_s=0.1) as driver:
        with pytest.raises(DeadlineExceeded, match=r"paused for more than 0\.1 s"):
            async with driver.transaction() as tx:
                await tx.call(ADD, "a")
                await asyncio.sleep(0.3)
                await tx.call(ADD, "b")
        with pytest.raises(DeadlineExceeded, match=r"paused for more than 0\.1 s"):
            async with driver.transaction() as tx:
                await tx.call(ADD, "a")
                await asyncio.sleep(0.3)
        await driver.call(ADD, "c")
        assert rows_on_disk(path) == ["c"]


async def test_others_do_not_lengthen_the_pause_of_a_transaction(path):
    async with opened(path, idle_limit_s=0.2) as driver:
        held = await driver.begin()
        outside = [asyncio.create_task(driver.call(ADD, f"{number}")) for number in range(3)]
        await asyncio.wait(outside, timeout=2)
        assert all(task.done() for task in outside)
        await held.rollback()
        with pytest.raises(DeadlineExceeded):
            await held.call(ALL)


async def test_an_ended_transaction_is_not_used_again(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
    with pytest.raises(UsageError, match="has ended"):
        await tx.call(ALL)
    with pytest.raises(UsageError, match="has ended"):
        await tx.commit()
    await tx.rollback()


async def test_a_transaction_waits_for_another_process_until_its_deadline(path):
    async with opened(path, timeout_s=0.3) as driver:
        with write_lock(path), pytest.raises(DeadlineExceeded, match="nothing was written"):
            async with driver.transaction():
                pass
        async with driver.transaction() as tx:
            await tx.call(ADD, "a")


async def test_a_deferred_foreign_key_refuses_the_commit(driver, path):
    await run_script(
        driver, "CREATE TABLE parts (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(ForeignKeyViolation):
        async with driver.transaction() as tx:
            await tx.call(statement("INSERT INTO parts VALUES (99)", "changed"))
    assert rows_on_disk(path, "SELECT * FROM parts") == []
    await driver.call(ADD, "a")


async def test_read_modify_write_of_many_tasks_adds_up(driver):
    await run_script(driver, "CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)")
    read = statement("SELECT n FROM counter", "one")
    write = statement("UPDATE counter SET n = ?", "changed")

    async def increment():
        async with driver.transaction() as tx:
            (number,) = await tx.call(read)
            await tx.call(write, number + 1)

    await asyncio.gather(*(increment() for _ in range(40)))
    assert await driver.call(read) == (40,)


async def test_wrong_sql_inside_a_transaction_fails_it(driver):
    with pytest.raises(StatementError):
        async with driver.transaction() as tx:
            await tx.call(statement("SELECT * FROM goods"))
