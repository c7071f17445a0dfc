"""Repositories of the chatbot store: its named queries as methods.

Where a method speaks of now, it is the clock of this process. Every method
raises InvalidValue before any I/O for what no database could keep, else a
member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.repository import Repository
from sqlstore.engine.values import Json
from sqlstore.stores.chatbot.anonymous import anonymous_id, configured_key
from sqlstore.stores.chatbot.items import check_role
from sqlstore.stores.chatbot.rows import (
    AuditLog,
    HistoryDigest,
    HistoryEntry,
    Message,
    Session,
    User,
)


class UserRepository(Repository):
    """Users, one a session id."""

    table = "users"

    async def get_or_create(
        self, session_id: str, platform: str, name: str | None = None, picture_url: str | None = None
    ) -> User:
        """The user of a session, made if new; a name or picture that is given is kept.

        last_active becomes now. The platform of a user who is there already stays.
        """
        user = await self._one(User, self._q.upsert, session_id, platform, name, picture_url, now())
        assert user is not None  # noqa: S101 - an upsert gives its row
        return user

    async def get(self, session_id: str) -> User | None:
        """The user of a session, or None."""
        return await self._one(User, self._q.get, session_id)

    async def bot_enabled(self, session_id: str) -> bool | None:
        """Whether the bot answers in this session; None for one never seen."""
        return await self._optional_value(bool, self._q.bot_enabled, session_id)

    async def set_bot_enabled(self, session_id: str, platform: str, enabled: bool) -> None:
        """Switch the bot on or off; a session never seen is made, with that platform."""
        await self._changed(self._q.set_bot_enabled, session_id, platform, enabled, now())

    async def recent(self, limit: int = 50) -> list[User]:
        """The most recently active users first."""
        return await self._many(User, self._q.recent, limit)

    async def by_platform(self, platform: str, limit: int = 50) -> list[User]:
        """Users of one platform, the most recently active first."""
        return await self._many(User, self._q.by_platform, platform, limit)

    def all(self) -> AsyncIterator[User]:
        """Every user, by id, page by page."""
        return self._stream(User, self._q.all)

    async def count(self) -> int:
        """How many users there are."""
        return await self._value(int, self._q.count)

    async def restore(
        self, user_id: int, *, bot_enabled: bool, created_at: datetime, last_active: datetime
    ) -> None:
        """Set what an import knows better than the clock."""
        await self._changed(self._q.restore, user_id, bot_enabled, created_at, last_active)


class MessageRepository(SearchableRepository[Message]):
    """Messages, in the order of their ids."""

    table = "messages"
    searchable = Searchable(
        "messages",
        Message,
        text=lambda message: message.content,
        moment=lambda message: message.created_at,
        key=lambda message: message.id,
        scopes={"user_id": "u"},
    )

    async def append(
        self,
        session_id: str,
        role: str,
        content: str,
        *,
        motion: str | None = None,
        latency: float | None = None,
        from_faq: bool = False,
    ) -> Message | None:
        """Add a message; None, and nothing is written, for a session never seen.

        role: user, model or system. latency: seconds.
        """
        return await self._one(
            Message, self._q.append, session_id, check_role(role), content, motion, latency, from_faq, now()
        )

    async def latest(self, session_id: str, limit: int = 50) -> list[Message]:
        """The newest messages of a session, oldest first."""
        return await self._many(Message, self._q.latest, session_id, limit)

    async def all(self, session_id: str) -> list[Message]:
        """Every message of a session, oldest first."""
        return await self._many(Message, self._q.all, session_id)

    async def count(self, session_id: str) -> int:
        """How many messages a session has."""
        return await self._value(int, self._q.count, session_id)

    async def search(
        self,
        words: str,
        *,
        session_id: str | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[Message]:
        """Find messages by their words, in any language; see docs/search.md for what words mean.

        - session_id: only in one session; None means in all.
        - limit: at most 200. before: only messages with a smaller id.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        user_id = None
        self._check_search(words, limit, before, order)
        if session_id is not None:
            user_id = await self._optional_value(int, self._q.user_id, session_id)
            if user_id is None:
                return SearchResult(())
        return await self._search(words, limit=limit, before=before, order=order, user_id=user_id)

    async def append_many(self, user_id: int, items: Json) -> int:
        """Add messages given as by `items.batches`; how many."""
        return await self._changed(self._q.append_many, user_id, items)

    async def delete_from(self, user_id: int, first_id: int) -> int:
        """Forget a message and every later one of the same user; how many."""
        return await self._changed(self._q.delete_from, user_id, first_id)

    async def entries(self, user_id: int) -> list[HistoryEntry]:
        """Every message of a user, as far as histories are compared."""
        return await self._many(HistoryEntry, self._q.entries, user_id)

    async def entries_after(self, user_id: int, last_id: int) -> list[HistoryEntry]:
        """The messages of a user that came after one."""
        return await self._many(HistoryEntry, self._q.entries_after, user_id, last_id)

    async def first_entries(self, user_id: int, first_id: int, limit: int) -> list[HistoryEntry]:
        """The first messages of a user from one on."""
        return await self._many(HistoryEntry, self._q.first_entries, user_id, first_id, limit)

    async def last_entries(self, user_id: int, first_id: int, limit: int) -> list[HistoryEntry]:
        """The newest messages of a user, none from before first_id, oldest first."""
        return await self._many(HistoryEntry, self._q.last_entries, user_id, first_id, limit)


class HistoryDigestRepository(Repository):
    """Digests over users' messages; see `history.digest_of`."""

    table = "history_digests"

    async def get(self, user_id: int) -> HistoryDigest | None:
        """The digest over a user's messages; None where one of them was changed since."""
        return await self._one(HistoryDigest, self._q.get, user_id)

    async def put(self, user_id: int, length: int, digest: str) -> None:
        """Keep the digest over all messages that the user has now."""
        await self._changed(self._q.put, user_id, length, digest)


class SessionRepository(Repository):
    """Sessions: a summary and counters, one a user."""

    table = "sessions"

    async def get(self, session_id: str) -> Session | None:
        """The session, or None before its first message."""
        return await self._one(Session, self._q.get, session_id)

    async def set_summary(self, session_id: str, summary: str | None) -> Session | None:
        """Keep a summary of the conversation; None for a session never seen."""
        return await self._one(Session, self._q.set_summary, session_id, summary, now())

    async def restore(
        self, user_id: int, summary: str | None, started_at: datetime, last_message_at: datetime | None
    ) -> None:
        """Set what an import knows better than the clock."""
        await self._changed(self._q.restore, user_id, summary, started_at, last_message_at)


class AuditLogRepository(Repository):
    """The audit log. Who asked is a keyed hash: see `anonymous`."""

    table = "audit_logs"

    async def add(
        self,
        session_id: str,
        platform: str,
        user_input: str,
        ai_output: str,
        latency: float | None = None,
        *,
        anon_key: str | None = None,
    ) -> AuditLog:
        """Log one exchange; latency in milliseconds.

        anon_key: key of the hash; None means the setting SQLSTORE_ANON_KEY.
        Raises ConfigurationError, and logs nothing, without a key.
        """
        anon_id = anonymous_id(session_id, configured_key() if anon_key is None else anon_key)
        log = await self._one(AuditLog, self._q.add, anon_id, platform, user_input, ai_output, latency, now())
        assert log is not None  # noqa: S101 - an INSERT gives its row
        return log

    async def by_session(
        self, session_id: str, limit: int = 50, *, anon_key: str | None = None
    ) -> list[AuditLog]:
        """What was logged of one session, the newest first; needs the same key as `add`."""
        anon_id = anonymous_id(session_id, configured_key() if anon_key is None else anon_key)
        return await self._many(AuditLog, self._q.by_anon_id, anon_id, limit)

    async def recent(self, limit: int = 50) -> list[AuditLog]:
        """The newest entries first."""
        return await self._many(AuditLog, self._q.recent, limit)
