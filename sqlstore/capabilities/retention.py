"""Deletes what is old, in small batches beside live traffic.

A store's `retention.sql` says what goes when nobody was there for long, its
`log_retention.sql` what goes by its own age. In both, a query
`NAME(before: timestamp, limit: int) :changed` deletes one batch, with what hangs on it,
and `due_NAME(before: timestamp) :many Due` counts what would go, table by table. Both may
declare `now: timestamp` besides, for what says by itself until when it is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from sqlstore.engine.clock import EARLIEST, now
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, InvalidValue, StoreError
from sqlstore.engine.observe import milliseconds
from sqlstore.engine.queries import Queries, Query
from sqlstore.engine.values import checked

_log = logging.getLogger(__name__)
_BY_ACTIVITY, _BY_AGE, _DUE = "retention", "log_retention", "due_"
_FIRST_BATCH, _LARGEST_BATCH = 8, 4_096
_BATCH_S: Final = 0.05
"""How long a batch should take: other writers wait for it."""
_PAUSE_S: Final = 0.005

OnRemoval = Callable[[str, int, int], None]
"""Told what is deleted, of how many (as counted before), and how many of them are gone."""


class Due(msgspec.Struct, frozen=True):
    """Rows of one table that would be deleted."""

    what: str
    rows: int


class Removed(msgspec.Struct, frozen=True):
    """Rows that were deleted, those that hung on them not counted."""

    what: str
    rows: int


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept; None means for ever.

    - older_than: users, sessions or conversations without activity for that long go, with
      all that was said in them; in the support store messages go by their age.
    - logs_older_than: audit logs and measurements of that age go.
    - every: how often an open store looks by itself.

    FAQs, knowledge, tickets and memories are never deleted by age.
    """

    older_than: timedelta | None = None
    logs_older_than: timedelta | None = None
    every: timedelta = timedelta(hours=1)


async def due(driver: Driver, queries: Queries, retention: Retention) -> list[Due]:
    """What `cleanup` would delete now, table by table; only reads."""
    found: list[Due] = []
    for query, before in [*_rules(queries, retention)]:
        found += await _call(driver, _due_query(queries, query), before)
    return found


async def cleanup(
    driver: Driver, queries: Queries, retention: Retention, *, on_progress: OnRemoval | None = None
) -> list[Removed]:
    """Delete what is older than wanted, and say how much it was.

    Each batch is a transaction that takes about 50 ms, so an interruption leaves whole
    users, sessions or messages; run it again to go on. on_progress is told of each batch.

    Raises InvalidValue for a negative age, ConfigurationError where the store has nothing
    of the kind, and members of DatabaseError.
    """
    removed = []
    for query, before in [*_rules(queries, retention)]:  # a wrong age is refused before anything is deleted
        what = query.header.name
        tell = None
        if on_progress is not None:  # counting first costs a scan
            counted: list[Due] = await _call(driver, _due_query(queries, query), before)
            tell = partial(on_progress, what, next(due.rows for due in counted if due.what == what))
        started = time.perf_counter()
        rows = await _delete(driver, query, before, tell)
        _log.info(
            "Cleaned up: %d %s",
            rows,
            what,
            extra={
                "store": driver.reporter.store,
                "query": query.name,
                "rows": rows,
                "duration_ms": milliseconds(time.perf_counter() - started),
            },
        )
        removed.append(Removed(what, rows))
    return removed


def start_cleanup(driver: Driver, queries: Queries, retention: Retention) -> asyncio.Task[None]:
    """A task that cleans up now and then until it is cancelled. A failure is logged, and tried again later.

    Raises as `cleanup` does for an age that makes no sense, or a store that has nothing of the kind.
    """
    list(_rules(queries, retention))
    return asyncio.create_task(_keep_cleaning(driver, queries, retention), context=Context())


async def _keep_cleaning(driver: Driver, queries: Queries, retention: Retention) -> None:
    while True:
        try:
            await cleanup(driver, queries, retention)
        except StoreError as error:
            _log.warning("Cleaning up failed, and is tried again later: %s", error)
        await asyncio.sleep(retention.every.total_seconds())


async def _delete(driver: Driver, query: Query, before: datetime, tell: Callable[[int], None] | None) -> int:
    """In batches of a size that keeps each short; writers go in between."""
    limit, total = _FIRST_BATCH, 0
    while True:
        started = time.perf_counter()
        deleted = await _call(driver, query, before, limit)
        if deleted == 0:
            return total
        total += deleted
        if tell is not None:
            tell(total)
        took_s = time.perf_counter() - started
        limit = max(1, min(2 * limit, int(limit * _BATCH_S / took_s), _LARGEST_BATCH))
        await driver.checkpoint()
        await asyncio.sleep(_PAUSE_S)


async def _call(driver: Driver, query: Query, before: datetime, limit: int = 0) -> Any:
    given = {"before": before, "now": now(), "limit": limit}
    return await driver.call(query, *(given[name] for name in query.parameters))


def _rules(queries: Queries, retention: Retention) -> Iterator[tuple[Query, datetime]]:
    for table, name in ((_BY_ACTIVITY, "older_than"), (_BY_AGE, "logs_older_than")):
        age = getattr(retention, name)
        if age is None:
            continue
        if table not in queries.tables:
            raise ConfigurationError(f"this store has no {table}.sql, so nothing in it goes by that age")
        before = checked(_ago, age, name)
        for query in queries.table(table):
            if query.kind == "changed":
                yield query, before


def _due_query(queries: Queries, query: Query) -> Query:
    found: Query = getattr(queries.table(query.table), _DUE + query.header.name)
    return found


def _ago(age: object) -> datetime:
    if not isinstance(age, timedelta):
        raise InvalidValue(f"must be timedelta, not {type(age).__name__}")
    if age < timedelta(0):
        raise InvalidValue("must not be negative")
    moment = now()
    return moment - age if age < moment - EARLIEST else EARLIEST
