"""A small store of its own for each test, with migrations in a folder that the test writes."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest

from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Driver
from sqlstore.migrations import MigrationSource, Report, Status, down, migrate, status

USERS = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n-- migrate: down\nDROP TABLE users;\n"
VISITS = "CREATE TABLE visits (id bigint PRIMARY KEY);\n-- migrate: down\nDROP TABLE visits;\n"


class Shop:
    """A store named shop: its folder of migrations, and one database."""

    def __init__(self, url: str, engine: str, folder: Path) -> None:
        self.url = url
        self.engine = engine
        self.folder = folder
        folder.mkdir(exist_ok=True)

    @property
    def source(self) -> MigrationSource:
        return MigrationSource("shop", self.folder)

    def write(self, name: str, sql: str | bytes) -> Path:
        path = self.folder / f"{name}.sql"
        path.write_bytes(sql if isinstance(sql, bytes) else sql.encode())
        return path

    def write_two(self) -> None:
        self.write("0001_users", USERS)
        self.write("0002_visits", VISITS)

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Driver]:
        driver = make_driver(self.url)
        await driver.open()
        try:
            yield driver
        finally:
            await driver.close()

    async def migrate(self, **options) -> Report:
        async with self.driver() as driver:
            return await migrate(driver, self.source, **options)

    async def down(self, **options) -> Report:
        async with self.driver() as driver:
            return await down(driver, self.source, **options)

    async def status(self) -> Status:
        async with self.driver() as driver:
            return await status(driver, self.source)

    async def rows(self, sql: str) -> list[tuple]:
        async with self.driver() as driver:
            return [tuple(row) for row in await driver.fetch(sql)]

    async def execute(self, sql: str) -> None:
        """Run SQL past the store, as another program would."""
        async with self.driver():
            pass  # a SQLite file is made by the driver
        if self.engine == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection, connection:
                connection.execute(sql)
            return
        address, _, schema = self.url.rpartition("schema=")
        connection = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
        try:
            await connection.execute(sql)
        finally:
            await connection.close(timeout=5)

    async def tables(self) -> set[str]:
        sql = (
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
            if self.engine == "sqlite"
            else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
        return {name for (name,) in await self.rows(sql)}

    async def applied(self) -> list[int]:
        return [version for (version,) in await self.rows("SELECT version FROM migrations ORDER BY version")]

    def command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        target = ["--url", self.url, "--migrations", str(self.folder)]
        return [sys.executable, "-m", "sqlstore.migrate", name, *target, *rest]

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run_command(self.command(*arguments))

    def run_command(self, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=50,
            env=self.environment(),
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), stdout=pipe, stderr=pipe, text=True, env=self.environment()
        )

    @staticmethod
    def environment() -> dict[str, str]:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def slow(self, seconds: float) -> str:
        """A statement that takes about that long."""
        if self.engine == "postgres":
            return f"SELECT pg_sleep({seconds});"
        return (
            "CREATE TEMP TABLE slow AS WITH RECURSIVE n(x) AS "
            f"(SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {round(seconds * 2_000_000)}) "
            "SELECT count(*) FROM n; DROP TABLE temp.slow;"
        )


@pytest.fixture
def shop(url: str, engine: str, tmp_path: Path) -> Shop:
    """The store on each engine in turn."""
    return Shop(url, engine, tmp_path / "shop")


@pytest.fixture
def sqlite_shop(sqlite_url: str, tmp_path: Path) -> Shop:
    return Shop(sqlite_url, "sqlite", tmp_path / "shop")


@pytest.fixture
def postgres_shop(postgres_url: str, tmp_path: Path) -> Shop:
    return Shop(postgres_url, "postgres", tmp_path / "shop")


@pytest.fixture
async def connection(postgres_shop: Shop) -> AsyncIterator[asyncpg.Connection]:
    """Another session, on the schema of postgres_shop."""
    address, _, schema = postgres_shop.url.rpartition("schema=")
    connection = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
    yield connection
    await connection.close(timeout=5)
