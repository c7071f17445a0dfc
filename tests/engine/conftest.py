"""Named queries for the tests of the engine: files written, loaded and run."""

import sqlite3

import asyncpg
import pytest

from sqlstore.engine.queries import load


@pytest.fixture
def folder(tmp_path):
    """A store's folder of query files, empty."""
    folder = tmp_path / "sql" / "chatbot"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def load_files(folder, request):
    """Write files, as `name=text`, and load the folder with the row types `ROWS` of the test's module."""
    rows = getattr(request.module, "ROWS", {})

    def load_files(engine="sqlite", /, **files):
        for name, content in files.items():
            path = folder / f"{name}.sql".replace("__", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(folder, engine, rows, store="chatbot")

    return load_files


@pytest.fixture
def load_query(load_files):
    """Load one query from its header, without `-- name: `, and its statement."""

    def load_query(header, sql="SELECT 1", engine="sqlite"):
        return load_files(engine, t=f"-- About.\n\n-- name: {header}\n{sql}\n").table("t").q

    return load_query


@pytest.fixture
async def fetch(engine, postgres_server):
    """Rows of a statement from the bare driver."""

    async def fetch(sql, *bound):
        if engine == "sqlite":
            connection = sqlite3.connect(":memory:")
            try:
                return connection.execute(sql, bound).fetchall()
            finally:
                connection.close()
        connection = await asyncpg.connect(postgres_server)
        try:
            return await connection.fetch(sql, *bound)
        finally:
            await connection.close(timeout=5)

    return fetch
