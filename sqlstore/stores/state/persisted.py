"""What a bot keeps between two starts; the named queries as methods.

Every method raises InvalidValue before any I/O for what no database could keep,
else a member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlstore.engine.clock import now
from sqlstore.engine.repository import Repository
from sqlstore.stores.state.rows import PersistedConversation, PersistedData, PersistedKind


class PersistedDataRepository(Repository):
    """Data of a bot's users, of its chats, and its own: JSON documents."""

    table = "persisted_data"

    def all_of(self, bot: str, kind: PersistedKind) -> AsyncIterator[PersistedData]:
        """All of one kind, by owner, page by page."""
        return self._stream(PersistedData, self._q.all_of, bot=bot, kind=kind)

    async def get(self, bot: str, kind: PersistedKind, owner_id: int) -> str | None:
        """What is kept, or None."""
        return await self._optional_value(str, self._q.get, bot, kind, owner_id)

    async def put(self, rows: Sequence[tuple[str, PersistedKind, int, str]]) -> None:
        """Keep documents, each as (bot, kind, owner_id, data), all or none."""
        moment = now()
        await self._changed_many(self._q.put, [(*row, moment) for row in rows])

    async def delete(self, keys: Sequence[tuple[str, PersistedKind, int]]) -> int:
        """Forget documents, each by (bot, kind, owner_id); how many there were."""
        return await self._changed_many(self._q.delete, keys)


class PersistedConversationRepository(Repository):
    """Where the conversations of a bot's handlers stand."""

    table = "persisted_conversations"

    def all_of(self, bot: str, name: str) -> AsyncIterator[PersistedConversation]:
        """All of one handler, by key, page by page."""
        return self._stream(PersistedConversation, self._q.all_of, bot=bot, name=name)

    async def put(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Keep states, each as (bot, name, key, state), all or none."""
        moment = now()
        await self._changed_many(self._q.put, [(*row, moment) for row in rows])

    async def delete(self, keys: Sequence[tuple[str, str, str]]) -> int:
        """Forget states, each by (bot, name, key); how many there were."""
        return await self._changed_many(self._q.delete, keys)
