"""The rows of a file into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from sqlstore.capabilities.transfer.format import TransferError
from sqlstore.capabilities.transfer.reading import Batch, Contents, ImportFile
from sqlstore.capabilities.transfer.tables import Layout
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver, Transaction
from sqlstore.engine.errors import ConstraintViolation
from sqlstore.engine.progress import OnProgress

MOST_PASSES: Final = 6


class ImportedTable(msgspec.Struct, frozen=True):
    """rows: in the file; written: those that were not there, or not equal."""

    table: str
    rows: int
    written: int


class Imported(msgspec.Struct, frozen=True):
    """What an import did. complete: False for a file that was cut off, and taken as it is."""

    store: str
    at: datetime
    dry_run: bool
    complete: bool
    tables: list[ImportedTable]


async def import_store(
    driver: Driver,
    layout: Layout,
    path: Path,
    *,
    migration: int,
    dry_run: bool = False,
    partial: bool = False,
    on_progress: OnProgress | None = None,
) -> Imported:
    """Make rows equal to those of a file; rows that are not in it stay.

    Every line is judged first, so a file with a bad one changes nothing. Then rows are
    written in transactions of a thousand, parents first. Triggers that count go on counting,
    so the file is gone through again until nothing differs any more. Interrupted or not,
    running it again compares what is there already, and writes the rest.

    migration: the database's newest. dry_run: only judge. partial: take what is there of a file
    that was cut off or changed. Raises ImportRefused, ConfigurationError, members of DatabaseError.
    """
    file = ImportFile(path, layout, migration)
    total = 0

    def tell(lines: int) -> None:
        if on_progress is not None:
            on_progress(lines, total)

    contents = await asyncio.to_thread(file.validate, partial=partial, tell=tell)
    total = sum(contents.rows.values())
    written: dict[str, int] = {}
    if not dry_run:
        await layout.bulk.raise_last_ids(contents.last_ids)
        written = await _Import(driver, file, contents, tell).run()
    return Imported(
        layout.store,
        now(),
        dry_run,
        contents.end is not None,
        [ImportedTable(name, rows, written.get(name, 0)) for name, rows in contents.rows.items()],
    )


class _Import:
    def __init__(
        self, driver: Driver, file: ImportFile, contents: Contents, tell: Callable[[int], None]
    ) -> None:
        self._driver = driver
        self._file = file
        self._tables = [name for name, rows in contents.rows.items() if rows]
        self._tell = tell
        self._equal = 0
        self.written: dict[str, int] = {}

    async def run(self) -> dict[str, int]:
        """Go through the file until as many tables as it has were met without a difference."""
        for _ in range(MOST_PASSES):
            with closing(self._file.batches()) as batches:
                await self._pass(batches)
            if self._equal >= len(self._tables):
                return self.written
        raise TransferError(
            "triggers of the database, or another program, keep changing the rows that were written; "
            "stop the bot and run the import again"
        )

    async def _pass(self, batches: Generator[Batch, None, None]) -> None:
        done = changed = 0
        while self._equal < len(self._tables):
            batch = await asyncio.to_thread(_next, batches)
            if batch is None:
                return
            changed += await self._write(batch)
            done += len(batch.rows)
            self._tell(done)
            if batch.ends:
                self.written.setdefault(batch.table.name, changed)
                self._equal = 0 if changed else self._equal + 1
                changed = 0

    async def _write(self, batch: Batch) -> int:
        async def write(tx: Transaction) -> int:
            return await batch.table.upsert.run(tx, batch.rows)

        try:
            changed = await self._driver.run(write)
        except ConstraintViolation:
            changed = await self._driver.run(lambda tx: self._write_one_by_one(tx, batch))
        if changed:
            await self._driver.checkpoint()
        return changed

    async def _write_one_by_one(self, tx: Transaction, batch: Batch) -> int:
        """To find the line that the tables refuse."""
        changed = 0
        for row, line in zip(batch.rows, batch.lines, strict=True):
            try:
                changed += await batch.table.upsert.run(tx, [row])
            except ConstraintViolation as error:
                reason = (
                    f"the tables refuse this row: {error.args[0]} ({error.constraint or error.code}); {_KEPT}"
                )
                raise self._file.refused_row(line, batch.table.name, reason) from error
        return changed


_KEPT: Final = "rows of lines before are written; mend it and run the import again"


def _next(batches: Generator[Batch, None, None]) -> Batch | None:
    return next(batches, None)
