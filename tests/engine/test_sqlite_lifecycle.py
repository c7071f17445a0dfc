"""Opening, closing, forgetting to close, forking, and the interpreter's exit."""

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from sqlstore.engine.errors import DatabaseError, UsageError
from sqlstore.engine.sqlite import SqliteDriver

from .sqlite_support import (
    ADD,
    ALL,
    COUNT_TO,
    ENDLESS,
    ITEMS,
    is_unlocked,
    no_threads_remain,
    opened,
    rows_on_disk,
    worker_threads,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


async def test_close_lets_go_of_threads_and_companion_files(path):
    assert await no_threads_remain()
    async with opened(path) as driver:
        await driver.call(ADD, "a")
        assert len(worker_threads()) == 3
    assert await no_threads_remain()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_calls_before_open_and_after_close_are_refused(path):
    driver = SqliteDriver(path)
    with pytest.raises(UsageError, match="not open"):
        await driver.call(ALL)
    await driver.open()
    with pytest.raises(UsageError, match="opened before"):
        await driver.open()
    await driver.fetch("SELECT 1")
    await driver.close()
    await driver.close()
    for use in (driver.call(ALL), driver.call_many(ADD, [["a"]]), driver.fetch("SELECT 1"), driver.begin()):
        with pytest.raises(UsageError):
            await use


async def test_close_finishes_what_was_asked_before(path):
    async with opened(path) as driver:
        await driver.prepare([ADD])
        tasks = [asyncio.create_task(driver.call(ADD, f"{number:02}")) for number in range(20)]
        await asyncio.sleep(0)
    assert len(await asyncio.gather(*tasks)) == 20
    assert len(rows_on_disk(path)) == 20


async def test_close_stops_a_long_read_within_two_seconds(path):
    async with opened(path) as driver:
        task = asyncio.create_task(driver.call(COUNT_TO, ENDLESS))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await driver.close()
        assert time.monotonic() - started < 2
        with pytest.raises(DatabaseError):
            await task
    assert await no_threads_remain()


async def test_close_does_not_wait_for_a_thread_that_is_stuck(path):
    async with opened(path) as driver:
        async with driver.exclusive() as exclusive:
            task = asyncio.create_task(exclusive.run(lambda _: time.sleep(3)))
            await asyncio.sleep(0.05)
            started = time.monotonic()
            await driver.close()
            assert time.monotonic() - started < 2
        await task
    assert await no_threads_remain()


async def test_close_rolls_back_a_transaction_that_is_held(path):
    async with opened(path) as driver:
        held = await driver.begin()
        await held.call(ADD, "a")
        await driver.close()
        with pytest.raises(UsageError, match="closed inside this transaction"):
            await held.call(ADD, "b")
        with pytest.raises(UsageError):
            await held.commit()
        await held.rollback()
    assert rows_on_disk(path) == []
    assert is_unlocked(path)


async def test_close_inside_a_transaction_rolls_back_and_says_so(path):
    async with opened(path) as driver:
        with pytest.raises(UsageError):
            async with driver.transaction() as tx:
                await tx.call(ADD, "a")
                await driver.close()
    assert rows_on_disk(path) == []


async def test_a_driver_that_is_never_closed_says_where_it_was_opened(path):
    driver = SqliteDriver(path)
    await driver.open()
    await driver.fetch("SELECT 1")
    with pytest.warns(ResourceWarning, match=r"opened at .*test_sqlite_lifecycle\.py:\d+ was never closed"):
        del driver
        gc.collect()
    assert await no_threads_remain()


def test_a_driver_whose_event_loop_has_ended_refuses_calls(path):
    async def start():
        driver = SqliteDriver(path)
        await driver.open()
        return driver

    driver = asyncio.run(start())
    assert asyncio.run(no_threads_remain())
    with pytest.raises(UsageError, match="event loop"):
        asyncio.run(driver.fetch("SELECT 1"))
    asyncio.run(driver.close())


def test_a_driver_whose_event_loop_was_closed_under_it_refuses_calls(path):
    """In a process of its own: its threads end with it."""
    answer = run_python(f"""if True:
        import asyncio, pathlib
        from sqlstore.engine.errors import UsageError
        from sqlstore.engine.sqlite import SqliteDriver
        loop = asyncio.new_event_loop()
        driver = SqliteDriver(pathlib.Path({str(path)!r}))
        loop.run_until_complete(driver.open())
        loop.close()
        try:
            asyncio.run(driver.fetch("SELECT 1"))
        except UsageError as error:
            print(error)
        asyncio.run(driver.close())
    """)
    assert "another event loop" in answer.stdout
    assert answer.stderr == ""
    assert is_unlocked(path)


def run_python(code):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )


async def test_a_driver_of_another_running_event_loop_is_refused(path):
    async with opened(path) as driver:

        def elsewhere():
            return asyncio.run(driver.fetch("SELECT 1"))

        with pytest.raises(UsageError, match="another event loop"):
            await asyncio.to_thread(elsewhere)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_child_process_is_refused_at_once(path):
    async with opened(path) as driver:
        await driver.prepare([ALL])
        tx = await driver.begin()
        await tx.call(ADD, "a")
        answers = multiprocessing.get_context("fork").SimpleQueue()
        child = multiprocessing.get_context("fork").Process(target=use_in_child, args=(driver, tx, answers))
        child.start()
        await asyncio.to_thread(child.join, 10)
        assert child.exitcode == 0
        assert [answers.get() for _ in range(3)] == ["UsageError True"] * 3
        answers.close()
        await tx.commit()
    assert rows_on_disk(path) == ["a"]


def use_in_child(driver, tx, answers):
    for call in (driver.fetch("SELECT 1"), driver.call(ALL), tx.call(ALL)):
        try:
            call.send(None)
        except Exception as error:
            answers.put(f"{type(error).__name__} {'fork' in str(error)}")


EXITS = {
    "normal": "await driver.call(add, 'a')",
    "sys.exit": "await driver.call(add, 'a'); sys.exit(3)",
    "exception": "await driver.call(add, 'a'); raise ValueError('bot crashed')",
    "in a transaction": "tx = await driver.begin(); await tx.call(add, 'b'); sys.exit(3)",
    "in a long read": "task = asyncio.create_task(driver.fetch(endless)); await asyncio.sleep(0.1)",
}


@pytest.mark.parametrize(
    "runner", ["asyncio.run(main())", "asyncio.new_event_loop().run_until_complete(main())"]
)
@pytest.mark.parametrize("name", EXITS)
def test_the_interpreter_exits_within_a_second_though_nothing_was_closed(path, name, runner):
    code = f"""if True:
        import asyncio, atexit, pathlib, sys, time
        from sqlstore.engine.driver import Statement
        from sqlstore.engine.sqlite import SqliteDriver
        add = Statement("add", "here", "INSERT INTO items (name) VALUES (?)", "changed", None,
                        lambda *values: values, lambda rows, changed: changed)
        endless = {COUNT_TO.sql.replace("?", str(ENDLESS))!r}
        ended = 0
        async def main():
            global driver, ended
            driver = SqliteDriver(pathlib.Path({str(path)!r}))
            await driver.open()
            async with driver.exclusive() as exclusive:
                await exclusive.run(lambda connection: connection.execute({ITEMS!r}))
            try:
                {EXITS[name]}
            finally:
                print(time.time(), flush=True)
        {runner}
    """
    answer = run_python(code)
    exited = time.time()
    assert exited - float(answer.stdout) < 1.5  # the process itself needs some time to go
    assert answer.returncode == {"normal": 0, "in a long read": 0, "exception": 1}.get(name, 3)
    assert "Exception in thread" not in answer.stderr
    assert "event loop" not in answer.stderr.lower() or "new_event_loop" in runner
    assert rows_on_disk(path) == ([] if name.startswith("in a") else ["a"])
    assert is_unlocked(path)
