"""SQLite's drivers by themselves: without asyncio, with one hop a call, and as aiosqlite's README has it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import aiosqlite
from msgspec.structs import astuple

from bench.board import ROLE, SENT_MS, TEXT, bulk_rows
from bench.peers.peer import APPEND, BULK_ROWS, BUSY_S, INSERT, LATEST, POINT, MessagePeer, Place

_POINT, _LATEST = POINT.format("?"), LATEST.format("?")
_APPEND, _INSERT = APPEND.format(*"????"), INSERT.format(*"?????")


class Synchronous(MessagePeer):
    """The floor: sqlite3 without asyncio. Tasks that append are as many rows in one transaction."""

    async def open(self, place: Place) -> None:
        self._connection = sqlite3.connect(place.database, isolation_level=None)
        for name, value in place.pragmas().items():
            self._connection.execute(f"PRAGMA {name} = {value}")

    async def close(self) -> None:
        self._connection.close()

    async def point(self, message_id: int) -> object:
        return self._connection.execute(_POINT, (message_id,)).fetchone()

    async def latest(self, chat_id: int) -> Sequence[object]:
        return self._connection.execute(_LATEST, (chat_id,)).fetchall()

    async def append(self, chat_id: int) -> int:
        return self._connection.execute(_APPEND, (chat_id, ROLE, TEXT, SENT_MS)).lastrowid or 0

    async def append_together(self, chat_ids: Sequence[int]) -> None:
        """What group commit can reach at best."""
        self._connection.execute("BEGIN IMMEDIATE")
        for chat_id in chat_ids:
            self._connection.execute(_APPEND, (chat_id, ROLE, TEXT, SENT_MS))
        self._connection.execute("COMMIT")

    async def bulk(self, first: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, map(astuple, bulk_rows(first, BULK_ROWS)))
        self._connection.execute("COMMIT")


class _Aiosqlite(MessagePeer):
    connection: aiosqlite.Connection

    async def _connect(self, place: Place, **options: Any) -> None:
        self.connection = await aiosqlite.connect(place.database, timeout=BUSY_S, **options)
        for name, value in place.pragmas().items():
            await self.connection.execute(f"PRAGMA {name} = {value}")
        self.lock = asyncio.Lock()

    async def close(self) -> None:
        await self.connection.close()

    async def bulk(self, first: int) -> None:
        rows = map(astuple, bulk_rows(first, BULK_ROWS))
        async with self.lock:
            await self.connection.execute("BEGIN")
            await self.connection.executemany(_INSERT, rows)
            await self.connection.commit()


class OneHop(_Aiosqlite):
    """The least that a call through aiosqlite costs; every INSERT commits by itself."""

    async def open(self, place: Place) -> None:
        await self._connect(place, isolation_level=None, cached_statements=512)

    async def point(self, message_id: int) -> object:
        return (await self.connection.execute_fetchall(_POINT, (message_id,)))[0]  # type: ignore[index]

    async def latest(self, chat_id: int) -> Sequence[object]:
        return await self.connection.execute_fetchall(_LATEST, (chat_id,))  # type: ignore[return-value]

    async def append(self, chat_id: int) -> int:
        row = await self.connection.execute_insert(_APPEND, (chat_id, ROLE, TEXT, SENT_MS))
        return int(row[0]) if row else 0


class Documented(_Aiosqlite):
    """A cursor in `async with`, and a commit; writers take a lock, or they would commit each other's rows."""

    async def open(self, place: Place) -> None:
        await self._connect(place)

    async def point(self, message_id: int) -> object:
        async with self.connection.execute(_POINT, (message_id,)) as cursor:
            return await cursor.fetchone()

    async def latest(self, chat_id: int) -> Sequence[object]:
        async with self.connection.execute(_LATEST, (chat_id,)) as cursor:
            return list(await cursor.fetchall())

    async def append(self, chat_id: int) -> int:
        async with self.lock, self.connection.execute(_APPEND, (chat_id, ROLE, TEXT, SENT_MS)) as cursor:
            await self.connection.commit()
            return cursor.lastrowid or 0
