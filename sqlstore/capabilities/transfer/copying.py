"""A whole store from one database to another, and the two compared.

One way of going serves for a new copy, for one that was interrupted and for checking: both
sides are read by key, side by side; rows that the target lacks or has otherwise are
written, rows that only the target has are deleted. Nothing need be remembered of how far a
copy came, and rows that changed meanwhile are met too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from sqlstore.capabilities.transfer.format import TableState, Tally, TransferError
from sqlstore.capabilities.transfer.tables import CarriedTable, Key, Layout, pages
from sqlstore.engine.driver import Driver, Executor, Transaction
from sqlstore.engine.errors import ConstraintViolation
from sqlstore.engine.progress import OnProgress

MOST_ROUNDS: Final = 6


class TableDifference(msgspec.Struct, frozen=True):
    """One table of two databases.

    - rows, digest: of the source. missing: rows that the target lacks; different: that it has
      otherwise; extra: that only it has.
    """

    table: str
    rows: int
    digest: str
    target_rows: int
    target_digest: str
    missing: int
    different: int
    extra: int

    @property
    def is_equal(self) -> bool:
        """Whether the target has the same rows."""
        return (self.rows, self.digest) == (self.target_rows, self.target_digest)


@dataclass(slots=True)
class _Step:
    """What differs in a stretch of keys."""

    rows: list[msgspec.Struct] = field(default_factory=list)
    missing: int = 0
    extra: list[Key] = field(default_factory=list)


class _Side:
    """One side's rows by key, a page at a time."""

    def __init__(self, executor: Executor, table: CarriedTable) -> None:
        self.tally = Tally(table.name)
        self.keys: list[Key] = []
        self.rows: list[msgspec.Struct] = []
        self.lines: list[bytes] = []
        self.at = 0
        self._table = table
        self._pages = pages(executor, table)

    async def fill(self) -> bool:
        """Have a row to look at; False at the end."""
        if self.at < len(self.rows):
            return True
        self.at = 0
        try:
            self.rows, self.lines = await anext(self._pages)
        except StopAsyncIteration:
            self.rows, self.lines = [], []
        self.keys = [self._table.key_of(row) for row in self.rows]
        self.tally.add(b"".join(self.lines), len(self.lines))
        return bool(self.rows)


class _Comparison:
    """The two sides of one table."""

    def __init__(self, source: _Side, target: _Side) -> None:
        self._source = source
        self._target = target
        self._missing = self._different = self._extra = 0

    async def steps(self) -> AsyncIterator[_Step]:
        """What differs, a page at a time."""
        source, target = self._source, self._target
        while True:
            has_source, has_target = await source.fill(), await target.fill()
            if not has_source and not has_target:
                return
            step = _Step()
            if not has_target:
                self._take_rest(source, step)
            elif not has_source:
                step.extra = target.keys[target.at :]
                target.at = len(target.keys)
            else:
                self._merge(step)
            self._missing += step.missing
            self._different += len(step.rows) - step.missing
            self._extra += len(step.extra)
            if step.rows or step.extra:
                yield step

    def _take_rest(self, source: _Side, step: _Step) -> None:
        step.rows = source.rows[source.at :]
        step.missing = len(step.rows)
        source.at = len(source.rows)

    def _merge(self, step: _Step) -> None:
        """As far as both sides have rows."""
        source, target = self._source, self._target
        while source.at < len(source.rows) and target.at < len(target.rows):
            ours, theirs = source.keys[source.at], target.keys[target.at]
            if ours == theirs:
                if source.lines[source.at] != target.lines[target.at]:
                    step.rows.append(source.rows[source.at])
                source.at += 1
                target.at += 1
            elif ours < theirs:
                step.rows.append(source.rows[source.at])
                step.missing += 1
                source.at += 1
            else:
                step.extra.append(theirs)
                target.at += 1

    @property
    def difference(self) -> TableDifference:
        """What was found so far."""
        source, target = self._source.tally.state, self._target.tally.state
        return TableDifference(
            source.table,
            source.rows,
            source.digest,
            target.rows,
            target.digest,
            self._missing,
            self._different,
            self._extra,
        )


async def compare(
    source: Executor, source_layout: Layout, target: Executor, target_layout: Layout
) -> list[TableDifference]:
    """What differs between two databases, table by table; only reads."""
    found = []
    for ours, theirs in zip(source_layout.tables, target_layout.tables, strict=True):
        comparison = _Comparison(_Side(source, ours), _Side(target, theirs))
        async for _ in comparison.steps():
            pass
        found.append(comparison.difference)
    return found


async def make_equal(
    source: Executor,
    source_layout: Layout,
    target: Driver,
    target_layout: Layout,
    on_progress: OnProgress | None = None,
) -> list[TableState]:
    """Give the target the source's rows, and no others; gives what both have then.

    Table after table, round after round, until every table was met without a difference:
    triggers of the target move rows of other tables than those that are written.

    Raises TransferError where the target refuses a row, or never comes to rest.
    """
    tables = list(zip(source_layout.tables, target_layout.tables, strict=True))
    total = sum([await source.call(table.count) for table, _ in tables]) if on_progress else 0
    states: dict[str, TableState] = {}
    done = equal = 0
    for _ in range(MOST_ROUNDS):
        for ours, theirs in tables:
            sides = _Side(source, ours), _Side(target, theirs)
            comparison = _Comparison(*sides)
            async for step in comparison.steps():
                await _apply(target, theirs, step)
                if on_progress is not None:
                    on_progress(min(done + sides[0].tally.rows, total), total)
            done += sides[0].tally.rows
            equal = equal + 1 if comparison.difference.is_equal else 0
            states[ours.name] = sides[0].tally.state
            if equal == len(tables):
                return list(states.values())
    raise TransferError(
        "the target does not come to rest: another program writes to it; stop it and try again"
    )


async def _apply(target: Driver, table: CarriedTable, step: _Step) -> None:
    async def write(tx: Transaction) -> None:
        await tx.call_many(table.delete, step.extra)
        if step.rows:
            await table.upsert.run(tx, step.rows)

    try:
        await target.run(write)
    except ConstraintViolation as error:
        raise TransferError(
            f"the target refuses a row of {table.name}: {error.args[0]} ({error.constraint or error.code}); "
            "where the source changed since the copy was begun, begin again with an empty target"
        ) from error
    await target.checkpoint()
