"""Is the database well? Answered within a deadline of its own, whatever the database does.

    health = await database_health_check(desk)                       # an open store, through its own pool
    health = await database_health_check("postgresql://…", store=Support)

"healthy": it answers, takes writes, and the store's migrations are applied. "away":
it does not answer in time, or cannot be reached. "unhealthy": it answers, but a bot
cannot work with it. No row is written and no database made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any, Final, Literal, Protocol

import msgspec

from sqlstore.capabilities.cache import Cache, CacheHealth, RedisCache, check_cache
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Driver, deadline
from sqlstore.engine.errors import (
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    StoreError,
    Unavailable,
    UsageError,
)
from sqlstore.engine.observe import Outbox, milliseconds
from sqlstore.engine.outcome import Outcome
from sqlstore.engine.values import Engine
from sqlstore.engine.vitals import Backlog, Load, Probe
from sqlstore.migrations import MigrationSource, Status
from sqlstore.migrations import status as migration_status

DEFAULT_TIMEOUT_S: Final = 5.0
"""How long a check may take, in seconds."""
_MARGIN_S: Final = 0.4
"""How much earlier the engine's own deadline is, after which it can say what it waited for."""
_AWAY: Final = (Unavailable, DeadlineExceeded, Conflict, ConfigurationError, UsageError)

State = Literal["healthy", "unhealthy", "away"]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a database is. There is no address, user or password in it, except in `problem`.

    - store: whose migrations were looked at; None where none were.
    - problem: what is wrong, in a sentence that may name hosts, users and paths, but no
      password; None where nothing is. error: the class of the error, if there was one.
    - latency_ms: of one round trip, waiting for a connection included.
    - pool: how busy the store's connections are; None where a URL was checked.
    - outbox: what waits in the store's outbox; None where it has none.
    - pending: versions of the migrations that are not applied; None where nobody looked.
    - wal_bytes, disk_free_bytes: of SQLite's write-ahead log and of the disk beside the
      file; None elsewhere.
    - cache: how the Redis is that the store caches in; None where there is none. A database whose
      cache is away is healthy: it answers alone.
    """

    status: State
    engine: Engine
    store: str | None = None
    problem: str | None = None
    error: str | None = None
    server_version: str | None = None
    latency_ms: float | None = None
    pool: Load | None = None
    outbox: Backlog | None = None
    pending: tuple[int, ...] | None = None
    wal_bytes: int | None = None
    disk_free_bytes: int | None = None
    cache: CacheHealth | None = None


class StoreKind(Protocol):
    """What a check needs of a store's class."""

    @classmethod
    def migration_source(cls) -> MigrationSource:
        """Where its migrations are."""


class OpenStore(StoreKind, Protocol):
    """What a check needs of an open store."""

    driver: Driver
    cache: Cache | None

    @property
    def outbox(self) -> Outbox | None:
        """Its outbox; None where it has none."""


async def database_health_check(
    store_or_url: OpenStore | str,
    *,
    store: type[StoreKind] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    cache: RedisCache | None = None,
) -> Health:
    """Ask a database how it is.

    - store_or_url: an open store is asked through its own connections, so that a pool
      that is used up shows; for a URL a connection is made and closed.
    - store: whose migrations to look at in the database of a URL; None looks at none.
    - timeout_s: for all of it, in seconds.
    - cache: a Redis to look at beside the database of a URL; an open store's own is looked at anyway.

    Raises ConfigurationError for a URL that cannot be read, UsageError inside the store's
    own transaction, and nothing else: what goes wrong is in the answer.
    """
    if isinstance(store_or_url, str):
        driver = make_driver(store_or_url, timeout_s=timeout_s, create=False, readers=0)
        source = None if store is None else store.migration_source()
        check = _in_time(_check_closed(driver, source), driver, source, timeout_s)
        return await _with_cache(check, None if cache is None else check_cache(cache))
    driver, source = store_or_url.driver, store_or_url.migration_source()
    driver.check_outside_transaction()
    check = _in_time(_check(driver, source), driver, source, timeout_s)
    of_cache = None if store_or_url.cache is None else store_or_url.cache.check()
    health = await _with_cache(check, of_cache)
    outbox = store_or_url.outbox
    backlog = None if outbox is None else outbox.backlog()
    if backlog is not None and health.error == UsageError.__name__:
        problem = "the database was away when the store was opened, and was not reached yet"
        health = msgspec.structs.replace(health, problem=problem, error=Unavailable.__name__)
    return msgspec.structs.replace(health, pool=driver.load(), outbox=backlog)


async def _with_cache(
    check: Coroutine[Any, Any, Health], of_cache: Coroutine[Any, Any, CacheHealth] | None
) -> Health:
    """Both at the same time."""
    if of_cache is None:
        return await check
    cache = asyncio.ensure_future(of_cache)
    health = await check
    return msgspec.structs.replace(health, cache=await cache)


async def _check_closed(driver: Driver, source: MigrationSource | None) -> Health:
    try:
        await driver.open()
        return await _check(driver, source)
    finally:
        await driver.close()


async def _check(driver: Driver, source: MigrationSource | None) -> Health:
    started = time.perf_counter()
    probe = await driver.probe()
    latency_ms = milliseconds(time.perf_counter() - started)
    found = None if source is None else await migration_status(driver, source)
    problems = list(_problems(probe, found))
    return Health(
        status="unhealthy" if problems else "healthy",
        engine=driver.engine,
        store=_name(source),
        problem="; ".join(problems) or None,
        server_version=probe.server_version,
        latency_ms=latency_ms,
        pending=None if found is None else found.pending,
        wal_bytes=probe.wal_bytes,
        disk_free_bytes=probe.disk_free_bytes,
    )


def _problems(probe: Probe, found: Status | None) -> Iterator[str]:
    if not probe.writable:
        yield "it takes no writes; look at the file's and folder's mode, or whether it is a standby"
    if found is None:
        return
    if found.problem:
        yield found.problem
    elif found.pending:
        versions = ", ".join(f"{version:04}" for version in found.pending)
        yield f"migrations are pending: {versions}; run `python -m sqlstore migrate up --store {found.store}`"


async def _in_time(
    check: Coroutine[Any, Any, Health], driver: Driver, source: MigrationSource | None, timeout_s: float
) -> Health:
    """What the check says, or what kept it from saying anything.

    A check that does not end in time is left behind: the disk or socket it waits for is
    the very thing that is broken.
    """
    with deadline(max(timeout_s - _MARGIN_S, timeout_s / 2)):
        task = asyncio.ensure_future(Outcome.of(check))
    try:
        await asyncio.wait((task,), timeout=timeout_s)
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        return _failed(DeadlineExceeded(f"no answer within {timeout_s:g} s"), driver, source)
    failure = task.result().error
    return _failed(failure, driver, source) if isinstance(failure, StoreError) else task.result().get()


def _failed(failure: StoreError, driver: Driver, source: MigrationSource | None) -> Health:
    return Health(
        status="away" if isinstance(failure, _AWAY) else "unhealthy",
        engine=driver.engine,
        store=_name(source),
        problem=str(failure),
        error=type(failure).__name__,
    )


def _name(source: MigrationSource | None) -> str | None:
    return None if source is None else source.store
