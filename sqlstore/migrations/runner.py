"""Brings a database to the state that the files describe, and says what it did.

Read everything, check everything, then apply one migration after the other: each
in a transaction of its own that takes the lock, reads the history again, runs the
file and records it. Where nothing is to do, one query is all that happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import Applied, History
from sqlstore.engine.migration_session import open_session, read_history
from sqlstore.migrations import plan
from sqlstore.migrations.book import check, read_checked, stored_sql
from sqlstore.migrations.content import stored_script
from sqlstore.migrations.errors import HistoryError, PendingMigrations
from sqlstore.migrations.files import Migration, MigrationSource, check_contents, read_files
from sqlstore.migrations.report import OnEvent, Report, Status, StatusLine
from sqlstore.migrations.run import DEFAULT_LOCK_WAIT_S, Reversal, Run


@dataclass(frozen=True, slots=True)
class Choice:
    """What `up` is to do: chosen, in order; all files; how they compare with the history."""

    chosen: list[Migration]
    files: list[Migration]
    entries: list[plan.Entry]
    history: History


async def choose(
    driver: Driver,
    source: MigrationSource,
    *,
    to: int | None = None,
    steps: int | None = None,
    strict_newer: bool = False,
) -> Choice:
    """Read and check everything; only reads. Raises MigrationFileError, HistoryError, a DatabaseError."""
    files = read_files(source, driver.engine)
    entries, history = await read_checked(driver, source.store, files, strict_newer=strict_newer)
    plan.check_target(entries, to)
    pending = plan.pending(entries)
    check_contents(pending)
    return Choice(plan.select(pending, to, steps), files, entries, history)


async def migrate(
    driver: Driver,
    source: MigrationSource,
    *,
    to: int | None = None,
    steps: int | None = None,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
    strict_newer: bool = False,
    on_event: OnEvent | None = None,
) -> Report:
    """Apply what is pending: all of it, up to version `to`, or `steps` migrations.

    - lock_wait_s: how long to wait for another runner or writer, in seconds.
    - strict_newer: raise NewerDatabase, not only warn, where newer code migrated the database.
    - on_event: told of each step, besides the log.

    Raises MigrationFileError, HistoryError, MigrationFailed, LockTimeout or a
    DatabaseError; each migration is applied whole or not at all.
    """
    choice = await choose(driver, source, to=to, steps=steps, strict_newer=strict_newer)
    chosen = choice.chosen
    run = Run(source.store, len(chosen), on_event)
    if chosen:
        run.tell("planned")
        async with open_session(driver, lock_wait_s=lock_wait_s, notify=run.notify) as session:
            await run.check(session, chosen)
            for migration in chosen:
                await run.apply(session, migration, choice.files)
        run.finish()
    versions = [row.version for row in choice.history.applied] + [migration.version for migration in chosen]
    newer = plan.marked(choice.entries, "newer")
    return Report(source.store, tuple(run.steps), max(versions, default=0), newer)


async def ensure_current(driver: Driver, source: MigrationSource) -> None:
    """Only read. Raises PendingMigrations, HistoryError or MigrationFileError, if there is reason."""
    entries, _ = await read_checked(driver, source.store, read_files(source, driver.engine))
    missing = tuple(migration.version for migration in plan.pending(entries))
    if missing:
        raise PendingMigrations(source.store, missing)


async def status(driver: Driver, source: MigrationSource) -> Status:
    """All migrations and how they stand; only reads. Raises MigrationFileError or a DatabaseError."""
    files = read_files(source, driver.engine)
    history = await read_history(driver, source.store)
    entries = plan.compare(files, history)
    try:
        await check(driver, source.store, entries, history)
        plan.check(source.store, entries, history, locked=True)
    except HistoryError as error:
        return _status(source.store, entries, str(error))
    return _status(source.store, entries)


def _status(store: str, entries: Sequence[plan.Entry], problem: str | None = None) -> Status:
    return Status(store, tuple(_status_line(entry) for entry in entries), problem)


def _status_line(entry: plan.Entry) -> StatusLine:
    row = entry.row
    if row is None:
        return StatusLine(entry.version, entry.name, entry.mark)
    return StatusLine(
        entry.version,
        entry.name,
        entry.mark,
        row.applied_at,
        row.duration_ms,
        row.applied_by,
        row.accepted_at,
        row.accepted_by,
    )


async def plan_down(
    driver: Driver, source: MigrationSource, *, to: int | None = None, steps: int | None = None
) -> list[Reversal]:
    """What `down` would take back, newest first; only reads.

    Raises HistoryError for a migration that cannot be taken back.
    """
    files = {file.version: file for file in read_files(source, driver.engine)}
    history = await read_history(driver, source.store)
    entries = plan.compare(list(files.values()), history)
    plan.check_target(entries, to)
    plan.check_finished(source.store, entries)
    rows = plan.select_down(history.applied, to, steps)
    return [await _reversal(driver, source.store, row, files.get(row.version)) for row in rows]


async def down(
    driver: Driver,
    source: MigrationSource,
    *,
    to: int | None = None,
    steps: int | None = None,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
    on_event: OnEvent | None = None,
) -> Report:
    """Take migrations back, newest first: those above version `to`, or `steps` of them, else one.

    For development: it runs the down sections, which drop tables with all their rows.
    A migration whose file is gone is taken back with the SQL that was recorded.
    Raises as `migrate` does, and HistoryError before anything is run where one of them has
    no down section.
    """
    reversals = await plan_down(driver, source, to=to, steps=steps)
    run = Run(source.store, len(reversals), on_event)
    if reversals:
        run.tell("planned")
        async with open_session(driver, lock_wait_s=lock_wait_s, notify=run.notify) as session:
            await run.check(session, reversals)
            for reversal in reversals:
                await run.revert(session, reversal)
        run.finish()
    history = await read_history(driver, source.store)
    return Report(source.store, tuple(run.steps), max((row.version for row in history.applied), default=0))


async def redo(
    driver: Driver,
    source: MigrationSource,
    *,
    steps: int = 1,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
    on_event: OnEvent | None = None,
) -> Report:
    """Take the newest `steps` migrations back and apply them again, as their files are now.

    For development, see `down`. The report has what was applied again. Raises as `down` and
    `migrate` do, and HistoryError before anything is run where one of their files is gone.
    """
    reversals = await plan_down(driver, source, steps=steps)
    files = {file.version: file for file in read_files(source, driver.engine)}
    again = sorted(reversal.version for reversal in reversals)
    gone = [version for version in again if version not in files]
    if gone:
        raise HistoryError(
            f"their files are gone, so that they cannot be applied again: {plan.numbers(gone)}",
            store=source.store,
        )
    check_contents(files[version] for version in again)
    if not again:
        return await migrate(driver, source, to=0)
    await down(driver, source, steps=steps, lock_wait_s=lock_wait_s, on_event=on_event)
    return await migrate(driver, source, to=again[-1], lock_wait_s=lock_wait_s, on_event=on_event)


async def _reversal(driver: Driver, store: str, row: Applied, file: Migration | None) -> Reversal:
    if file is not None:
        down_script = file.content.down
        if down_script is not None:
            return Reversal(row.version, row.name, file.path, file.content.down_line, down_script)
    else:
        _, sql = await stored_sql(driver, store, row.version)
        if sql is not None:
            script = stored_script(sql, driver.engine)
            return Reversal(row.version, row.name, f"{row.name} (as recorded)", 1, script)
    raise HistoryError(
        f"{row.version:04}_{row.name} has no down section and cannot be taken back",
        store=store,
        versions=(row.version,),
    )
