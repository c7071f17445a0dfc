"""Replay: the records of an outbox are written to the database in their order.

Records are taken in batches, each in one transaction of the database. Where a batch fails
for another reason than the database being away, its records are tried one by one. One that
the tables refuse, or that cannot be read, is put aside at once; one that fails otherwise is
tried again later, and put aside after some tries; records that share a key with it wait.
What was put aside holds nobody up: later records of its key go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from sqlstore.capabilities.outbox.away import AWAY, described
from sqlstore.capabilities.outbox.file import OutboxFile, keys_of
from sqlstore.capabilities.outbox.rows import Record
from sqlstore.engine.errors import (
    ConstraintViolation,
    DatabaseError,
    DeadlineExceeded,
    InvalidValue,
    StoreError,
    UsageError,
)

T = TypeVar("T")

BATCH_RECORDS: Final = 100
"""Most records that are written in one transaction."""
_log = logging.getLogger(__name__)

Apply = Callable[[Sequence[Record]], Awaitable[Sequence[object]]]
"""Writes records in one transaction, those that were written before left out; what each call gave."""
OnApplied = Callable[[Record, object], None]


class OutboxFailed(StoreError):
    """The outbox itself cannot be read or written; the database may be well."""


class Replayer:
    """Of one outbox. lock: held while records are on their way to the database.

    on_applied: told of each record that is in the database now, with what its method gave
    (None where it was there already).
    """

    def __init__(self, file: OutboxFile, apply: Apply, on_applied: OnApplied | None = None) -> None:
        self.lock = asyncio.Lock()
        self._file = file
        self._apply = apply
        self._on_applied = on_applied
        self._batch = BATCH_RECORDS
        self._held_up: set[str] = set()

    async def replay(self) -> bool:
        """Write everything that waits; False where something has to be tried again later.

        Raises one of AWAY when the database is, OutboxFailed when the outbox is.
        """
        async with self.lock:
            self._held_up = set()
            listed, found, after = self._file.listed(), set[str](), 0
            while records := await _in_outbox(self._file.next(after, self._batch)):
                found.update(record.id for record in records)
                await self._write([record for record in records if await self._is_due(record)])
                after = records[-1].seq
            self._file.forget_missing(listed, found)
            return not self._held_up

    async def _write(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            given = await self._apply(records)
        except AWAY as error:
            if isinstance(error, DeadlineExceeded):  # too much for one transaction, perhaps
                self._batch = max(1, self._batch // 4)
            raise
        except Exception as error:  # noqa: BLE001 - whatever one record does, the others go on
            await self._part(records, error)
        else:
            self._batch = min(BATCH_RECORDS, self._batch * 2)
            await _in_outbox(self._file.remove([record.id for record in records]))
            for record, result in zip(records, given, strict=True):
                if self._on_applied is not None:
                    self._on_applied(record, result)

    async def _part(self, records: Sequence[Record], error: Exception) -> None:
        """Find the one record that fails."""
        if len(records) == 1:
            await self._failed(records[0], error)
            return
        for record in records:
            if await self._is_due(record):
                await self._write([record])

    async def _is_due(self, record: Record) -> bool:
        """False for one that must wait for an earlier one of its key, or that was put aside here."""
        try:
            keys = keys_of(record)
        except ValueError as error:
            await self._bury(record, error)
            return False
        if self._held_up.isdisjoint(keys):
            return True
        self._held_up |= keys
        return False

    async def _failed(self, record: Record, error: Exception) -> None:
        hopeless = isinstance(error, ConstraintViolation | InvalidValue | UsageError)
        if (
            hopeless
            or not isinstance(error, StoreError)
            or record.tries + 1 >= self._file.settings.most_tries
        ):
            await self._bury(record, error)
        else:
            await _in_outbox(self._file.count_try(record))
            self._held_up |= keys_of(record)

    async def _bury(self, record: Record, error: Exception) -> None:
        await _in_outbox(self._file.bury(record, described(error)))
        extra = {"store": record.store, "query": record.method, "error": type(error).__name__}
        _log.error(
            "A write of the outbox was put aside, see `python -m sqlstore outbox show %s`: %s",
            record.id, described(error), extra=extra,
        )  # fmt: skip


async def _in_outbox(work: Awaitable[T]) -> T:
    """Tell what ails the outbox from what ails the database."""
    try:
        return await work
    except DatabaseError as error:
        raise OutboxFailed(f"the outbox cannot be used: {described(error)}") from error
