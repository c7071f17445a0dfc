"""What a call would do, before it is made; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_session import Change, as_text, tables_of
from sqlstore.migrations import plan
from sqlstore.migrations.content import dropped_tables
from sqlstore.migrations.files import MigrationSource
from sqlstore.migrations.run import Reversal, record_of
from sqlstore.migrations.runner import choose

if TYPE_CHECKING:
    from sqlstore.migrations.lint import Finding

COUNTED_ROWS = 100_000
"""Rows are counted up to here: more is only said to be more."""


class Planned(msgspec.Struct, frozen=True):
    """A migration that `up` would apply.

    statements: how many; directives: as its file has them; findings: what `lint` says of it.
    """

    version: int
    name: str
    path: str
    statements: int
    directives: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """What `up` would do, in order. version: the newest applied migration now, 0 for none."""

    store: str
    version: int
    migrations: tuple[Planned, ...]


async def plan_up(
    driver: Driver, source: MigrationSource, *, to: int | None = None, steps: int | None = None
) -> Plan:
    """What `migrate` would do. Raises as it does, but runs nothing."""
    from sqlstore.migrations.lint import lint  # noqa: PLC0415 - many rules, and every store imports this module

    choice = await choose(driver, source, to=to, steps=steps)
    findings = lint(choice.files, driver.engine) if choice.chosen else []
    planned = (
        Planned(
            migration.version,
            migration.name,
            migration.path,
            len(migration.content.up.statements),
            migration.content.directives.words,
            tuple(finding for finding in findings if finding.path == migration.path),
        )
        for migration in choice.chosen
    )
    version = max((row.version for row in choice.history.applied), default=0)
    return Plan(source.store, version, tuple(planned))


async def sql_script(driver: Driver, source: MigrationSource, *, to: int | None = None) -> str:
    """What `migrate` would send, with the book's rows, for psql or sqlite3 to run instead.

    Raises as `migrate` does, but runs nothing.
    """
    choice = await choose(driver, source, to=to)
    plan.check(source.store, choice.entries, choice.history, locked=True)
    changes = [
        Change(source.store, migration.version, migration.content.up, record_of(migration))
        for migration in choice.chosen
    ]
    return as_text(driver, choice.history, changes) if changes else ""


async def rows_to_drop(driver: Driver, reversals: Sequence[Reversal]) -> dict[str, int]:
    """The tables with rows that these would drop, and how many rows, at most COUNTED_ROWS + 1."""
    present = {str(name).lower() for name, _ in await tables_of(driver)}
    counts = {}
    for reversal in reversals:
        for table, name in dropped_tables(reversal.sql, driver.engine).items():
            if name in present:
                rows = f"SELECT 1 FROM {table} LIMIT {COUNTED_ROWS + 1}"
                ((counts[table],),) = await driver.fetch(f"SELECT count(*) FROM ({rows}) AS counted")
    return {table: count for table, count in counts.items() if count}
