"""What the database's book says about a store, compared with the files; only reads."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import History
from sqlstore.engine.migration_session import read_history
from sqlstore.migrations import plan
from sqlstore.migrations.content import breaks_older
from sqlstore.migrations.errors import HistoryError, NewerDatabase
from sqlstore.migrations.files import Migration

_log = logging.getLogger(__name__)


async def read_checked(
    driver: Driver, store: str, files: Sequence[Migration], *, strict_newer: bool = False
) -> tuple[list[plan.Entry], History]:
    """The history and how it compares. Raises HistoryError where they contradict each other."""
    history = await read_history(driver, store)
    entries = plan.compare(files, history)
    await check(driver, store, entries, history, strict_newer=strict_newer)
    return entries, history


async def check(
    driver: Driver,
    store: str,
    entries: Sequence[plan.Entry],
    history: History,
    *,
    strict_newer: bool = False,
) -> None:
    """Raise HistoryError where files and history contradict each other, with what was changed."""
    for entry in entries:
        if entry.mark == "edited" and entry.file is not None:
            stored, _ = await stored_sql(driver, store, entry.version)
            raise _edited(store, entry.file, stored)
        if entry.mark == "newer":
            stored, _ = await stored_sql(driver, store, entry.version)
            _check_newer(store, entry, stored, strict=strict_newer)
    plan.check(store, entries, history, locked=False)


def _edited(store: str, migration: Migration, stored: str) -> HistoryError:
    diff = difflib.unified_diff(
        stored.splitlines(),
        migration.content.up.sql.splitlines(),
        "as it was applied",
        migration.path,
        lineterm="",
    )
    return HistoryError(
        f"{migration.version:04} was edited after it was applied; undo that and write a new migration "
        f"(or, where the tables are as the file has them now, `accept --edited {migration.version}`)",
        store=store,
        versions=(migration.version,),
        diff="\n".join(diff),
    )


def _check_newer(store: str, entry: plan.Entry, stored: str, *, strict: bool) -> None:
    if strict or breaks_older(stored):
        raise NewerDatabase(
            f"the database was migrated to {entry.version:04}_{entry.name}, which this version of the "
            "program must not use; update the program",
            store=store,
            versions=(entry.version,),
        )
    _log.warning(
        "%s: the database has a newer migration, %04d_%s",
        store,
        entry.version,
        entry.name,
        extra={"store": store, "version": entry.version, "migration": entry.name},
    )


async def stored_sql(driver: Driver, store: str, version: int) -> tuple[str, str | None]:
    """The up and down sections as they were recorded."""
    rows = await driver.fetch(
        f"SELECT up_sql, down_sql FROM migrations WHERE store = '{store}' AND version = {version}"
    )
    return rows[0][0], rows[0][1]
