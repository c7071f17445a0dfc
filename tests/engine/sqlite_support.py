"""What the tests of the SQLite driver share."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from sqlstore.engine.driver import Statement, deadline
from sqlstore.engine.errors import TooManyRows
from sqlstore.engine.sqlite import SqliteDriver

ITEMS = "CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT"


def one_row(rows, _changed):
    """What `:one` makes of rows."""
    if len(rows) > 1:
        raise TooManyRows("a second row")
    return rows[0] if rows else None


RESULTS = {
    "one": one_row,
    "many": lambda rows, _changed: rows,
    "changed": lambda _rows, changed: changed,
}


def statement(sql: str, kind: Any = "many", columns: tuple[str, ...] | None = None, result: Any = None):
    """A named query without parameter types: what is given is bound as it is."""
    return Statement(
        name="shop.items.query",
        source="sql/shop/items.sql:1",
        sql=sql,
        kind=kind,
        columns=columns,
        encode=lambda *arguments: arguments,
        result=result or RESULTS[kind],
    )


ADD = statement("INSERT INTO items (name) VALUES (?) RETURNING id, name", "one", ("id", "name"))
ALL = statement("SELECT name FROM items ORDER BY name", "many", ("name",))
COUNT_TO = statement(
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT max(i) FROM n"
)
FILL_TO = statement(
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "INSERT INTO items (name) SELECT i FROM n",
    "changed",
)
ENDLESS = 10**12


@asynccontextmanager
async def opened(path: Path | None, schema: str = ITEMS, **options: Any) -> AsyncIterator[SqliteDriver]:
    """A driver with tables, closed at the end."""
    driver = SqliteDriver(path, **options)
    await driver.open()
    try:
        await run_script(driver, schema)
        yield driver
    finally:
        await driver.close()


async def run_script(driver: SqliteDriver, script: str) -> None:
    """Run SQL on the driver's writer."""
    async with driver.exclusive() as exclusive:
        await exclusive.run(lambda connection: connection.executescript(script))


async def together(driver: SqliteDriver, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Answers, or errors, of calls that wait at the same time: the writer is busy when they come."""
    async with driver.exclusive():
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0.01)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def in_time(seconds: float, call: Coroutine[Any, Any, Any]) -> Any:
    """A call with a deadline of its own."""
    with deadline(seconds):
        return await call


def rows_on_disk(path: Path, sql: str = "SELECT name FROM items ORDER BY name") -> list[Any]:
    """What another connection sees: the first column."""
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        return [row[0] for row in connection.execute(sql)]


@contextmanager
def write_lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection in the middle of a write transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def is_unlocked(path: Path) -> bool:
    """Whether another connection can write at once."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    return True


def worker_threads() -> list[threading.Thread]:
    """Threads of connections that are open, or just closed."""
    return [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]


async def no_threads_remain() -> bool:
    """Whether all of them end; they do so a moment after their connections."""
    for _ in range(200):
        if not worker_threads():
            return True
        await asyncio.sleep(0.01)
    return False
