"""Backups of a PostgreSQL schema: pg_dump's archive of a snapshot that is summed up beside it.

pg_dump writes into a pipe of ours: where we are killed, it ends too.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from sqlstore.engine.address import Host, PostgresAddress, SqliteAddress
from sqlstore.engine.backup import BackupSource, Contents, refuse_empty
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.files import sync
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_restore import PostgresTarget, list_archive
from sqlstore.engine.postgres_snapshot import (
    connected,
    newest_migrations,
    refuse_pooler,
    shown,
    sum_up,
    table_names,
    version_of,
)
from sqlstore.engine.postgres_tools import CONNECTION, Tool, find_tool, major_of, tool_environment
from sqlstore.engine.sqltext import quoted
from sqlstore.engine.values import Engine
from sqlstore.engine.watch import Watch

_LOCK_WAIT_MS: Final = 60_000
"""How long pg_dump waits for a table that a migration holds."""
_log = logging.getLogger(__name__)


def backup_source(driver: Driver) -> PostgresSource:
    """For an open PostgresDriver. Raises ConfigurationError behind a pooler."""
    if not isinstance(driver, PostgresDriver):
        raise TypeError(f"a PostgreSQL backup needs a PostgresDriver, not {type(driver).__name__}")
    refuse_pooler(driver.settings)
    return PostgresSource(driver.settings)


class PostgresSource(BackupSource):
    """The schema that a URL names."""

    engine = "postgres"
    suffix = ".dump"

    def __init__(self, address: PostgresAddress) -> None:
        self.database = shown(address)
        self.stem = f"{address.database or address.user or 'postgres'}_{address.schema}".replace("/", "_")
        self.folder = Path("backups").absolute()
        self._address = address

    async def copy(self, file: Path, watch: Watch) -> Contents:
        """With pg_dump, from a snapshot that stays open while its rows are counted."""
        schema = self._address.schema
        async with connected(self._address) as (connection, host):
            version = version_of(connection)
            tool = await find_tool("pg_dump", major_of(version))
            reader = await find_tool("pg_restore", tool.major)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                refuse_empty(self.database, await table_names(connection, schema))
                snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
                await self._dump(tool, host, snapshot, file, watch)
                stores = await newest_migrations(connection)
                tables = await sum_up(connection, schema, watch)
        watch.tell("checking")
        await list_archive(reader, file, len(tables))
        _warn_if_newer(tool, version)
        return Contents(
            server_version=version, tool_version=tool.version, schema=schema, stores=stores, tables=tables
        )

    async def _dump(self, tool: Tool, host: Host, snapshot: str, file: Path, watch: Watch) -> None:
        with file.open("wb") as archive:

            async def take(chunk: bytes) -> None:
                await watch.in_thread(archive.write, chunk)
                watch.tell("copying", archive.tell())

            await tool.run(
                CONNECTION,
                "--no-password",
                "--format=custom",
                f"--schema={quoted(self._address.schema)}",
                "--strict-names",
                f"--snapshot={snapshot}",
                f"--lock-wait-timeout={_LOCK_WAIT_MS}",
                environment=tool_environment(self._address, host),
                take=take,
            )
        await watch.in_thread(sync, file)


def restore_target(url: str, address: SqliteAddress | PostgresAddress, engine: Engine) -> PostgresTarget:
    """The schema that a PostgreSQL URL names."""
    if not isinstance(address, PostgresAddress) or engine != "postgres":
        raise ConfigurationError(
            "this is a backup of SQLite and is restored to a file; give a URL sqlite:///…"
        )
    refuse_pooler(address)
    return PostgresTarget(url, address)


async def check_file(file: Path, contents: Contents, watch: Watch) -> None:
    """That pg_restore can read all of it, and lists the tables."""
    watch.tell("checking")
    reader = await find_tool("pg_restore", major_of(contents.tool_version))
    await list_archive(reader, file, len(contents.tables))
    await reader.run("--file=/dev/null", str(file))


def _warn_if_newer(tool: Tool, server: str) -> None:
    if tool.major > major_of(server):
        _log.warning(
            "the backup was made with pg_dump %s from a server of PostgreSQL %s: it can be restored to %d or "
            "newer only; install postgresql-client-%d",
            tool.version,
            server,
            tool.major,
            major_of(server),
        )
