"""SQLSpec: a session from the pool for each unit of work, rows as structs by `schema_type`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict
from sqlspec import SQLSpec

from bench.board import ROLE, SENT_MS, TEXT, Message, bulk_rows
from bench.peers.peer import APPEND, BULK_ROWS, BUSY_S, INSERT, LATEST, POINT, POOL_SIZE, MessagePeer, Place

_POINT, _LATEST = POINT.format(":id"), LATEST.format(":chat_id")
_APPEND = APPEND.format(":chat_id", ":role", ":text", ":sent_ms") + " RETURNING id"
_INSERT = INSERT.format(":id", ":chat_id", ":role", ":text", ":sent_ms")


class SqlSpec(MessagePeer):
    async def open(self, place: Place) -> None:
        self._spec = SQLSpec()
        if place.engine == "sqlite":
            from sqlspec.adapters.aiosqlite import AiosqliteConfig  # noqa: PLC0415 - only this engine's driver

            self._config = AiosqliteConfig(
                connection_config={"database": place.database, "timeout": BUSY_S},
                driver_features={"pragmas": place.pragmas()},
            )
        else:
            from sqlspec.adapters.asyncpg import AsyncpgConfig  # noqa: PLC0415

            self._config = AsyncpgConfig(
                connection_config={"dsn": place.database, "min_size": POOL_SIZE, "max_size": POOL_SIZE}
            )
        self._spec.add_config(self._config)

    async def close(self) -> None:
        await self._config.close_pool()

    async def point(self, message_id: int) -> object:
        async with self._spec.provide_session(self._config) as session:
            return await session.select_one_or_none(_POINT, {"id": message_id}, schema_type=Message)

    async def latest(self, chat_id: int) -> Sequence[object]:
        async with self._spec.provide_session(self._config) as session:
            return await session.select(_LATEST, {"chat_id": chat_id}, schema_type=Message)

    async def append(self, chat_id: int) -> int:
        row = {"chat_id": chat_id, "role": ROLE, "text": TEXT, "sent_ms": SENT_MS}
        async with self._spec.provide_session(self._config) as session:
            message_id = await session.select_value(_APPEND, row)
            await session.commit()
            return int(message_id)

    async def bulk(self, first: int) -> None:
        async with self._spec.provide_session(self._config) as session:
            await session.begin()
            await session.execute_many(_INSERT, [asdict(row) for row in bulk_rows(first, BULK_ROWS)])
            await session.commit()
