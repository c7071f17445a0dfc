"""databases: one Database object, SQL text and values. On SQLite it opens a connection for each call."""

from __future__ import annotations

from collections.abc import Sequence

from databases import Database
from msgspec.structs import asdict

from bench.board import ROLE, SENT_MS, TEXT, bulk_rows
from bench.peers.peer import APPEND, BULK_ROWS, BUSY_S, INSERT, LATEST, POINT, POOL_SIZE, MessagePeer, Place

_POINT, _LATEST = POINT.format(":id"), LATEST.format(":chat_id")
_APPEND = APPEND.format(":chat_id", ":role", ":text", ":sent_ms")
_INSERT = INSERT.format(":id", ":chat_id", ":role", ":text", ":sent_ms")


class Databases(MessagePeer):
    async def open(self, place: Place) -> None:
        if place.engine == "sqlite":
            self._database = Database(place.url(sqlite="sqlite+aiosqlite"), timeout=BUSY_S)
        else:
            self._database = Database(place.url("postgresql+asyncpg"), min_size=POOL_SIZE, max_size=POOL_SIZE)
        self._append = _APPEND if place.engine == "sqlite" else f"{_APPEND} RETURNING id"
        await self._database.connect()

    async def close(self) -> None:
        await self._database.disconnect()

    async def point(self, message_id: int) -> object:
        return await self._database.fetch_one(_POINT, {"id": message_id})

    async def latest(self, chat_id: int) -> Sequence[object]:
        return await self._database.fetch_all(_LATEST, {"chat_id": chat_id})

    async def append(self, chat_id: int) -> int:
        values = {"chat_id": chat_id, "role": ROLE, "text": TEXT, "sent_ms": SENT_MS}
        return int(await self._database.execute(self._append, values))

    async def bulk(self, first: int) -> None:
        async with self._database.transaction():
            await self._database.execute_many(_INSERT, [asdict(row) for row in bulk_rows(first, BULK_ROWS)])
