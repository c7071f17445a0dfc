"""Databases of the old systems, made by SQLAlchemy on each engine."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.capabilities.adopt import old_chatbot


class OldDatabase:
    """A database that another program made, and what another program sees in it."""

    def __init__(self, url: str, engine: str) -> None:
        self.url = url
        self.engine = engine
        self.path = Path(url.removeprefix("sqlite:///"))

    async def make(self, metadata: sa.MetaData, rows: Mapping[sa.Table, Sequence[dict[str, Any]]]) -> None:
        """Make the tables, and put rows into them."""
        if self.engine == "sqlite":
            address, options = f"sqlite+aiosqlite:///{self.path}", {}
        else:
            server, _, schema = self.url.rpartition("schema=")
            address = server.rstrip("?&").replace("postgresql://", "postgresql+asyncpg://")
            options = {"server_settings": {"search_path": schema}}
        maker = create_async_engine(address, poolclass=NullPool, connect_args=options)
        async with maker.begin() as connection:
            await connection.run_sync(metadata.create_all)
            for table, given in rows.items():
                if given:
                    await connection.execute(table.insert(), given)
        await maker.dispose()

    async def execute(self, *statements: str) -> None:
        """Run SQL as another program would, without foreign keys on SQLite."""
        if self.engine == "sqlite":
            with closing(sqlite3.connect(self.path)) as connection, connection:
                for sql in statements:
                    connection.execute(sql)
            return
        connection = await self._connect()
        try:
            for sql in statements:
                await connection.execute(sql)
        finally:
            await connection.close(timeout=5)

    async def rows(self, sql: str) -> list[tuple]:
        """Rows as another program reads them."""
        if self.engine == "sqlite":
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
                return connection.execute(sql).fetchall()
        connection = await self._connect()
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close(timeout=5)

    async def dump(self) -> Any:
        """All that is in the database: to see that nothing was changed."""
        if self.engine == "sqlite":
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
                connection.text_factory = lambda data: data.decode(errors="surrogateescape")
                return list(connection.iterdump())
        found = {
            "schemas": await self.rows(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sqlstore_adopting%'"
            ),
            "columns": await self.rows(
                "SELECT table_name, column_name, data_type, is_nullable, column_default "
                "FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, ordinal_position"
            ),
        }
        for (table,) in await self.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        ):
            found[table] = await self.rows(f'SELECT * FROM "{table}" ORDER BY 1')
        found["indexes"] = await self.rows(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
        )
        return found

    async def _connect(self) -> asyncpg.Connection:
        server, _, schema = self.url.rpartition("schema=")
        return await asyncpg.connect(server.rstrip("?&"), server_settings={"search_path": schema})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sqlstore", "adopt", "--url", self.url, *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=50, env=self.environment()
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), stdout=pipe, stderr=pipe, text=True, env=self.environment()
        )

    @staticmethod
    def environment() -> dict[str, str]:
        paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
        return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@pytest.fixture
def database(url: str, engine: str) -> OldDatabase:
    """An empty one, on each engine in turn."""
    return OldDatabase(url, engine)


@pytest.fixture
async def old(database: OldDatabase) -> OldDatabase:
    """The old chatbot's, with rows in every table."""
    await database.make(old_chatbot.metadata, old_chatbot.ROWS)
    return database


@pytest.fixture
async def old_sqlite(sqlite_url: str) -> OldDatabase:
    database = OldDatabase(sqlite_url, "sqlite")
    await database.make(old_chatbot.metadata, old_chatbot.ROWS)
    return database


@pytest.fixture
async def old_postgres(postgres_url: str) -> OldDatabase:
    database = OldDatabase(postgres_url, "postgres")
    await database.make(old_chatbot.metadata, old_chatbot.ROWS)
    return database
