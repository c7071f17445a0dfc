"""A copy from its beginning to its end."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sqlstore.capabilities.transfer.copy_mark import CopyMark
from sqlstore.capabilities.transfer.copying import TableDifference, compare, make_equal
from sqlstore.capabilities.transfer.format import TableState
from sqlstore.capabilities.transfer.tables import Layout
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.progress import OnProgress


class Copied(msgspec.Struct, frozen=True):
    """What the target has now: the source's rows as they were at one moment, compared row by row.

    - since: tables of the source that were written to after that moment: missing are rows that
      came, different are rows that changed, extra are rows that went.
    - left_out: tables and columns of the source that are not carried.
    """

    store: str
    at: datetime
    tables: list[TableState]
    since: list[TableDifference]
    left_out: tuple[str, ...]


async def copy_store(
    source: Driver,
    source_layout: Layout,
    target: Driver,
    target_layout: Layout,
    *,
    again: bool = False,
    on_progress: OnProgress | None = None,
) -> Copied:
    """Copy a store while its source is in use; both are migrated, the target is empty.

    Interrupted, the same call goes on. Where the source was written to meanwhile, `since` tells
    it, and a call with `again` brings that over (and deletes what only the target has).

    Raises ConfigurationError where the target holds something else, TransferError where it
    refuses a row, members of DatabaseError.
    """
    place = source_layout.bulk.place
    if place == target_layout.bulk.place:
        raise ConfigurationError(f"{target.address} cannot be copied onto itself; name another target")
    mark = CopyMark(target, target_layout)
    await mark.begin(place, again=again)
    await target_layout.bulk.raise_last_ids(await source_layout.bulk.last_ids())
    async with source.snapshot() as moment:
        at = now()
        tables = await make_equal(moment, source_layout, target, target_layout, on_progress)
    since = await compare_stores(source, source_layout, target, target_layout)
    await target_layout.bulk.raise_last_ids(await source_layout.bulk.last_ids())
    differing = [each for each in since if not each.is_equal]
    await mark.end(place, final=not differing)
    return Copied(source_layout.store, at, tables, differing, source_layout.left_out)


async def compare_stores(
    source: Driver, source_layout: Layout, target: Driver, target_layout: Layout
) -> list[TableDifference]:
    """What differs between two stores, each as it is at one moment; only reads."""
    async with source.snapshot() as ours, target.snapshot() as theirs:
        return await compare(ours, source_layout, theirs, target_layout)
