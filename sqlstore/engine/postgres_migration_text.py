"""Migrations as a script for psql."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import (
    History,
    book_definition,
    book_upgrade,
    insert_row,
    now_text,
    set_state,
)
from sqlstore.engine.migration_session import Change, Script, record_sql, terminated
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_migration_lock import lock_key, transaction_settings
from sqlstore.engine.sqltext import quoted


def as_text(driver: Driver, history: History, changes: Sequence[Change]) -> str:
    """A script that stops at the first error; what it did before is committed, migration by migration."""
    if not isinstance(driver, PostgresDriver):
        raise TypeError(f"a script for psql needs a PostgresDriver, not {type(driver).__name__}")
    writer = _Writer(driver.settings.schema)
    return "\n".join(
        [*writer.head(history), *(part for change in changes for part in writer.migration(change))]
    )


class _Writer:
    """Writes for one schema."""

    def __init__(self, schema: str) -> None:
        self._schema = quoted(schema)
        self._key = lock_key(schema)

    def head(self, history: History) -> Iterator[str]:
        yield "-- For psql -X: it stops at the first error, and rolls that migration back.\n\\set ON_ERROR_STOP on\n"
        if history.book == "absent":
            yield f"CREATE SCHEMA IF NOT EXISTS {self._schema};"
            yield f"{self._begin(Script('', ()))}\n{book_definition('postgres')};\nCOMMIT;\n"
        if history.book == "old":
            upgrade = ";\n".join(book_upgrade("postgres"))
            yield f"{self._begin(Script('', ()))}\n{upgrade};\nCOMMIT;\n"

    def migration(self, change: Change) -> Iterator[str]:
        script, begin = change.script, self._begin(change.script)
        if script.transaction:
            record = record_sql(change, 0, now_text())
            yield f"{begin}\n{terminated(script)}RESET ROLE; RESET ALL; {self._settings(script)};\n{record};\nCOMMIT;\n"
        elif change.record is not None:
            key = change.store, change.version
            yield f"{begin}\n{insert_row(*key, change.record, 'started', applied_at=now_text())};\nCOMMIT;"
            yield f"SET search_path TO {self._schema}, pg_temp;\n{terminated(script)}{set_state(*key, 'applied')};\n"

    def _begin(self, script: Script) -> str:
        lock = f"DO $$BEGIN PERFORM pg_advisory_xact_lock({self._key}); END$$;"
        return f"BEGIN; {self._settings(script)};\n{lock}"

    def _settings(self, script: Script) -> str:
        return transaction_settings(self._schema, script.lock_timeout_s, version=None, sees_its_client=False)
