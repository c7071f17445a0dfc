"""What the runner tells: events while it works, a report when it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from sqlstore.migrations.plan import Mark

Phase = Literal[
    "planned", "waiting", "started", "notice", "retry", "applied", "reverted", "lost", "failed", "done"
]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened.

    - planned: `total` migrations are to do. done: all of them are.
    - started, applied, reverted, failed: one migration, the `position`-th of `total`.
    - lost: an index or trigger that a table had before it was made anew (SQLite).
    - waiting, retry, notice: what is waited for, why it runs again, what the server says.

    duration_ms is the time of the SQL alone; `applied` comes after the commit.
    statements, rows: how many there were, and how many rows they changed, where that was counted:
    always on SQLite, on PostgreSQL where the logger `sqlstore` tells INFO.
    """

    phase: Phase
    store: str
    version: int | None = None
    name: str | None = None
    position: int = 0
    total: int = 0
    duration_ms: int | None = None
    detail: str = ""
    statements: int | None = None
    rows: int | None = None


OnEvent: TypeAlias = Callable[[Event], None]


class Step(msgspec.Struct, frozen=True):
    """A migration that this call applied or took back. duration_ms: the time of its SQL."""

    version: int
    name: str
    duration_ms: int


class Report(msgspec.Struct, frozen=True):
    """What a call did.

    - steps: in the order in which they ran; empty where there was nothing to do.
    - version: the newest applied migration now, 0 for none.
    - newer: applied versions that this code does not know.
    """

    store: str
    steps: tuple[Step, ...]
    version: int
    newer: tuple[int, ...] = ()


class StatusLine(msgspec.Struct, frozen=True):
    """One migration. mark: see sqlstore.migrations.plan.Mark; None where it is not applied, or accepted."""

    version: int
    name: str
    mark: Mark
    applied_at: datetime | None = None
    duration_ms: int | None = None
    applied_by: str | None = None
    accepted_at: datetime | None = None
    accepted_by: str | None = None


class Status(msgspec.Struct, frozen=True):
    """All migrations of a store, in order. problem: why `migrate` would refuse, or None."""

    store: str
    migrations: tuple[StatusLine, ...]
    problem: str | None = None

    @property
    def pending(self) -> tuple[int, ...]:
        """The versions that are not applied, in order."""
        return tuple(line.version for line in self.migrations if line.mark == "pending")
