"""The writer held exclusively, as migrations do."""

import asyncio
import sqlite3

import pytest

from sqlstore.engine.errors import DeadlineExceeded, StatementError, UsageError

from .sqlite_support import (
    ADD,
    ALL,
    COUNT_TO,
    ENDLESS,
    opened,
    rows_on_disk,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


@pytest.fixture
async def driver(path):
    async with opened(path) as driver:
        await driver.prepare([ADD, ALL])
        yield driver


async def test_nobody_writes_while_the_writer_is_held_exclusively(driver, path):
    async with driver.exclusive() as exclusive:
        waiting = asyncio.create_task(driver.call(ADD, "b"))
        await exclusive.run(lambda connection: connection.execute("BEGIN"))
        await asyncio.sleep(0.05)
        await exclusive.run(lambda connection: connection.execute("INSERT INTO items (name) VALUES ('a')"))
        await exclusive.run(lambda connection: connection.execute("COMMIT"))
        assert rows_on_disk(path) == ["a"]
    assert await waiting == (2, "b")


async def test_what_an_exclusive_holder_leaves_open_is_rolled_back(driver, path):
    async with driver.exclusive() as exclusive:
        await exclusive.run(
            lambda connection: connection.executescript("BEGIN; INSERT INTO items (name) VALUES ('a')")
        )
    await driver.call(ADD, "b")
    assert rows_on_disk(path) == ["b"]
    with pytest.raises(UsageError):
        await exclusive.run(lambda connection: None)


async def test_an_exclusive_function_may_commit_by_itself(driver, path):
    def work(connection):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO items (name) VALUES ('a')")
        connection.commit()

    async with driver.exclusive() as exclusive:
        await exclusive.run(work)
        assert rows_on_disk(path) == ["a"]


async def test_errors_of_an_exclusive_function_come_translated_or_as_they_are(driver):
    async with driver.exclusive() as exclusive:
        with pytest.raises(StatementError, match="no such table: goods") as caught:
            await exclusive.run(lambda connection: connection.execute("SELECT * FROM goods"))
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        with pytest.raises(ZeroDivisionError):
            await exclusive.run(lambda connection: 1 // 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await exclusive.run(lambda connection: next(iter(())))


async def test_interrupt_stops_the_statement_of_an_exclusive_holder(driver):
    def work(connection):
        connection.execute(COUNT_TO.sql, (ENDLESS,)).fetchall()

    async with driver.exclusive() as exclusive:
        task = asyncio.create_task(exclusive.run(work))
        await asyncio.sleep(0.05)
        exclusive.interrupt()
        with pytest.raises(DeadlineExceeded):
            await task
        assert await exclusive.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
