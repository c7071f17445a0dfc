"""What somebody tells the book: that tables were there before it, or that a contradiction is well.

Nothing here runs a migration's SQL. Each is one transaction under the migrations' lock, and
looks at the history under it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import (
    Accepted,
    History,
    accept_row,
    delete_row,
    insert_row,
    now_text,
    set_state,
)
from sqlstore.engine.migration_session import LockNotAcquired, Notify, open_session
from sqlstore.migrations import plan
from sqlstore.migrations.errors import HistoryError, LockTimeout, MigrationError
from sqlstore.migrations.files import Migration, MigrationSource, check_contents, read_files
from sqlstore.migrations.report import Status
from sqlstore.migrations.run import DEFAULT_LOCK_WAIT_S, record_of, user_and_host
from sqlstore.migrations.runner import status


async def baseline(
    driver: Driver, source: MigrationSource, version: int, *, lock_wait_s: float = DEFAULT_LOCK_WAIT_S
) -> Status:
    """Record the migrations up to `version` without running them: their tables are there already.

    Raises HistoryError where the book has migrations of this store, or none of the tables is
    there; MigrationError for a version that no file has; else as `migrate` does.
    """
    files = read_files(source, driver.engine)
    chosen = [file for file in files if file.version <= version]
    check_contents(chosen)

    def edit(history: History) -> list[str]:
        plan.check_target(plan.compare(files, history), version)
        _check_baseline(source.store, chosen, history)
        return [
            insert_row(source.store, file.version, record_of(file), "baseline", applied_at=now_text())
            for file in chosen
        ]

    await _edit(driver, source.store, edit, lock_wait_s)
    return await status(driver, source)


def _check_baseline(store: str, chosen: Sequence[Migration], history: History) -> None:
    plan.check_book(store, history)
    if history.applied:
        raise HistoryError(
            "the database has migrations of this store; a baseline is for one that has none", store=store
        )
    made = frozenset[str]().union(*(file.content.tables for file in chosen))
    if made and made.isdisjoint(table.lower() for table in history.tables):
        raise HistoryError(
            f"none of the tables of these migrations is there ({', '.join(sorted(made))}); run `up`",
            store=store,
        )


async def accept(
    driver: Driver,
    source: MigrationSource,
    version: int,
    what: Accepted,
    *,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
) -> Status:
    """Say that it is well that an applied migration's file is gone ("missing") or was "edited".

    The book keeps who said so, and when; of an edited file, its SQL as it is now. Raises
    MigrationError where the migration is neither.
    """
    files = read_files(source, driver.engine)

    def edit(history: History) -> list[str]:
        entry = _entry(source.store, files, history, version, what)
        edited = record_of(entry.file) if entry.file else None
        return [accept_row(source.store, version, what, user_and_host(), edited)]

    await _edit(driver, source.store, edit, lock_wait_s)
    return await status(driver, source)


async def resolve(
    driver: Driver,
    source: MigrationSource,
    version: int,
    outcome: Literal["applied", "not-applied"],
    *,
    lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
) -> Status:
    """Say how a migration outside transactions ended that was started and not finished.

    Waits for one that is running. Raises MigrationError where there is nothing to resolve.
    """
    files = read_files(source, driver.engine)

    def edit(history: History) -> list[str]:
        _entry(source.store, files, history, version, "unfinished")
        done = outcome == "applied"
        return [set_state(source.store, version, "applied") if done else delete_row(source.store, version)]

    await _edit(driver, source.store, edit, lock_wait_s)
    return await status(driver, source)


def _entry(
    store: str, files: Sequence[Migration], history: History, version: int, wanted: plan.Mark
) -> plan.Entry:
    plan.check_book(store, history)
    entries = plan.compare(files, history)
    plan.check_target(entries, version)
    entry = next((entry for entry in entries if entry.version == version), None)
    if entry is None or entry.mark != wanted:
        mark = entry.mark if entry else "pending"
        raise MigrationError(f"{store}: {version:04} is not {wanted} but {mark}; nothing was changed")
    return entry


async def _edit(
    driver: Driver, store: str, edit: Callable[[History], Sequence[str]], lock_wait_s: float
) -> None:
    notify: Notify = lambda *_: None  # noqa: E731 - a change this short has nothing to tell
    try:
        async with open_session(driver, lock_wait_s=lock_wait_s, notify=notify) as session:
            await session.edit(store, edit)
    except LockNotAcquired as busy:
        raise LockTimeout(busy.waited_s, busy.holder) from None
