"""How a store is opened, and what `Store.open` gives."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Literal, Protocol, TypeVar

from sqlstore.capabilities.backup import BackupSchedule
from sqlstore.capabilities.cache import RedisCache
from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.capabilities.retention import Retention
from sqlstore.capabilities.slow_queries import SlowQueryLog
from sqlstore.engine.clock import zone
from sqlstore.engine.driver import DEFAULT_TIMEOUT_S
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.observe import Observer, Reporter

_CACHE_SWITCH: Final = "SQLSTORE_CACHE"
_YES_OR_NO: Final = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


class _Closable(Protocol):
    async def close(self) -> None: ...


StoreType = TypeVar("StoreType", bound=_Closable)


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How a store is opened; every default serves.

    - migrate: apply what is pending; False only checks and raises PendingMigrations. None asks
      the variable SQLSTORE_MIGRATE (0, false, no, off: only check), and applies where it is not set.
    - timeout_s: how long a public call may take, in seconds, waiting included.
    - create: make a SQLite file that is missing; False raises ConfigurationError.
    - readers: SQLite connections that read beside the writer: one at a time, others while a read takes long.
    - synchronous: "full" keeps every acknowledged write through a power cut;
      "normal" may lose the last ones, and is faster (SQLite only).
    - search: keep the index of what is searched; False empties it, for every process that
      uses the database, and writes cost nothing for it until it is opened with True again.
    - slow_query_s: calls that take as many seconds go to the logger `sqlstore.slow`; None logs none.
    - observers: told of every call; see sqlstore.capabilities.metrics for Prometheus.
    - retention: what the open store cleans up by itself; None deletes nothing.
    - backups: when the store backs itself up while it is open; None for never.
    - timezone: whose clock `backups` and the days of statistics go by, such as "Asia/Bangkok";
      None asks the variable SQLSTORE_TIMEZONE, and means UTC where it is not set.
    - cache: a Redis that keeps what is read often (the store conversations has something for it);
      True for the one that REDIS_HOST and its like name, in the environment or `.env`, False for
      none. None asks the variable SQLSTORE_CACHE, there too, which is 0 unless you set it.
    - outbox: where writes go while the database is away, see `Store.save`: a path, or settings
      with limits. The store then opens without its database, too. None has no outbox.
    """

    migrate: bool | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    create: bool = True
    readers: int = 2
    synchronous: Literal["full", "normal"] = "full"
    search: bool = True
    slow_query_s: float | None = None
    observers: Sequence[Observer] = ()
    retention: Retention | None = None
    backups: BackupSchedule | None = None
    timezone: str | None = None
    cache: RedisCache | bool | None = None
    outbox: OutboxSettings | Path | str | None = None

    def reporter(self, store: str) -> Reporter:
        """Tells the log and the observers what happens."""
        slow = [] if self.slow_query_s is None else [SlowQueryLog(self.slow_query_s)]
        return Reporter(store, [*slow, *self.observers])

    def chosen_cache(self, store: str, *, of_use: bool) -> RedisCache | None:
        """The cache to use. of_use: the store has something for it. Raises ConfigurationError."""
        if not of_use:
            if self.cache:
                raise ConfigurationError(f"the store {store} caches nothing; open it without cache=")
            return None
        if isinstance(self.cache, RedisCache):
            return self.cache
        if self.cache is False or (self.cache is None and not _says_something_of_a_cache()):
            return None
        from sqlstore.capabilities.cache.settings import (  # noqa: PLC0415 - takes long to import
            RedisSettings,
            environment_cache,
        )
        from sqlstore.environment import load_settings  # noqa: PLC0415

        return load_settings(RedisSettings).cache if self.cache else environment_cache()

    @property
    def zone(self) -> tzinfo:
        """The time zone. Raises ConfigurationError for one that is not known."""
        return zone(self.timezone or os.environ.get("SQLSTORE_TIMEZONE") or "UTC")

    @property
    def migrates(self) -> bool:
        """Whether pending migrations are applied. Raises ConfigurationError."""
        if self.migrate is not None:
            return self.migrate
        given = os.environ.get("SQLSTORE_MIGRATE") or "1"
        answer = _YES_OR_NO.get(given.lower())
        if answer is None:
            raise ConfigurationError("SQLSTORE_MIGRATE must be 1 or 0 (or true, false, yes, no, on, off)")
        return answer


def _says_something_of_a_cache() -> bool:
    """Whether environment or `.env` do; most do not, and need not be read as settings."""
    if _CACHE_SWITCH in os.environ:
        return True
    try:
        return _CACHE_SWITCH.encode() in Path(".env").read_bytes().upper()
    except OSError:
        return False


class Opening(Generic[StoreType]):
    """What `Store.open` gives: `async with` it, or await it and close the store yourself."""

    def __init__(self, start: Callable[[], Awaitable[StoreType]]) -> None:
        self._start = start
        self._store: StoreType | None = None

    def __await__(self) -> Generator[object, None, StoreType]:
        return self._start().__await__()

    async def __aenter__(self) -> StoreType:
        self._store = await self._start()
        return self._store

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.close()
