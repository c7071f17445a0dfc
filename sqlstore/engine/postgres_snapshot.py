"""What is in a PostgreSQL schema at one moment: a connection to read it, and its tables summed up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import asyncpg

from sqlstore.engine.address import Host, PostgresAddress
from sqlstore.engine.backup import NEWEST_MIGRATIONS, TableSummary
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.postgres_connect import connect_first
from sqlstore.engine.postgres_errors import translate
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.watch import Watch

_CONNECT_TIMEOUT_S: Final = 10.0
_SETTINGS: Final = {
    # A row's text must not depend on the role's settings, and nothing may end a long read.
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_TABLES: Final = """
    SELECT relname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"""
_SUM: Final = """
    SELECT count(*), coalesce(sum(
        ('x' || encode(substr(sha256(convert_to(sqlstore_row::text, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
    ), 0)::text FROM {table} AS sqlstore_row"""


@asynccontextmanager
async def connected(address: PostgresAddress) -> AsyncIterator[tuple[asyncpg.Connection, Host]]:
    """A connection and the host it leads to, where the tools must go too."""
    connection, host = await connect_first(
        address,
        address.hosts,
        timeout_s=_CONNECT_TIMEOUT_S,
        settings=_SETTINGS,
        application_name="sqlstore backup",
    )
    try:
        yield connection, host
        await connection.close(timeout=1)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        failure = translate(error)
    else:
        return
    finally:
        connection.terminate()
    raise failure


async def newest_migrations(connection: asyncpg.Connection) -> dict[str, int]:
    """Of each store in the schema; {} without a book of ours."""
    try:
        async with connection.transaction():  # a savepoint
            return dict(await connection.fetch(NEWEST_MIGRATIONS))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # none, or another program's
        return {}


async def table_names(connection: asyncpg.Connection, schema: str) -> list[str]:
    """Of a schema, in order; partitions are part of their table."""
    return [name for (name,) in await connection.fetch(_TABLES, schema)]


async def sum_up(connection: asyncpg.Connection, schema: str, watch: Watch) -> dict[str, TableSummary]:
    """Every table of the schema; the caller holds the snapshot."""
    names = await table_names(connection, schema)
    summaries = {}
    for number, name in enumerate(names):
        watch.tell("counting", number, len(names))
        table = f"{quoted(schema)}.{quoted(name)}"
        summaries[name] = TableSummary(*await connection.fetchrow(_SUM.format(table=table)))
    return summaries


def refuse_pooler(address: PostgresAddress) -> None:
    """Raise ConfigurationError: neither a snapshot nor pg_dump's session outlives a transaction there."""
    if address.pgbouncer:
        raise ConfigurationError(
            "backups do not go through PgBouncer; give the URL of the server itself, without pgbouncer=true"
        )


def shown(address: PostgresAddress) -> str:
    """Which schema of which database it is, whoever connects."""
    return replace(address, user=None, database=address.database or address.user).shown


def version_of(connection: asyncpg.Connection) -> str:
    """The server's: `15.20`."""
    version = connection.get_server_version()
    return f"{version.major}.{version.minor}"
