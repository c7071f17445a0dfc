"""Export, import and copy as methods of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import msgspec

from sqlstore.capabilities.transfer.copying import TableDifference
from sqlstore.capabilities.transfer.exporting import Exported, export_store
from sqlstore.capabilities.transfer.importing import Imported, import_store
from sqlstore.capabilities.transfer.run import Copied, compare_stores, copy_store
from sqlstore.capabilities.transfer.tables import Layout, StoreTables, read_layout
from sqlstore.engine.bulk import make_bulk
from sqlstore.engine.driver import Driver
from sqlstore.engine.progress import OnProgress
from sqlstore.migrations import MigrationSource, load


class TransferableStore:
    """What a store needs for its rows to be carried.

    - tables: what export, import and copy carry: each table with the type of its whole rows;
      parents before children, and a table before those whose triggers write to it.
    - derived_tables: patterns of the names of tables, and of columns as `table.column`, that are
      made from the others.
    """

    name: ClassVar[str]
    tables: ClassVar[Mapping[str, type[msgspec.Struct]]] = {}
    derived_tables: ClassVar[tuple[str, ...]] = ("search_*", "outbox_*")
    driver: Driver

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where this store's migrations are."""
        raise NotImplementedError

    async def export_to(
        self, path: Path, *, tables: Sequence[str] = (), on_progress: OnProgress | None = None
    ) -> Exported:
        """Write all rows, or those of some tables, to a file of JSON lines; see `export_store`."""
        return await export_store(
            self.driver,
            await self._layout(),
            path,
            migration=self._newest_migration(),
            only=tables,
            on_progress=on_progress,
        )

    async def import_from(
        self,
        path: Path,
        *,
        dry_run: bool = False,
        partial: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Imported:
        """Make rows equal to those of a file that `export_to` wrote; see `import_store`."""
        return await import_store(
            self.driver,
            await self._layout(),
            path,
            migration=self._newest_migration(),
            dry_run=dry_run,
            partial=partial,
            on_progress=on_progress,
        )

    async def copy_to(
        self, target: Self, *, again: bool = False, on_progress: OnProgress | None = None
    ) -> Copied:
        """Copy all rows to another, empty database of the same store; see `copy_store`."""
        return await copy_store(
            self.driver,
            await self._layout(),
            target.driver,
            await target._layout(),
            again=again,
            on_progress=on_progress,
        )

    async def compare_to(self, target: Self) -> list[TableDifference]:
        """What differs between this store's rows and another's, table by table; only reads."""
        return await compare_stores(self.driver, await self._layout(), target.driver, await target._layout())

    async def _layout(self) -> Layout:
        told = StoreTables(self.name, self.tables, self.derived_tables)
        return await read_layout(told, self.driver, make_bulk(self.driver))

    def _newest_migration(self) -> int:
        return max(migration.version for migration in load(self.migration_source(), self.driver.engine))
