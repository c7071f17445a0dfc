"""The book: the table `migrations`, which says what was applied, for all stores of a database.

What changes it is plain SQL text, the same on both engines: the runner sends it,
and `sql` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, TypeAlias, cast

from sqlstore.engine.resources import book_folder
from sqlstore.engine.values import Engine, timestamp_text

State: TypeAlias = Literal["applied", "started", "baseline"]
"""
- started: a migration outside transactions that began, and of which nobody said how it ended.
- baseline: it was there before the book was; its SQL was not run.
"""
Accepted: TypeAlias = Literal["edited", "missing"]
"""What somebody said is well: that the file was edited after it was applied, or is gone."""
BookState: TypeAlias = Literal["absent", "foreign", "old", "current"]
"""foreign: a table `migrations` that is not ours. old: without the columns of `_ADDED`."""

_FIRST_COLUMNS: Final = (
    "version, name, checksum, fingerprint, applied_at, duration_ms, applied_by, runner, state"
)
_ADDED: Final = "accepted, accepted_at, accepted_by"
_NOT_ADDED: Final = "NULL, NULL, NULL"


@dataclass(frozen=True, slots=True)
class Record:
    """What the book keeps of a migration that is being applied."""

    name: str
    checksum: str
    fingerprint: str
    applied_by: str
    runner: str
    up_sql: str
    down_sql: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of the book. accepted, accepted_at, accepted_by: None where nothing had to be."""

    version: int
    name: str
    checksum: str
    fingerprint: str
    applied_at: datetime
    duration_ms: int
    applied_by: str
    runner: str
    state: State
    accepted: Accepted | None = None
    accepted_at: datetime | None = None
    accepted_by: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What the database says about one store's migrations.

    - applied: in order of version.
    - tables: names of all tables, looked up only while nothing is applied.
    """

    applied: tuple[Applied, ...]
    tables: frozenset[str] = frozenset()
    book: BookState = "current"

    @property
    def foreign_book(self) -> bool:
        """Whether a table `migrations` is there that is not ours."""
        return self.book == "foreign"


def book_query(store: str, *, old: bool = False) -> str:
    """The SELECT of a store's rows. `store` is a checked name; old: see BookState."""
    added = _NOT_ADDED if old else _ADDED
    return f"SELECT {_FIRST_COLUMNS}, {added} FROM migrations WHERE store = '{store}' ORDER BY version"


@cache
def book_definition(engine: Engine) -> str:
    """The CREATE TABLE of the book, without a semicolon."""
    return (book_folder() / f"book.{engine}.sql").read_text(encoding="utf-8").rstrip()


def book_upgrade(engine: Engine) -> list[str]:
    """The statements that make an old book a current one, with all its rows."""
    columns = f"store, {_FIRST_COLUMNS}, up_sql, down_sql"
    index = ["ALTER INDEX migrations_pkey RENAME TO migrations_old_pkey"]
    return [
        "ALTER TABLE migrations RENAME TO migrations_old",
        *(index if engine == "postgres" else []),
        book_definition(engine),
        f"INSERT INTO migrations ({columns}) SELECT {columns} FROM migrations_old",
        "DROP TABLE migrations_old",
    ]


def history_of(rows: Iterable[Sequence[Any]], tables: Iterable[Sequence[Any]]) -> History:
    """From rows of `book_query`, and of the engine's TABLES: name, and of `migrations` its BookState."""
    found = dict(cast("Iterable[tuple[str, str]]", tables))
    applied = tuple(_applied(row) for row in rows)
    absent = "current" if applied else "absent"
    return History(applied, frozenset(found), cast("BookState", found.get("migrations", absent)))


def _applied(row: Sequence[Any]) -> Applied:
    values = list(row)
    values[4], values[10] = _moment(values[4]), _moment(values[10])
    return Applied(*values)


def _moment(value: datetime | str | None) -> datetime | None:
    """SQLite keeps time as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def insert_row(
    store: str, version: int, record: Record, state: State, *, applied_at: str, duration_ms: int = 0
) -> str:
    """The INSERT of a migration's row. applied_at: as `now_text` gives it."""
    values = (
        store,
        version,
        record.name,
        record.checksum,
        record.fingerprint,
        applied_at,
        duration_ms,
        record.applied_by,
        record.runner,
        state,
        record.up_sql,
        record.down_sql,
    )
    columns = f"store, {_FIRST_COLUMNS}, up_sql, down_sql"
    return f"INSERT INTO migrations ({columns}) VALUES ({', '.join(map(_literal, values))})"


def delete_row(store: str, version: int) -> str:
    """The DELETE of a migration's row."""
    return f"DELETE FROM migrations WHERE {_key(store, version)}"


def set_state(store: str, version: int, state: State, duration_ms: int | None = None) -> str:
    """The UPDATE of a row's state, and of its duration where one is given."""
    duration = "" if duration_ms is None else f", duration_ms = {duration_ms}"
    return f"UPDATE migrations SET state = {_literal(state)}{duration} WHERE {_key(store, version)}"


def accept_row(store: str, version: int, accepted: Accepted, by: str, edited: Record | None = None) -> str:
    """The UPDATE that says who accepted what; edited: what the file has now."""
    columns: dict[str, str | None] = {
        "accepted": accepted,
        "accepted_at": now_text(),
        "accepted_by": by,
    }
    if edited is not None:
        columns |= {
            "name": edited.name,
            "checksum": edited.checksum,
            "fingerprint": edited.fingerprint,
            "up_sql": edited.up_sql,
            "down_sql": edited.down_sql,
        }
    changes = ", ".join(f"{name} = {_literal(value)}" for name, value in columns.items())
    return f"UPDATE migrations SET {changes} WHERE {_key(store, version)}"


def now_text() -> str:
    """Now, in UTC, as both engines take it."""
    return timestamp_text(datetime.now(UTC))


def _key(store: str, version: int) -> str:
    return f"store = {_literal(store)} AND version = {version}"


def _literal(value: str | int | None) -> str:
    """As SQL has it; on PostgreSQL with standard_conforming_strings on."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
