"""LangChain's SQLChatMessageHistory in async mode. It has no way to read only the last messages."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_community.chat_message_histories import SQLChatMessageHistory
from langchain_core.messages import HumanMessage

from bench.board import TEXT
from bench.peers.peer import HistoryPeer, Place
from bench.peers.sqlalchemy_peer import make_engine


class LangChain(HistoryPeer):
    async def open(self, place: Place) -> None:
        self._engine = make_engine(place)
        self._history = SQLChatMessageHistory("chat", connection=self._engine)

    async def close(self) -> None:
        await self._engine.dispose()

    async def fill(self, messages: int) -> None:
        await self._history.aadd_messages([HumanMessage(TEXT) for _ in range(messages)])

    async def remember(self, number: int) -> None:
        await self._history.aadd_messages([HumanMessage(f"{number} {TEXT}")])

    async def recall(self, number: int) -> Sequence[object]:  # noqa: ARG002 - as every peer's
        return (await self._history.aget_messages())[-50:]
