"""One call of the runner: applies or takes back its migrations one by one, and tells about it."""

from __future__ import annotations

import getpass
import logging
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlstore.engine.errors import ConfigurationError, DatabaseError
from sqlstore.engine.migration_book import History, Record
from sqlstore.engine.migration_session import (
    Change,
    LockNotAcquired,
    MigrationSession,
    Ran,
    Script,
    ScriptError,
    Wanted,
)
from sqlstore.engine.sqltext import line_and_column
from sqlstore.engine.version import VERSION
from sqlstore.migrations import plan
from sqlstore.migrations.errors import HistoryError, LockTimeout, MigrationFailed
from sqlstore.migrations.files import Migration
from sqlstore.migrations.report import Event, OnEvent, Phase, Step

DEFAULT_LOCK_WAIT_S: Final = 60.0
"""How long to wait for another runner or writer, in seconds."""
_log = logging.getLogger(__name__)
_WARNINGS: Final = frozenset(("waiting", "retry", "lost"))


@dataclass(frozen=True, slots=True)
class Reversal:
    """A migration to take back. path, line: where its SQL comes from and starts."""

    version: int
    name: str
    path: str
    line: int
    script: Script

    @property
    def sql(self) -> str:
        """What will be run."""
        return self.script.sql


class Run:
    """One call: counts the steps and tells about them."""

    def __init__(self, store: str, total: int, on_event: OnEvent | None) -> None:
        self.steps: list[Step] = []
        self._store = store
        self._total = total
        self._position = 0
        self._on_event = on_event
        self._current: Migration | Reversal | None = None

    async def check(
        self, session: MigrationSession, migrations: Iterable[Migration] | Iterable[Reversal]
    ) -> None:
        """See that the database can run all of them, before it runs the first."""
        for migration in migrations:
            self._current = migration
            script = _script_of(migration)
            with self._explained(migration, script):
                await session.check(script)
        self._current = None

    async def apply(
        self, session: MigrationSession, migration: Migration, files: Sequence[Migration]
    ) -> None:
        """Apply one migration, unless another runner was faster."""

        def wanted(history: History) -> bool:
            entries = plan.compare(files, history)
            plan.check(self._store, entries, history, locked=True)
            return any(entry.version == migration.version and entry.mark == "pending" for entry in entries)

        counted = _log.isEnabledFor(logging.INFO)
        change = Change(self._store, migration.version, migration.content.up, record_of(migration), counted)
        await self._step(session, migration, change, wanted, "applied")

    async def revert(self, session: MigrationSession, reversal: Reversal) -> None:
        """Take one migration back, unless another runner was faster."""

        def wanted(history: History) -> bool:
            versions = [row.version for row in history.applied]
            if versions and versions[-1] > reversal.version:
                raise HistoryError(
                    f"meanwhile {versions[-1]:04} was applied, after {reversal.version:04}; begin again",
                    store=self._store,
                )
            return reversal.version in versions

        change = Change(self._store, reversal.version, reversal.script, None, _log.isEnabledFor(logging.INFO))
        await self._step(session, reversal, change, wanted, "reverted")

    async def _step(
        self,
        session: MigrationSession,
        migration: Migration | Reversal,
        change: Change,
        wanted: Wanted,
        outcome: Phase,
    ) -> None:
        self._position += 1
        self._current = migration
        self.tell("started")
        with self._explained(migration, change.script):
            ran = await session.apply(change, wanted)
        if ran is not None:
            self.steps.append(Step(migration.version, migration.name, ran.duration_ms))
            self.tell(outcome, ran=ran, statements=len(change.script.statements))
            for lost in ran.lost:
                self.tell("lost", detail=f"{lost} went with the table that was made anew; make it again")

    @contextmanager
    def _explained(self, migration: Migration | Reversal, script: Script) -> Iterator[None]:
        """What goes wrong inside says in which migration."""
        try:
            yield
        except ScriptError as error:
            failure = failure_of(self._store, migration, script, error)
            self.tell("failed", detail=str(failure))
            raise failure from None
        except LockNotAcquired as busy:
            raise LockTimeout(busy.waited_s, busy.holder) from None
        except (DatabaseError, ConfigurationError) as error:
            error.add_note(f"at migration {migration.version:04}_{migration.name} of {self._store}")
            raise

    def notify(self, phase: Phase, detail: str) -> None:
        """What the session says."""
        self.tell(phase, detail=detail)

    def finish(self) -> None:
        """Tell that all is done."""
        self._current = None
        self.tell("done")

    def tell(
        self, phase: Phase, *, ran: Ran | None = None, statements: int | None = None, detail: str = ""
    ) -> None:
        """Log, and pass on, what happened."""
        event = Event(
            phase=phase,
            store=self._store,
            version=self._current.version if self._current else None,
            name=self._current.name if self._current else None,
            position=self._position,
            total=self._total,
            duration_ms=ran.duration_ms if ran else None,
            detail=detail,
            statements=statements,
            rows=ran.rows if ran else None,
        )
        _write_log(event)
        if self._on_event is not None:
            self._on_event(event)


def _write_log(event: Event) -> None:
    extra = {
        "store": event.store,
        "version": event.version,
        "migration": event.name,
        "phase": event.phase,
        "duration_ms": event.duration_ms,
    }
    if event.phase in ("applied", "reverted"):
        message = "Migration %s: version %d (%s %s), statements: %d, rows changed: %s, in %d ms"
        rows = "not counted" if event.rows is None else event.rows
        details = event.phase, event.version, event.store, event.name, event.statements, rows
        _log.info(message, *details, event.duration_ms, extra=extra)
    elif event.detail and event.phase != "failed":  # a failure is raised, not logged
        level = logging.WARNING if event.phase in _WARNINGS else logging.INFO
        _log.log(level, "Migration %s %s: %s", event.store, event.version, event.detail, extra=extra)


def _script_of(migration: Migration | Reversal) -> Script:
    return migration.script if isinstance(migration, Reversal) else migration.content.up


def failure_of(
    store: str, migration: Migration | Reversal, script: Script, error: ScriptError
) -> MigrationFailed:
    """What the database refused, with its place in the file."""
    line, column, statement = None, None, None
    if error.offset is not None:
        line, column = line_and_column(script.sql, error.offset)
        line += migration.line - 1 if isinstance(migration, Reversal) else 0
        statement = next(
            (script.sql[start:end] for start, end in script.statements if start <= error.offset < end), None
        )
    return MigrationFailed(
        error.problem,
        store=store,
        version=migration.version,
        name=migration.name,
        path=migration.path,
        line=line,
        column=column,
        statement=statement,
        code=error.code,
        rolled_back=error.rolled_back,
    )


def record_of(migration: Migration) -> Record:
    """What the book keeps of a migration."""
    content = migration.content
    return Record(
        migration.name,
        content.checksum,
        content.fingerprint,
        user_and_host(),
        f"sqlstore {VERSION}",
        content.up.sql,
        content.down.sql if content.down else None,
    )


@cache
def user_and_host() -> str:
    """Who is at work, as the book has it."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
