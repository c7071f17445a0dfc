"""The cache of one open store, and the repositories that use it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar, cast

import msgspec

from sqlstore.capabilities.cache.client import Away, RedisClient, Reply, Sent, Word
from sqlstore.capabilities.cache.options import RedisCache
from sqlstore.capabilities.cache.values import MOST_BYTES, Kept, ValueCodec
from sqlstore.engine.observe import NOBODY, CacheOutcome, CacheUse, Reporter, milliseconds
from sqlstore.engine.repository import Repository

R = TypeVar("R", bound=msgspec.Struct)
Version = Callable[[], Awaitable[str | None]]
"""The present version of an owner's rows; None or "" for none."""
Read = Callable[[], Awaitable[tuple[str, list[R]]]]
"""The newest rows, oldest first, and their version, of one moment."""

MOST_ROWS: Final = 200
"""How many rows of an owner are kept at most."""
_FORGET_S: Final = 5.0
_SCAN_KEYS: Final = 500


class CacheHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the cache is.

    - status: "up", or "away" where it gave no answer within 100 ms: then the database answers alone.
    - latency_ms: of one round trip; None where it is away.
    - error: the class of what went wrong; None where nothing did.
    """

    status: Literal["up", "away"]
    latency_ms: float | None = None
    error: str | None = None

    @property
    def sentence(self) -> str:
        """For people."""
        if self.status == "up":
            return f"up, {self.latency_ms:.1f} ms"
        return f"away ({self.error}); the database answers alone"


async def check_cache(options: RedisCache) -> CacheHealth:
    """Ask a Redis how it is, with a connection of its own."""
    cache = Cache(options, "", NOBODY)
    try:
        return await cache.check()
    finally:
        await cache.close()


class Cache:
    """What one store keeps in Redis. database: what tells its database from others in the same Redis."""

    def __init__(self, options: RedisCache, database: str, reporter: Reporter) -> None:
        self._client = RedisClient(options, reporter.store)
        self._ttl_ms = max(1, round(options.ttl_s * 1000))
        digest = hashlib.sha256(database.encode()).hexdigest()
        self._prefix = f"sqlstore:{digest[:16]}:"
        self._reporter = reporter
        self._codecs: dict[type[msgspec.Struct], ValueCodec[msgspec.Struct]] = {}

    async def newest(  # noqa: PLR0917 - what is read, and how
        self, table: str, row: type[R], owner: str, limit: int, version: Version, read: Read[R]
    ) -> list[R]:
        """The newest rows of an owner, oldest first: always what `read` gives, or would have given."""
        if limit > MOST_ROWS:
            return (await read())[1]
        turn = _Turn(self._client)
        kept = await self._kept(turn, table, row, owner, version)
        if kept is not None and kept.covers(limit):
            self._report(turn, "hit")
            return kept.rows[-limit:]
        present, rows = await read()
        if present:
            value = self._codec(row).encode(owner, present, rows, complete=len(rows) < limit)
            if value is not None:
                await turn.ask("SET", self._key(table, owner), value, "PX", self._ttl_ms)
        self._report(turn, "miss")
        return rows

    async def _kept(
        self, turn: _Turn, table: str, row: type[R], owner: str, version: Version
    ) -> Kept[R] | None:
        """What Redis has of the version that the database has now; both are asked at the same time."""
        if turn.refused:
            return None
        sent = self._client.send("GETRANGE", self._key(table, owner), 0, MOST_BYTES - 1)
        try:
            present = await version()
            value = await turn.reply(sent)
        finally:
            sent.cancel()
        if not present or not isinstance(value, bytes) or not value:
            return None
        kept = self._codec(row).decode(value, owner)
        return kept if kept is not None and kept.version == present else None

    async def forget(self, table: str, owner: str) -> None:
        """Take an owner's rows out of Redis, if it answers; nobody would be given them any more anyway."""
        await _Turn(self._client).ask("UNLINK", self._key(table, owner))

    async def forget_everything(self) -> bool:
        """Take all rows of this database out of Redis; False where it did not answer to the end."""
        until, cursor = time.monotonic() + _FORGET_S, b"0"
        try:
            while True:
                seconds = until - time.monotonic()
                pattern = self._prefix + "*"
                cursor, keys = await self._client.ask(
                    "SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_KEYS, seconds=seconds
                )
                if keys:
                    await self._client.ask("UNLINK", *keys, seconds=until - time.monotonic())
                if cursor == b"0":
                    return True
        except (Away, TypeError, ValueError):
            return False

    async def check(self) -> CacheHealth:
        """Ask Redis how it is, even while other calls leave it alone."""
        started = time.perf_counter()
        try:
            await self._client.ask("PING")
        except Away as away:
            return CacheHealth(status="away", error=away.name)
        return CacheHealth(status="up", latency_ms=milliseconds(time.perf_counter() - started))

    async def close(self) -> None:
        """Let go of Redis; at most 1 second."""
        await self._client.close()

    def _key(self, table: str, owner: str) -> bytes:
        return f"{self._prefix}{table}:{owner}".encode(errors="surrogatepass")

    def _codec(self, row: type[R]) -> ValueCodec[R]:
        if row not in self._codecs:
            self._codecs[row] = ValueCodec(row)
        return cast("ValueCodec[R]", self._codecs[row])

    def _report(self, turn: _Turn, found: Literal["hit", "miss"]) -> None:
        outcome: CacheOutcome = turn.refused or found
        self._reporter.cache_used(CacheUse(outcome=outcome, seconds=turn.seconds, error=turn.error))


class _Turn:
    """What one call waits for Redis: the client's deadline in all, and no more after a failure.

    seconds: how long it was. refused: why Redis is not asked (any more).
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self.seconds = 0.0
        self.error: str | None = None
        self.refused: Literal["error", "skipped"] | None = None if client.breaker.admits() else "skipped"

    async def ask(self, *command: Word) -> Reply:
        """The reply, or None where there is none."""
        return None if self.refused else await self.reply(self._client.send(*command))

    async def reply(self, sent: Sent) -> Reply:
        """The same for a command that was sent before."""
        started = time.perf_counter()
        try:
            return await self._client.reply(sent, self._client.deadline_s - self.seconds)
        except Away as away:
            self.error, self.refused = away.name, "error"
            return None
        finally:
            self.seconds += time.perf_counter() - started


class CachingRepository(Repository):
    """A repository that may use a cache. cache: the store's; None without one, and inside a transaction."""

    cache: Cache | None = None
