"""aiosql: queries in a file, over one aiosqlite connection or asyncpg's pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiosql
import aiosqlite
import asyncpg
from msgspec.structs import asdict

from bench.board import ROLE, SENT_MS, TEXT, bulk_rows
from bench.peers.peer import BULK_ROWS, BUSY_S, POOL_SIZE, MessagePeer, Place

QUERIES = Path(__file__).with_name("aiosql_queries.sql")


class Sqlite(MessagePeer):
    """Writers take a lock, or they would commit each other's rows."""

    async def open(self, place: Place) -> None:
        self._queries = aiosql.from_path(QUERIES, "aiosqlite")
        self._connection = await aiosqlite.connect(place.database, timeout=BUSY_S)
        for name, value in place.pragmas().items():
            await self._connection.execute(f"PRAGMA {name} = {value}")
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        await self._connection.close()

    async def point(self, message_id: int) -> object:
        return await self._queries.point(self._connection, message_id=message_id)

    async def latest(self, chat_id: int) -> Sequence[object]:
        return [row async for row in self._queries.latest(self._connection, chat_id=chat_id)]

    async def append(self, chat_id: int) -> int:
        async with self._lock:
            message_id = await self._queries.append_sqlite(
                self._connection, chat_id=chat_id, role=ROLE, text=TEXT, sent_ms=SENT_MS
            )
            await self._connection.commit()
        return int(message_id)

    async def bulk(self, first: int) -> None:
        async with self._lock:
            await self._queries.bulk(self._connection, [asdict(row) for row in bulk_rows(first, BULK_ROWS)])
            await self._connection.commit()


class Postgres(MessagePeer):
    async def open(self, place: Place) -> None:
        self._queries = aiosql.from_path(QUERIES, "asyncpg")
        self._pool = await asyncpg.create_pool(place.database, min_size=POOL_SIZE, max_size=POOL_SIZE)

    async def close(self) -> None:
        await self._pool.close()

    async def point(self, message_id: int) -> object:
        return await self._queries.point(self._pool, message_id=message_id)

    async def latest(self, chat_id: int) -> Sequence[object]:
        return [row async for row in self._queries.latest(self._pool, chat_id=chat_id)]

    async def append(self, chat_id: int) -> int:
        return int(
            await self._queries.append_postgres(
                self._pool, chat_id=chat_id, role=ROLE, text=TEXT, sent_ms=SENT_MS
            )
        )

    async def bulk(self, first: int) -> None:
        await self._queries.bulk(self._pool, [asdict(row) for row in bulk_rows(first, BULK_ROWS)])
