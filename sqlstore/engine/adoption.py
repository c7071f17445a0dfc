"""What taking over a database that another program made needs of an engine.

An `AdoptionSession` holds the migrations' lock and one open transaction: the old
tables are put aside in it, the store's own are made, and rows go from the ones to
the others. Nothing of it lasts before `commit`. A rehearsal does the same where
nobody is in the way, and cannot be committed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeAlias

from sqlstore.engine.address import PostgresAddress, SqliteAddress
from sqlstore.engine.errors import DatabaseError
from sqlstore.engine.migration_book import History
from sqlstore.engine.migration_session import Change, Notify, Script
from sqlstore.engine.values import Engine, TypeName

BATCH_ROWS: Final = 500
"""How many rows are read and written at once."""
OLD_BOOK: Final = "migrations_adopted"
"""Where a table `migrations` of the old program goes."""

Row: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    - declared: its type as the database shows it: `VARCHAR(255)`.
    - definition: that, and whether it may be NULL: `VARCHAR(255) NOT NULL`.
    - type: what the store keeps in it; None where no store's type is meant.
    - required: an INSERT must give it.
    """

    name: str
    declared: str
    definition: str
    type: TypeName | None
    required: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A column whose values are those of a column of another table."""

    column: str
    parent: str
    parent_column: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. key: the columns of its primary key; indexes: what each indexes, by name."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class PutAside:
    """Something of the old database that is not in the new one. sql: makes it again."""

    kind: Literal["trigger", "function", "index"]
    table: str
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that a table refuses. position: its place in the batch, from 0."""

    position: int
    error: DatabaseError


class AdoptionSession(ABC):
    """One open transaction on a database that is being taken over.

    Its methods raise ScriptError or a DatabaseError; the transaction can only be left then.
    """

    engine: ClassVar[Engine]
    backs_up: ClassVar[bool]
    """Whether `back_up` makes a backup; where not, somebody else must."""

    @abstractmethod
    async def history(self, store: str) -> History:
        """What the book says about a store."""

    @abstractmethod
    async def old_tables(self) -> dict[str, Table]:
        """The tables that are there before anything is put aside, by name."""

    @abstractmethod
    async def back_up(self) -> Path | None:
        """Copy the database, unless this is a rehearsal; gives where the copy is, None for none."""

    @abstractmethod
    async def set_aside(self, tables: Sequence[str], *, old_book: bool) -> list[PutAside]:
        """Take old tables out of the way, with their indexes; gives their triggers, which are gone.

        old_book: a table `migrations` that is not ours becomes OLD_BOOK.
        Raises ConfigurationError where something else in the database stands in the way.
        """

    @abstractmethod
    async def run(self, script: Script) -> None:
        """Run a script. Raises ScriptError."""

    @abstractmethod
    async def fetch(self, sql: str) -> list[Row]:
        """Rows of a SELECT over the new tables."""

    @abstractmethod
    async def new_tables(self) -> dict[str, Table]:
        """The tables that the scripts made, and whatever else is there, by name."""

    @abstractmethod
    async def prepare_copy(self, tables: Sequence[Table], extra: Mapping[str, Sequence[Column]]) -> None:
        """Switch the triggers of new tables off, and give them `extra` columns, which may be NULL."""

    @abstractmethod
    def rows(self, table: Table, columns: Sequence[Column], order: str | None) -> AsyncIterator[list[Row]]:
        """The rows of an old table in batches: each row's name for messages, then its columns.

        columns: with the type that each is read as. order: a column of times to read
        by; None reads by primary key.
        """

    @abstractmethod
    async def orphans(self, table: Table, key: ForeignKey, parent: Table) -> list[str]:
        """The rows of an old table, by name, that point at nothing."""

    @abstractmethod
    async def insert(self, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> list[Refusal]:
        """Write rows into a new table; gives those that it refuses."""

    @abstractmethod
    async def count(self, table: str) -> tuple[int, int]:
        """How many rows the old and the new table of that name have."""

    @abstractmethod
    async def finish_copy(self, tables: Sequence[Table], kept: Mapping[str, str]) -> list[PutAside]:
        """Drop the old tables; switch triggers on; new ids go on after the largest old one.

        kept: names of old indexes to make again, with the table of each; gives those
        that could not be made.
        """

    @abstractmethod
    async def record(self, change: Change) -> None:
        """Write a migration into the book."""

    @abstractmethod
    async def commit(self) -> None:
        """Make all of it last. A rehearsal raises AssertionError."""


def rehearse(
    address: SqliteAddress | PostgresAddress, *, lock_wait_s: float, notify: Notify
) -> AbstractAsyncContextManager[AdoptionSession]:
    """A session that changes nothing: on a copy of a SQLite file; beside the tables on PostgreSQL.

    Raises ConfigurationError, Unavailable, LockNotAcquired, CorruptDatabase and their like.
    """
    session: AbstractAsyncContextManager[AdoptionSession] = _module(address).rehearse(
        address, lock_wait_s=lock_wait_s, notify=notify
    )
    return session


def take_over(
    address: SqliteAddress | PostgresAddress, *, lock_wait_s: float, notify: Notify
) -> AbstractAsyncContextManager[AdoptionSession]:
    """A session on the database itself; leaving it without `commit` undoes everything.

    lock_wait_s: how long to wait for other writers, in seconds. Raises as `rehearse` does.
    """
    session: AbstractAsyncContextManager[AdoptionSession] = _module(address).take_over(
        address, lock_wait_s=lock_wait_s, notify=notify
    )
    return session


def _module(address: SqliteAddress | PostgresAddress) -> Any:
    engine = "sqlite" if isinstance(address, SqliteAddress) else "postgres"
    return import_module(f"sqlstore.engine.{engine}_adopt")
