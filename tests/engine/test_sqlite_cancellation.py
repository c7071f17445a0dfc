"""Cancelled calls on SQLite: never started, or finished, or undone; nothing stays behind."""

import asyncio
import random

import pytest

from sqlstore.engine.driver import _held
from sqlstore.engine.sqlite import SqliteDriver

from .sqlite_support import (
    ADD,
    ALL,
    COUNT_TO,
    ENDLESS,
    FILL_TO,
    is_unlocked,
    no_threads_remain,
    opened,
    rows_on_disk,
    statement,
    write_lock,
)

CLEAR = statement("DELETE FROM items", "changed")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


@pytest.fixture
async def driver(path):
    async with opened(path) as driver:
        await driver.prepare([ADD, ALL, COUNT_TO, FILL_TO])
        yield driver


async def cancelled(task, times=1):
    """Cancel a task so many times in a row; gives the notes of its CancelledError."""
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return getattr(caught.value, "__notes__", [])


async def test_a_write_that_has_not_started_never_runs(driver, path):
    async with driver.exclusive():
        task = asyncio.create_task(driver.call(ADD, "a"))
        await asyncio.sleep(0.02)
        assert await cancelled(task) == ["shop.items.query was cancelled before it started"]
    await driver.call(ADD, "b")
    assert rows_on_disk(path) == ["b"]


async def test_a_write_behind_another_process_is_given_up_at_once(driver, path):
    with write_lock(path):
        task = asyncio.create_task(driver.call(ADD, "a"))
        await asyncio.sleep(0.05)
        await cancelled(task)
    await driver.call(ADD, "b")
    assert rows_on_disk(path) == ["b"]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("query", [COUNT_TO, FILL_TO])
async def test_a_running_statement_is_stopped_and_undone(driver, path, query, times):
    task = asyncio.create_task(driver.call(query, ENDLESS))
    await asyncio.sleep(0.05)
    assert await cancelled(task, times) == ["shop.items.query failed: DeadlineExceeded"]
    assert rows_on_disk(path) == []
    assert is_unlocked(path)
    await driver.call(ADD, "a")


async def test_a_statement_without_an_end_in_bulk_is_undone(driver, path):
    add = statement(
        f"INSERT INTO items (name) SELECT ? || i FROM ({COUNT_TO.sql.replace('max(i)', 'i')})", "changed"
    )
    task = asyncio.create_task(driver.call_many(add, [["a", 3], ["b", ENDLESS]]))
    await asyncio.sleep(0.05)
    await cancelled(task)
    assert rows_on_disk(path) == []
    assert is_unlocked(path)


async def test_a_cancelled_member_does_not_disturb_its_group(driver, path):
    async with driver.exclusive():
        calls = [(ADD, "a"), (FILL_TO, ENDLESS), (ADD, "b")]
        tasks = [asyncio.create_task(driver.call(*call)) for call in calls]
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    await cancelled(tasks[1])
    assert [(await task)[1] for task in (tasks[0], tasks[2])] == ["a", "b"]
    assert rows_on_disk(path) == ["a", "b"]


async def one_transaction(driver):
    async with driver.transaction() as tx:
        await tx.call(ADD, "a")
        async with tx.savepoint():
            await tx.call(ADD, "b")
        await tx.call(ALL)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("wait_s", [0, 0.002])
async def test_a_transaction_cancelled_at_any_await_is_whole_or_absent(driver, path, times, wait_s):
    """wait_s: 0 cancels while the thread works, more when its answer has come."""
    for steps in range(40):
        task = asyncio.create_task(one_transaction(driver))
        for _ in range(steps):
            if task.done():
                break
            await asyncio.sleep(wait_s if steps < 12 else 0)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        answer = (await asyncio.gather(task, return_exceptions=True))[0]
        assert answer is None or isinstance(answer, asyncio.CancelledError)
        assert rows_on_disk(path) in ([], ["a", "b"])
        if answer is None:
            assert rows_on_disk(path) == ["a", "b"]
        assert is_unlocked(path)
        await driver.call(CLEAR)
        assert rows_on_disk(path) == []


async def test_a_cancelled_wait_for_a_transaction_leaves_the_writer_free(driver, path):
    async with driver.transaction() as tx:
        waiting = asyncio.create_task(outside(driver))
        await asyncio.sleep(0.02)
        await cancelled(waiting, 3)
        await tx.call(ADD, "a")
    await driver.call(ADD, "b")
    assert rows_on_disk(path) == ["a", "b"]


async def outside(driver):
    _held.set(None)
    async with driver.transaction() as tx:
        await tx.call(ADD, "never")


async def test_a_cancel_during_the_commit_comes_after_the_outcome(driver, path):
    held = await driver.begin()
    await held.call(ADD, "a")
    task = asyncio.create_task(held.commit())
    await asyncio.sleep(0)
    await cancelled(task, 3)
    assert rows_on_disk(path) == ["a"]
    assert is_unlocked(path)


async def test_a_cancelled_exclusive_function_is_interrupted_and_rolled_back(driver, path):
    def work(connection):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO items (name) VALUES ('a')")
        connection.execute(COUNT_TO.sql, (ENDLESS,)).fetchall()

    async def migrate():
        async with driver.exclusive() as exclusive:
            await exclusive.run(work)

    task = asyncio.create_task(migrate())
    await asyncio.sleep(0.05)
    await cancelled(task, 3)
    assert is_unlocked(path)
    assert rows_on_disk(path) == []


async def test_timeout_and_task_group_see_their_cancellation(driver):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await driver.call(COUNT_TO, ENDLESS)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(driver.call(COUNT_TO, ENDLESS))
            await asyncio.sleep(0.02)
            raise ZeroDivisionError
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


async def test_cancelling_open_leaves_no_thread_behind(path):
    for steps in range(12):
        driver = SqliteDriver(path)
        task = asyncio.create_task(driver.open())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await driver.close()
    assert await no_threads_remain()


async def test_random_cancels_lose_and_invent_nothing(driver, path):
    random.seed(7)
    answered, cancels = set(), 0

    async def write(number):
        name = f"{number:05}"
        if number % 3:
            await driver.call(ADD, name)
        else:
            async with driver.transaction() as tx:
                await tx.call(ADD, name)
                await tx.call(ADD, name + "'")
        answered.add(name)

    for first in range(0, 600, 20):
        tasks = [asyncio.create_task(write(number)) for number in range(first, first + 20)]
        for task in random.sample(tasks, 14):
            await asyncio.sleep(0 if random.random() < 0.7 else 0.001)
            cancels += task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    names = set(rows_on_disk(path))
    assert cancels > 50
    assert answered <= names
    assert {name for name in names if name.endswith("'")} == {
        name + "'" for name in names if not name.endswith("'") and int(name) % 3 == 0
    }
    assert is_unlocked(path)
    assert all(not worker.in_flight for worker in driver._workers)
