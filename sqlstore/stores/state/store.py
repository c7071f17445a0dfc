"""The state store: what frameworks for agents and bots keep between two calls.

Its users are the adapters in `sqlstore.adapters`, one for each framework.

async with State.open("sqlite:///data/state.db") as state:
    session = SqlStoreSession("ann", state)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import ModuleType
from typing import ClassVar

import msgspec

from sqlstore.open_options import OpenOptions
from sqlstore.store import Store
from sqlstore.stores.state import rows
from sqlstore.stores.state.histories import HistoryItemRepository, HistoryRepository


class State(Store):
    """Histories of agents, and whatever else a framework asks a store for.

    Its methods raise InvalidValue before any I/O for what no database could
    keep, else a member of sqlstore.engine.errors.DatabaseError.
    """

    name = "state"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "histories": rows.History,
        "history_items": rows.HistoryItem,
    }

    histories: HistoryRepository
    history_items: HistoryItemRepository
    loop: asyncio.AbstractEventLoop
    """The event loop in which the store was opened, and in which it works."""

    async def _start(self, options: OpenOptions) -> None:
        self.loop = asyncio.get_running_loop()
        await super()._start(options)

    async def append_items(self, framework: str, session_id: str, items: Sequence[str]) -> None:
        """Add JSON documents to a history in their order, next to each other; one never seen is begun.

        All or none; `[]` changes nothing.
        """

        async def create_and_append(tx: State) -> bool:
            await tx.histories.create(framework, session_id)
            return await tx.history_items.append(framework, session_id, items)

        if items and not await self.history_items.append(framework, session_id, items):
            await self.run(create_and_append)
