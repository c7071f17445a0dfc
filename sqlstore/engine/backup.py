"""What backing up and restoring needs of an engine: a source to copy, a place to restore to, a check.

The file is SQLite's own, or an archive of pg_dump's: both can be used without sqlstore.
What is in it is summed up as it is copied, from the very snapshot that is copied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from sqlstore.engine.address import PostgresAddress, SqliteAddress, parse
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.values import Engine
from sqlstore.engine.watch import Watch

NEWEST_MIGRATIONS: Final = "SELECT store, max(version) FROM migrations GROUP BY store ORDER BY store"


class TableSummary(msgspec.Struct, frozen=True):
    """A table, summed up.

    digest: the sum over its rows, in any order, of the first 8 bytes of the SHA-256 of a row's
    text, as a signed number. What a row's text is differs between the engines.
    """

    rows: int
    digest: str


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a database held when it was copied.

    - server_version: of SQLite, or of the server. tool_version: of pg_dump; None for SQLite.
    - schema: of PostgreSQL; None for SQLite.
    - stores: the newest migration of each store. tables: by name.
    """

    server_version: str
    tool_version: str | None = None
    schema: str | None = None
    stores: Mapping[str, int]
    tables: Mapping[str, TableSummary]


class BackupSource(ABC):
    """An open database that can be copied while it is in use.

    - database: where it is, without user and password: tells its backups from others.
    - stem: what the names of its backups begin with. folder: where they go by default.
    """

    engine: ClassVar[Engine]
    suffix: ClassVar[str]
    database: str
    stem: str
    folder: Path

    @abstractmethod
    async def copy(self, file: Path, watch: Watch) -> Contents:
        """Write one snapshot of it into a file that is there and empty.

        Raises ConfigurationError, CorruptDatabase, StorageFull, Unavailable and their like, or OSError.
        """


class RestoreTarget(ABC):
    """A place for a database, where none may be yet. database: where, without user and password."""

    database: str

    @abstractmethod
    async def restore(self, file: Path, contents: Contents, watch: Watch) -> None:
        """Put the database there whole, and see that it holds `contents`.

        Raises ConfigurationError where something is there already or the file does not suit
        the place, CorruptDatabase where what came out differs, or what `copy` raises.
        """

    @abstractmethod
    async def drill(self, file: Path, contents: Contents, watch: Watch) -> None:
        """Do as `restore` does, but beside the place, and leave nothing."""


def backup_source(driver: Driver) -> BackupSource:
    """For the database of an open driver. Raises ConfigurationError where it cannot be backed up."""
    source: BackupSource = _module(driver.engine).backup_source(driver)
    return source


def restore_target(url: str, engine: Engine) -> RestoreTarget:
    """The place that a URL means, for a backup of this engine.

    Raises ConfigurationError for a URL that cannot work, or is one of the other engine.
    """
    address = parse(url)
    target: RestoreTarget = _module(_engine(address)).restore_target(url, address, engine)
    return target


async def check_file(engine: Engine, file: Path, contents: Contents, watch: Watch) -> None:
    """See that a file can be read from end to end and holds `contents`, as far as the engine tells.

    PostgreSQL's tools read all of an archive but count no rows; only a restore does.
    Raises CorruptDatabase, or ConfigurationError where a tool is missing.
    """
    await _module(engine).check_file(file, contents, watch)


def refuse_empty(database: str, tables: Collection[str]) -> None:
    """Raise ConfigurationError where there is nothing: a wrong URL must not pass for a good night."""
    if not tables:
        raise ConfigurationError(f"{database} has no tables; check the path, or the schema in the URL")


def compare(expected: Mapping[str, TableSummary], found: Mapping[str, TableSummary], what: str) -> None:
    """Raise CorruptDatabase naming the tables that differ."""
    names = sorted(expected.keys() | found.keys())
    differing = [name for name in names if expected.get(name) != found.get(name)]
    if differing:
        raise CorruptDatabase(f"{what} does not hold what was backed up: {', '.join(differing)} differ")


def _engine(address: SqliteAddress | PostgresAddress) -> Engine:
    return "sqlite" if isinstance(address, SqliteAddress) else "postgres"


def _module(engine: Engine) -> Any:
    return import_module(f"sqlstore.engine.{engine}_backup")
