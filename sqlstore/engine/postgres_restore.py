"""A backup of a PostgreSQL schema, back into a server: in one transaction, so whole or not at all."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg

from sqlstore.engine.address import PostgresAddress
from sqlstore.engine.backup import Contents, RestoreTarget, TableSummary, compare
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.postgres_scratch import scratch_database
from sqlstore.engine.postgres_snapshot import connected, shown, sum_up, version_of
from sqlstore.engine.postgres_tools import CONNECTION, Tool, find_tool, major_of, tool_environment
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.watch import Watch

_OCCUPANTS: Final = """
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
        EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1)
        OR EXISTS (SELECT FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = $1)
        OR EXISTS (SELECT FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace WHERE nspname = $1)"""
# Entries of `pg_restore --list`: `3266; 1259 126668 TABLE chat users bot`.
_TABLE_ENTRY = re.compile(r"\d+; \d+ \d+ TABLE (?!DATA |ATTACH )")
_SCHEMA_ENTRY = re.compile(r"\d+; \d+ \d+ (COMMENT - )?SCHEMA ")


class PostgresTarget(RestoreTarget):
    """A schema that is missing or empty."""

    def __init__(self, url: str, address: PostgresAddress) -> None:
        self.database = shown(address)
        self._url = url
        self._address = address

    async def restore(self, file: Path, contents: Contents, watch: Watch) -> None:
        """In one transaction; owners and grants are not restored: all belongs to the role of the URL."""
        if contents.schema != self._address.schema:
            raise ConfigurationError(
                f"this is a backup of the schema {contents.schema}, and functions in it name that schema; "
                f"add ?schema={contents.schema} to the URL"
            )
        tables = await _restore(self._address, file, contents, watch)
        compare(
            contents.tables,
            tables,
            f"the schema {contents.schema} was restored, but perhaps a program has written to it already: it",
        )

    async def drill(self, file: Path, contents: Contents, watch: Watch) -> None:
        """Into a database of its own on the same server, which is dropped afterwards."""
        async with scratch_database(self._url) as address:
            tables = await _restore(replace(address, schema=str(contents.schema)), file, contents, watch)
        compare(contents.tables, tables, f"what comes out of {file.name}")


async def _restore(
    address: PostgresAddress, file: Path, contents: Contents, watch: Watch
) -> Mapping[str, TableSummary]:
    """Restore, and sum up what is there then."""
    async with connected(address) as (connection, host):
        tool = await _fitting_tool(connection, contents)
        listing = await list_archive(tool, file, len(contents.tables))
        made = await _make_schema(connection, address.schema)
        try:
            watch.tell("restoring")
            await _load(tool, tool_environment(address, host), file, listing)
        except BaseException:
            if made:
                await _drop_schema(connection, address.schema)
            raise
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await sum_up(connection, address.schema, watch)


async def _fitting_tool(connection: asyncpg.Connection, contents: Contents) -> Tool:
    """A pg_restore that knows the archive, and that the server knows: newer ones set what it lacks."""
    dumped, server = major_of(contents.tool_version), major_of(version_of(connection))
    if server < dumped:
        raise ConfigurationError(
            f"the backup was made with pg_dump {dumped} and needs a server of PostgreSQL {dumped} or newer; "
            f"this one is {server}"
        )
    return await find_tool("pg_restore", dumped, server)


async def _load(tool: Tool, environment: Mapping[str, str], file: Path, listing: Sequence[str]) -> None:
    """All but the schema itself and its comment: it is there already."""
    with tempfile.TemporaryFile() as chosen:  # it has no name that a killed process could leave
        text = "\n".join(line for line in listing if not _SCHEMA_ENTRY.match(line))
        chosen.write(text.encode(errors="surrogateescape"))
        chosen.flush()
        chosen.seek(0)
        await tool.run(
            CONNECTION,
            "--no-password",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            f"--use-list=/dev/fd/{chosen.fileno()}",
            str(file),
            environment=environment,
            inherited=[chosen.fileno()],
        )


async def list_archive(tool: Tool, file: Path, tables: int) -> list[str]:
    """The entries of an archive. Raises CorruptDatabase where it cannot be read or has fewer tables."""
    printed = bytearray()

    async def take(chunk: bytes) -> None:
        printed.extend(chunk)

    await tool.run("--list", str(file), take=take)
    # Names are in the database's encoding, whichever that is.
    text = printed.decode(errors="surrogateescape")
    entries = [line for line in text.splitlines() if not line.startswith(";")]
    if sum(bool(_TABLE_ENTRY.match(line)) for line in entries) < tables:
        raise CorruptDatabase(f"{file.name} lacks tables; use another backup")
    return entries


async def _make_schema(connection: asyncpg.Connection, schema: str) -> bool:
    """See that the schema is there and empty; whether it was made. Raises ConfigurationError."""
    exists, occupied = await connection.fetchrow(_OCCUPANTS, schema)
    if occupied:
        raise ConfigurationError(
            f"the schema {schema} is not empty; restore to another database, or move it out of the way first: "
            f"ALTER SCHEMA {quoted(schema)} RENAME TO …"
        )
    if not exists:
        await connection.execute(f"CREATE SCHEMA {quoted(schema)}")
    return not exists


async def _drop_schema(connection: asyncpg.Connection, schema: str) -> None:
    """Where it is still empty; the failure that led here is what matters."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await connection.execute(f"DROP SCHEMA {quoted(schema)}")
