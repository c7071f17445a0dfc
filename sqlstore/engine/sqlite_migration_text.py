"""Migrations as a script for the program `sqlite3`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import History, book_definition, book_upgrade, now_text
from sqlstore.engine.migration_session import Change, record_sql, terminated
from sqlstore.engine.sqlite_files import APPLICATION_ID


def as_text(_driver: Driver, history: History, changes: Sequence[Change]) -> str:
    """A script that stops at the first error; what it did before is committed, migration by migration."""
    return "\n".join(
        [*_head(history), *_book(history), *(part for change in changes for part in _migration(change))]
    )


def _head(history: History) -> Iterator[str]:
    yield "-- For sqlite3: it stops at the first error, and rolls that migration back.\n.bail on"
    if not history.tables:  # as files are that sqlstore makes
        yield f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA journal_mode = WAL;"
    yield "PRAGMA foreign_keys = ON;\n"


def _book(history: History) -> Iterator[str]:
    if history.book == "absent":
        yield f"{book_definition('sqlite')};\n"
    if history.book == "old":
        yield "BEGIN IMMEDIATE;\n" + ";\n".join(book_upgrade("sqlite")) + ";\nCOMMIT;\n"


def _migration(change: Change) -> Iterator[str]:
    script = change.script
    record = f"{record_sql(change, 0, now_text())};"
    if not script.transaction:
        yield f"{terminated(script)}{record}\n"
        return
    if script.rebuilds_tables:
        yield "PRAGMA foreign_keys = OFF;"
    yield f"BEGIN IMMEDIATE;\n{terminated(script)}{record}"
    if script.rebuilds_tables:
        yield "PRAGMA foreign_key_check;  -- shows rows that would point at nothing\nCOMMIT;\nPRAGMA foreign_keys = ON;\n"
    else:
        yield "COMMIT;\n"
