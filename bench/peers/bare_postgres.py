"""asyncpg by itself: prepared statements on held connections, one connection, and its pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from msgspec.structs import astuple

from bench.board import ROLE, SENT_MS, TEXT, bulk_rows
from bench.peers.peer import APPEND, BULK_ROWS, INSERT, LATEST, POINT, POOL_SIZE, MessagePeer, Place

_POINT, _LATEST = POINT.format("$1"), LATEST.format("$1")
_APPEND = APPEND.format("$1", "$2", "$3", "$4") + " RETURNING id"
_INSERT = INSERT.format("$1", "$2", "$3", "$4", "$5")
COLUMNS = ("id", "chat_id", "role", "text", "sent_ms")


class _Held:
    """A connection and its statements."""

    connection: asyncpg.Connection
    point: PreparedStatement
    latest: PreparedStatement
    append: PreparedStatement


class Prepared(MessagePeer):
    """The floor: a free list of connections, each statement prepared once. Bulk is COPY."""

    async def open(self, place: Place) -> None:
        self._free: asyncio.LifoQueue[_Held] = asyncio.LifoQueue()
        self._all = []
        for _ in range(POOL_SIZE):
            held = _Held()
            held.connection = await asyncpg.connect(place.database)
            held.point = await held.connection.prepare(_POINT)
            held.latest = await held.connection.prepare(_LATEST)
            held.append = await held.connection.prepare(_APPEND)
            self._all.append(held)
            self._free.put_nowait(held)

    async def close(self) -> None:
        for held in self._all:
            await held.connection.close()

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[_Held]:
        held = await self._free.get()
        try:
            yield held
        finally:
            self._free.put_nowait(held)

    async def point(self, message_id: int) -> object:
        held = await self._free.get()
        try:
            return await held.point.fetchrow(message_id)
        finally:
            self._free.put_nowait(held)

    async def latest(self, chat_id: int) -> Sequence[object]:
        held = await self._free.get()
        try:
            return await held.latest.fetch(chat_id)
        finally:
            self._free.put_nowait(held)

    async def append(self, chat_id: int) -> int:
        held = await self._free.get()
        try:
            return int(await held.append.fetchval(chat_id, ROLE, TEXT, SENT_MS))
        finally:
            self._free.put_nowait(held)

    async def bulk(self, first: int) -> None:
        rows = map(astuple, bulk_rows(first, BULK_ROWS))
        async with self._taken() as held:
            await held.connection.copy_records_to_table("messages", records=rows, columns=COLUMNS)


class OneConnection(MessagePeer):
    """`connection.fetch` and `connection.executemany`."""

    most_tasks = 1
    _source: asyncpg.Connection | asyncpg.Pool

    async def open(self, place: Place) -> None:
        self._source = await asyncpg.connect(place.database)

    async def close(self) -> None:
        await self._source.close()

    async def point(self, message_id: int) -> object:
        return (await self._source.fetch(_POINT, message_id))[0]

    async def latest(self, chat_id: int) -> Sequence[object]:
        return list(await self._source.fetch(_LATEST, chat_id))

    async def append(self, chat_id: int) -> int:
        return int((await self._source.fetch(_APPEND, chat_id, ROLE, TEXT, SENT_MS))[0][0])

    async def bulk(self, first: int) -> None:
        await self._source.executemany(_INSERT, map(astuple, bulk_rows(first, BULK_ROWS)))


class Pool(OneConnection):
    """`pool.fetch`, as asyncpg's documentation recommends for servers."""

    most_tasks = None

    async def open(self, place: Place) -> None:
        self._source = await asyncpg.create_pool(place.database, min_size=POOL_SIZE, max_size=POOL_SIZE)
