"""A store's rows to a file."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from sqlstore.capabilities.transfer.format import (
    FORMAT,
    MAX_LINE_BYTES,
    End,
    Header,
    TableState,
    Tally,
    TransferError,
    first_line,
    last_line,
)
from sqlstore.capabilities.transfer.tables import CarriedTable, Layout, pages
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.files import placed_file
from sqlstore.engine.progress import OnProgress

_COMPRESSION: Final = 6


class Exported(msgspec.Struct, frozen=True):
    """What is in the file, when it was taken (UTC), and what of the database is not in it."""

    store: str
    at: datetime
    tables: list[TableState]
    left_out: tuple[str, ...]


async def export_store(
    driver: Driver,
    layout: Layout,
    path: Path,
    *,
    migration: int,
    only: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write rows as they are at one moment; see `format`. The file (0600) is put in place whole, or not at all.

    path: packed with gzip where it ends in `.gz`. migration: the database's newest. only: names
    of tables; all for none. Raises ConfigurationError where the file cannot be written, or for
    a table that is not the store's; StorageFull where there is no room for it.
    """
    tables = layout.choose(only)
    header = Header(FORMAT, layout.store, migration, driver.engine, now(), [table.name for table in tables])
    with _export_file(path) as file:
        file.write(first_line(header))
        async with driver.snapshot() as moment:
            states = await _write_tables(moment, tables, file, on_progress)
        last_ids = await layout.bulk.last_ids()
        end = End(
            rows={state.table: state.rows for state in states},
            digests={state.table: state.digest for state in states},
            last_ids={table.name: last_ids[table.name] for table in tables if table.name in last_ids},
        )
        file.write(last_line(end))
    return Exported(layout.store, header.at, states, layout.left_out)


async def _write_tables(
    moment: Executor, tables: Sequence[CarriedTable], file: IO[bytes], on_progress: OnProgress | None
) -> list[TableState]:
    total = sum([await moment.call(table.count) for table in tables]) if on_progress else 0
    done, states = 0, []
    for table in tables:
        tally = Tally(table.name)
        async for _, lines in pages(moment, table):
            await asyncio.to_thread(_write, table, lines, tally, file)
            done += len(lines)
            if on_progress is not None:
                on_progress(done, total)
        states.append(tally.state)
    return states


def _write(table: CarriedTable, lines: Sequence[bytes], tally: Tally, file: IO[bytes]) -> None:
    if max(map(len, lines)) > MAX_LINE_BYTES:
        raise TransferError(
            f"{table.name} has a row of more than {MAX_LINE_BYTES} bytes, which no import would take"
        )
    text = b"".join(lines)
    tally.add(text, len(lines))
    file.write(text)


@contextmanager
def _export_file(path: Path) -> Iterator[IO[bytes]]:
    with placed_file(path) as file:
        if path.suffix != ".gz":
            yield file
            return
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=file, mtime=0
        ) as packed:
            yield packed  # type: ignore[misc]  # all that is needed of a binary file
