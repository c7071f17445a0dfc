"""Repositories of the lessons store: its named queries as methods.

Every method raises InvalidValue before any I/O for what no database could keep,
else a member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import timestamp_text
from sqlstore.stores.lessons.rows import Message, Role, Session
from sqlstore.stores.lessons.state import SessionMessage, SessionState, check_chat_id, check_message


class SessionRepository(Repository):
    """Where each chat's lesson stands, without its messages."""

    table = "sessions"

    async def get(self, chat_id: str) -> Session | None:
        """The session of a chat, or None."""
        return await self._one(Session, self._q.get, chat_id)

    async def save(self, state: SessionState, moment: datetime) -> Session | None:
        """Keep a state, without its messages; None, and nothing is written, where a newer one is stored.

        moment: becomes updated_at, unless that is later already.
        """
        return await self._one(
            Session,
            self._q.save,
            state.chat_id,
            *state.columns().values(),
            state.created_at,
            state.state_version,
            moment,
        )

    async def create(self, chat_id: str) -> None:
        """Begin a session, unless there is one."""
        check_chat_id(chat_id)
        await self._changed(self._q.create, chat_id, now())

    async def recent(self, limit: int = 50) -> list[Session]:
        """The most recently active first."""
        return await self._many(Session, self._q.recent, limit)

    def all(self) -> AsyncIterator[Session]:
        """Every session, by chat_id, page by page."""
        return self._stream(Session, self._q.all)

    async def count(self) -> int:
        """How many sessions there are."""
        return await self._value(int, self._q.count)

    async def delete(self, chat_id: str) -> bool:
        """Forget a session with its messages; False if there is none."""
        return await self._changed(self._q.delete, chat_id) > 0


class MessageRepository(SearchableRepository[Message]):
    """Messages, in the order of their ids."""

    table = "messages"
    searchable = Searchable(
        "messages",
        Message,
        text=lambda message: message.content,
        moment=lambda message: message.timestamp,
        key=lambda message: message.id,
        scopes={"chat_id": "c"},
    )

    async def append(
        self, chat_id: str, role: Role, content: str, timestamp: datetime | None = None
    ) -> Message | None:
        """Add a message; None, and nothing is written, for a chat never seen. timestamp: None means now."""
        moment = now() if timestamp is None else timestamp
        check_message(role, content, moment)
        return await self._one(Message, self._q.append, chat_id, role, content, moment)

    async def append_many(self, chat_id: str, messages: Sequence[SessionMessage]) -> list[Message]:
        """Add messages in their order to a session that is there; gives their rows."""
        if not messages:
            return []
        items = [[message.role, message.content, timestamp_text(message.timestamp)] for message in messages]
        rows = await self._many(Message, self._q.append_many, chat_id, items)
        return sorted(rows, key=lambda row: row.id)

    async def latest(self, chat_id: str, limit: int = 30) -> list[Message]:
        """The newest messages of a chat, oldest first."""
        return await self._many(Message, self._q.latest, chat_id, limit)

    def all(self, chat_id: str) -> AsyncIterator[Message]:
        """Every message of a chat, oldest first, page by page."""
        return self._stream(Message, self._q.all, chat_id=chat_id)

    async def search(
        self,
        words: str,
        *,
        chat_id: str | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[Message]:
        """Find messages by their words, in any language; see docs/search.md for what words mean.

        - chat_id: only in one chat; None means in all.
        - limit: at most 200. before: only messages with a smaller id.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(words, limit=limit, before=before, order=order, chat_id=chat_id)

    async def count(self, chat_id: str) -> int:
        """How many messages a chat has."""
        return await self._value(int, self._q.count, chat_id)
