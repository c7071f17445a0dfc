"""Sessions of the OpenAI Agents SDK."""

from __future__ import annotations

from collections.abc import Sequence

from agents import SQLiteSession
from agents.extensions.memory import SQLAlchemySession
from agents.memory import Session

from bench.board import TEXT
from bench.peers.peer import HistoryPeer, Place
from bench.peers.sqlalchemy_peer import make_engine


class _Sessions(HistoryPeer):
    _session: Session

    async def fill(self, messages: int) -> None:
        await self._session.add_items([{"role": "user", "content": TEXT} for _ in range(messages)])

    async def remember(self, number: int) -> None:
        await self._session.add_items([{"role": "user", "content": f"{number} {TEXT}"}])

    async def recall(self, number: int) -> Sequence[object]:  # noqa: ARG002 - as every peer's
        return await self._session.get_items(limit=50)


class Sqlite(_Sessions):
    async def open(self, place: Place) -> None:
        self._session = SQLiteSession("chat", place.file("openai_agents.db"))

    async def close(self) -> None:
        self._session.close()


class SqlAlchemy(_Sessions):
    async def open(self, place: Place) -> None:
        self._engine = make_engine(place)
        self._session = SQLAlchemySession("chat", engine=self._engine, create_tables=True)

    async def close(self) -> None:
        await self._engine.dispose()
