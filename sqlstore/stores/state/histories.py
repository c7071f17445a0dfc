"""Histories of the state store: its named queries as methods.

Every method raises InvalidValue before any I/O for what no database could keep,
else a member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlstore.engine.clock import now
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import checked, members
from sqlstore.stores.state.rows import History, HistoryItem

END: Final = 2**63 - 1
"""The place behind every item, and as a limit: all items."""


class HistoryRepository(Repository):
    """Which histories there are, without their items."""

    table = "histories"

    async def get(self, framework: str, session_id: str) -> History | None:
        """A session's history, or None."""
        return await self._one(History, self._q.get, framework, session_id)

    async def create(self, framework: str, session_id: str) -> None:
        """Begin a history, unless there is one."""
        await self._changed(self._q.create, framework, session_id, now())

    async def delete(self, framework: str, session_id: str) -> bool:
        """Forget a history with its items; False if there is none."""
        return await self._changed(self._q.delete, framework, session_id) > 0


class HistoryItemRepository(Repository):
    """Items, in the order of their seq."""

    table = "history_items"

    async def append(self, framework: str, session_id: str, items: Sequence[str]) -> bool:
        """Add JSON documents in their order, next to each other; False, and nothing is written, without a history."""
        return (
            await self._changed(
                self._q.append, framework, session_id, checked(members, items, "items"), now()
            )
            > 0
        )

    async def newest(
        self, framework: str, session_id: str, limit: int = END, *, before: int = END
    ) -> list[HistoryItem]:
        """The newest items, oldest first. before: only those with a smaller seq."""
        return await self._many(HistoryItem, self._q.before, framework, session_id, before, limit)

    async def pop(self, framework: str, session_id: str) -> str | None:
        """Take the newest item away and give it; None where there is none. Two callers never get the same."""
        return await self._optional_value(str, self._q.pop, framework, session_id)

    async def count(self, framework: str, session_id: str) -> int:
        """How many items a history has."""
        return await self._value(int, self._q.count, framework, session_id)
