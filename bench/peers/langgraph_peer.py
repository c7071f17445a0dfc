"""LangGraph's checkpointers. A checkpoint is the whole state, so all messages are in each.

The savers are called as their README does, without a graph, which would only cost more; the state
stays in memory between two calls, which spares the peer the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

from bench.board import TEXT
from bench.peers.peer import HistoryPeer, Place


class LangGraph(HistoryPeer):
    async def open(self, place: Place) -> None:
        self._stack = AsyncExitStack()
        if place.engine == "sqlite":
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - this engine's only

            opening = AsyncSqliteSaver.from_conn_string(str(place.file("langgraph.db")))
        else:
            from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415

            opening = AsyncPostgresSaver.from_conn_string(place.database)
        self._saver = await self._stack.enter_async_context(opening)
        await self._saver.setup()
        if place.engine == "sqlite":
            for name, value in place.pragmas().items():
                await self._saver.conn.execute(f"PRAGMA {name} = {value}")
        self._config = {"configurable": {"thread_id": "chat", "checkpoint_ns": ""}}
        self._messages: list[HumanMessage] = []
        self._version: str | None = None

    async def close(self) -> None:
        await self._stack.aclose()

    async def fill(self, messages: int) -> None:
        self._messages = [HumanMessage(TEXT) for _ in range(messages)]
        await self.remember(0)

    async def remember(self, number: int) -> None:
        self._messages.append(HumanMessage(f"{number} {TEXT}"))
        self._version = self._saver.get_next_version(self._version, None)
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": self._messages}
        checkpoint["channel_versions"] = {"messages": self._version}
        self._config = await self._saver.aput(
            self._config, checkpoint, {"source": "loop", "step": number}, {"messages": self._version}
        )

    async def recall(self, number: int) -> Sequence[object]:  # noqa: ARG002 - as every peer's
        checkpoint = await self._saver.aget({"configurable": {"thread_id": "chat", "checkpoint_ns": ""}})
        return checkpoint["channel_values"]["messages"][-50:] if checkpoint else []
