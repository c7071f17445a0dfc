"""Drift: what a live database has that its migrations did not make, and what it lacks of theirs."""

from __future__ import annotations

from typing import Final

import msgspec

from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import StatementError
from sqlstore.engine.resources import migrations_folder
from sqlstore.engine.schema import Schema, read_schema, schema_difference
from sqlstore.migrations import plan
from sqlstore.migrations.book import read_checked
from sqlstore.migrations.errors import HistoryError
from sqlstore.migrations.files import MigrationSource, read_files
from sqlstore.migrations.runner import migrate

_LABELS: Final = ("as its migrations make it", "as it is")
_STORES: Final = "SELECT DISTINCT store FROM migrations ORDER BY store"


class Drift(msgspec.Struct, frozen=True):
    """How a live database differs from its migrations.

    - stores: whose applied migrations were built.
    - unknown: stores in the book whose files are not at hand. Where there are any, an object
      that the known migrations did not make may be theirs, and was not compared.
    - diff: a unified diff of the schemas; nothing where they are the same.
    """

    stores: tuple[str, ...]
    unknown: tuple[str, ...]
    diff: str


async def drift(driver: Driver, source: MigrationSource, scratch: Driver) -> Drift:
    """Build the applied migrations in an empty database, and compare; the live one is only read.

    With those of the built-in stores that share the database. Pending ones are not built.
    scratch: see sqlstore.engine.scratch; of the same engine, best on the same server, because
    servers of other versions may word a definition in another way.

    Raises HistoryError where files and history contradict each other, or the database has
    newer migrations than the files, MigrationFileError, MigrationFailed or a DatabaseError.
    """
    sources = {source.store: source}
    unknown: list[str] = []
    for store in await _stores(driver):
        folder = migrations_folder(store)
        if store not in sources and folder.is_dir():
            sources[store] = MigrationSource(store, folder)
        elif store not in sources:
            unknown.append(store)
    for each in sources.values():
        newest = await _newest_applied(driver, each)
        if newest:
            await migrate(scratch, each, to=newest)
    built = await read_schema(scratch)
    live = await read_schema(driver)
    diff = schema_difference(built, _belonging(live, built) if unknown else live, _LABELS)
    return Drift(tuple(sources), tuple(unknown), diff)


async def _stores(driver: Driver) -> list[str]:
    try:
        return [store for (store,) in await driver.fetch(_STORES)]
    except StatementError:  # no book yet, or somebody else's: read_checked tells
        return []


async def _newest_applied(driver: Driver, source: MigrationSource) -> int:
    entries, _ = await read_checked(driver, source.store, read_files(source, driver.engine))
    newer = plan.marked(entries, "newer")
    if newer:
        raise HistoryError(
            f"the database has migrations that are newer than the files: {plan.numbers(newer)}; "
            "compare it with the files of the program that applied them",
            store=source.store,
            versions=newer,
        )
    applied = (entry.version for entry in entries if entry.row and entry.file and entry.mark != "unfinished")
    return max(applied, default=0)


def _belonging(live: Schema, built: Schema) -> Schema:
    """What the built migrations made, and what hangs on their tables."""
    tables = {item.name for item in built if item.kind == "table"}
    others = {(item.kind, item.name) for item in built if not item.table}
    return tuple(
        item for item in live if (item.table in tables if item.table else (item.kind, item.name) in others)
    )
