"""What the tests of the PostgreSQL driver share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg

from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import TooManyRows
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_pool import connect
from tests.engine.proxy import Proxy


def postgres_address(url: str, **changes: Any) -> PostgresAddress:
    """The address of a test's URL."""
    address = parse(url)
    assert isinstance(address, PostgresAddress)
    return replace(address, **changes)


def through(proxy: Proxy, url: str, **changes: Any) -> PostgresAddress:
    """The address of a test's URL, by way of a proxy."""
    return postgres_address(url, hosts=(("127.0.0.1", proxy.port),), sslmode="disable", **changes)


@asynccontextmanager
async def opened(address: PostgresAddress, **options: Any) -> AsyncIterator[PostgresDriver]:
    """A driver that is closed at the end."""
    driver = PostgresDriver(address, **options)
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the driver, in the same schema."""
    connection = await connect(postgres_address(url), timeout_s=10, application_name="test")
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


def statement(sql: str, kind: str = "many", columns: tuple[str, ...] | None = None) -> Statement[Any]:
    """A statement whose arguments are bound as they are."""

    def result(rows: Any, changed: int) -> Any:
        if kind == "changed":
            return changed
        tuples = [tuple(row) for row in rows]
        if kind == "many":
            return tuples
        if len(tuples) > 1:
            raise TooManyRows("gave more than one row", query="test.query")
        return tuples[0] if tuples else None

    return Statement(
        name="test.query",
        source="sql/test.sql:1",
        sql=sql,
        kind=kind,
        columns=columns,
        encode=lambda *values: values,
        result=result,
    )


ADD = statement("INSERT INTO items (id, body) VALUES ($1::bigint, $2::text)", "changed")
ALL = statement("SELECT id, body FROM items ORDER BY id")
COUNT = statement("SELECT count(*) FROM items", "one")
SLEEP_READING = statement("SELECT pg_sleep($1::float8)")
SLOW_ADD = statement("INSERT INTO items (id, body) SELECT $1::bigint, pg_sleep($2::float8)::text", "changed")
ITEMS = "CREATE TABLE items (id bigint PRIMARY KEY, body text)"


async def until_true(ask: Callable[[], Awaitable[object]], limit_s: float = 5.0) -> None:
    """Wait until something becomes true; fails when it does not."""
    async with asyncio.timeout(limit_s):
        while not await ask():
            await asyncio.sleep(0.02)
