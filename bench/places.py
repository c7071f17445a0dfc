"""A database for each peer: copies of one that was filled once."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg

from bench.board import make_board
from bench.peers.peer import Engine, Place, Synchronous
from sqlstore.engine.scratch import scratch_server


@contextmanager
def server_for(engines: Sequence[Engine]) -> Iterator[str]:
    """The URL of a PostgreSQL server where one is needed, else ""; see `scratch_server`."""
    if "postgres" not in engines:
        yield ""
        return
    with scratch_server() as url:
        yield url


@contextmanager
def places(
    *, engine: Engine, server: str, folder: Path, rows: int, names: Sequence[str], synchronous: Synchronous
) -> Iterator[dict[str, Place]]:
    """A filled database for each name; gone after the block. rows: 0 makes empty ones."""
    with ExitStack() as stack:
        own = stack.enter_context(TemporaryDirectory(prefix="sqlstore-bench-", dir=folder))
        make = _sqlite if engine == "sqlite" else _postgres
        databases = stack.enter_context(make(server, Path(own), rows, len(names)))
        found = {}
        for number, (name, database) in enumerate(zip(names, databases, strict=True)):
            path = Path(own, str(number))
            path.mkdir(exist_ok=True)
            found[name] = Place(engine, database, str(path), synchronous)
        yield found


@contextmanager
def _sqlite(_server: str, folder: Path, rows: int, count: int) -> Iterator[list[str]]:
    template = folder / "template.db"
    if rows:
        asyncio.run(make_board(f"sqlite:///{template}", rows))
    paths = [folder / str(number) / "bot.db" for number in range(count)]
    for path in paths:
        path.parent.mkdir()
    for path in paths if rows else ():
        shutil.copyfile(template, path)
        path.chmod(0o600)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    template.unlink(missing_ok=True)
    yield list(map(str, paths))


@contextmanager
def _postgres(server: str, _folder: Path, rows: int, count: int) -> Iterator[list[str]]:
    prefix = own_name()
    template = f"{prefix}_template"
    names = [f"{prefix}_{number}" for number in range(count)]
    drop = [f"DROP DATABASE IF EXISTS {name} (FORCE)" for name in (template, *names)]
    try:
        asyncio.run(execute(server, *drop, f"CREATE DATABASE {template}"))
        if rows:
            asyncio.run(make_board(database_url(server, template), rows))
        asyncio.run(execute(server, *(f"CREATE DATABASE {name} TEMPLATE {template}" for name in names)))
        asyncio.run(execute(server, "CHECKPOINT"))
        yield [database_url(server, name) for name in names]
    finally:
        asyncio.run(execute(server, *drop))


def own_name() -> str:
    """A name for a database that no other run has."""
    return f"sqlstore_bench_{uuid.uuid4().hex[:8]}"


def database_url(server: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def with_option(url: str, option: str) -> str:
    """A URL with one option more; that of a server which is started has some already."""
    return f"{url}{'&' if '?' in url else '?'}{option}"


async def execute(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
