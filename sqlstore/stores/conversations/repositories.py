"""Repositories of the conversations store: its named queries as methods.

Where a method speaks of now, it is the clock of this process. Every method
raises InvalidValue before any I/O for what no database could keep, else a
member of sqlstore.engine.errors.DatabaseError.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import msgspec

from sqlstore.capabilities.cache import CachingRepository
from sqlstore.capabilities.outbox import replayable, text_id
from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.errors import UniqueViolation, UsageError
from sqlstore.engine.identifiers import uuid7
from sqlstore.engine.values import Json, check_limit, checked, integer
from sqlstore.stores.conversations.rows import (
    AgentStatistics,
    Conversation,
    Message,
    Position,
    Role,
    VersionedMessage,
)

R = TypeVar("R")

CHARACTERS_PER_TOKEN: Final = 4
"""What `estimated_tokens` takes a token for: about right for English, too long for most other languages."""
FIRST_PAGE: Final = 16
"""Messages that `history_within` reads at first; each page is twice the one before."""
LONGEST_PAGE: Final = 256
"""Messages that `history_within` reads at once, at most."""
_AFTER_ALL: Final = 2**63 - 1
"""Greater than every seq there is."""


def estimated_tokens(text: str) -> int:
    """A guess without a model's tokenizer: a quarter of the characters, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


class ConversationRepository(CachingRepository):
    """Conversations, each of one user."""

    table = "conversations"

    @replayable("conversation_id", made={"conversation_id": text_id}, repeatable=True)
    async def create(
        self,
        user_id: int,
        title: str | None = None,
        *,
        conversation_id: str | None = None,
        metadata: dict[str, Json] | None = None,
    ) -> Conversation:
        """Begin a conversation.

        - title: at most 200 characters; None means the first message, cut to 47 and
          `...` where it is longer than 50. The title is empty until then.
        - conversation_id: at most 50 characters, made by the client; the same call again
          then gives the conversation that is there, as it is. None means a UUID of version 7.
        - metadata: None means {}.

        Raises UniqueViolation for the id of another user's conversation.
        """
        chosen = str(uuid7()) if conversation_id is None else conversation_id
        created = await self._one(
            Conversation,
            self._q.create,
            chosen,
            user_id,
            "" if title is None else title,
            {} if metadata is None else metadata,
            now(),
        )
        return _own(created, self._q.create.name, "conversations_id_key", "another user has")

    async def get(self, conversation_id: str) -> Conversation | None:
        """One conversation, whosever it is, or None."""
        return await self._one(Conversation, self._q.get, conversation_id)

    async def by_user(
        self, user_id: int, *, active: bool = True, limit: int = 20, after: Position | None = None
    ) -> list[Conversation]:
        """A user's conversations, the most recently changed first.

        - active: False gives the archived ones.
        - after: `position` of the last one on the page before; None means the first page.
          A conversation that changes meanwhile moves to the front; none is given twice.
        """
        check_limit(limit, self._q.by_user.name)
        if after is None:
            return await self._many(Conversation, self._q.by_user, user_id, active, limit)
        undated_seq = after.seq if after.updated_at is None else _AFTER_ALL
        return await self._many(
            Conversation,
            self._q.by_user_after,
            user_id,
            active,
            after.updated_at,
            after.seq,
            undated_seq,
            limit,
        )

    async def recent(self, limit: int = 20) -> list[Conversation]:
        """Conversations of all users, the most recently changed first."""
        check_limit(limit, self._q.recent.name)
        return await self._many(Conversation, self._q.recent, limit)

    async def by_metadata(
        self, contained: Json, *, limit: int = 50, before: int | None = None
    ) -> list[Conversation]:
        """Conversations whose metadata contains a JSON value, the newest first.

        contained: as for PostgreSQL's `@>`, see `MessageRepository.by_routing_info`.
        before: only those with a smaller `seq`, for the next page.
        """
        check_limit(limit, self._q.by_metadata.name)
        return await self._many(Conversation, self._q.by_metadata, contained, _before(before), limit)

    async def rename(self, conversation_id: str, title: str) -> Conversation | None:
        """Give another title; None if there is no such conversation. With "", the next message gives it."""
        return await self._one(Conversation, self._q.rename, conversation_id, title, now())

    async def archive(self, conversation_id: str) -> Conversation | None:
        """Put a conversation among the archived ones; None if there is no such conversation."""
        return await self._one(Conversation, self._q.set_active, conversation_id, False, now())

    async def unarchive(self, conversation_id: str) -> Conversation | None:
        """Put a conversation back among the active ones; None if there is no such conversation."""
        return await self._one(Conversation, self._q.set_active, conversation_id, True, now())

    async def delete(self, conversation_id: str) -> bool:
        """Forget a conversation and its messages; False if there is none."""
        deleted = await self._changed(self._q.delete, conversation_id) > 0
        if self.cache is not None:
            await self.cache.forget(MessageRepository.table, conversation_id)
        return deleted

    async def statistics_per_agent(self, user_id: int | None = None) -> list[AgentStatistics]:
        """What each agent did, the busiest first; in one user's conversations, or in all for None.

        For all users this reads every message that names an agent.
        """
        if user_id is None:
            return await self._many(AgentStatistics, self._q.statistics_per_agent)
        return await self._many(AgentStatistics, self._q.statistics_per_agent_of_user, user_id)


class MessageRepository(CachingRepository, SearchableRepository[Message]):
    """Messages, in the order of their seq."""

    table = "messages"
    searchable = Searchable(
        "messages",
        Message,
        text=lambda message: message.content,
        moment=lambda message: message.timestamp,
        key=lambda message: message.seq,
        scopes={"conversation_id": "c"},
    )

    @replayable("conversation_id", made={"message_id": text_id}, repeatable=True)
    async def append(
        self,
        conversation_id: str,
        role: Role,
        content: str,
        *,
        agent_used: str | None = None,
        routing_info: dict[str, Json] | None = None,
        references: list[Json] | None = None,
        metadata: dict[str, Json] | None = None,
        message_id: str | None = None,
    ) -> Message:
        """Add a message to a conversation that is there.

        - agent_used: at most 50 characters; None leaves the conversation's last agent.
        - routing_info, references, metadata: None means {}, [] and {}.
        - message_id: at most 50 characters, made by the client; the same call again then
          gives the message that is there, as it is. None means a UUID of version 7.

        Raises ForeignKeyViolation for an unknown conversation, UniqueViolation for the id
        of another conversation's message.
        """
        message = await self._one(
            Message,
            self._q.append,
            str(uuid7()) if message_id is None else message_id,
            conversation_id,
            role,
            content,
            agent_used,
            {} if routing_info is None else routing_info,
            [] if references is None else references,
            {} if metadata is None else metadata,
            now(),
        )
        return _own(message, self._q.append.name, "messages_id_key", "another conversation has")

    async def get(self, message_id: str) -> Message | None:
        """One message, or None."""
        return await self._one(Message, self._q.get, message_id)

    async def history(
        self, conversation_id: str, limit: int = 50, *, before: int | None = None
    ) -> list[Message]:
        """The newest messages of a conversation, oldest first.

        before: only messages with a smaller `seq`, to page back; these never come from a cache.
        """
        check_limit(limit, self._q.history.name)
        if before is None and self.cache is not None:
            version = partial(self._optional_value, str, self._q.history_version, conversation_id)
            read = partial(self._versioned_history, conversation_id, limit)
            return await self.cache.newest(self.table, Message, conversation_id, limit, version, read)
        return await self._many(Message, self._q.history, conversation_id, _before(before), limit)

    async def _versioned_history(self, conversation_id: str, limit: int) -> tuple[str, list[Message]]:
        found = await self._many(VersionedMessage, self._q.versioned_history, conversation_id, limit)
        version = found[0].history_version if found else ""
        return version, [Message(*msgspec.structs.astuple(each)[:-1]) for each in found]

    async def history_within(
        self,
        conversation_id: str,
        token_budget: int,
        count_tokens: Callable[[str], int] = estimated_tokens,
    ) -> list[Message]:
        """The newest messages that fit a budget together, oldest first, none left out between them.

        - token_budget: tokens of all contents together; roles and the rest are not counted.
        - count_tokens: tokens of one content, 0 or more; called for the newest message first
          and for none after the first that does not fit. The default only estimates.

        Reads little more than it gives: pages of 16 messages, then 32, up to 256.
        Raises UsageError where count_tokens gives a negative number.
        """
        fitting: list[Message] = []
        left, limit = checked(integer, token_budget, "token_budget"), FIRST_PAGE
        before: int | None = None
        while True:
            page = await self.history(conversation_id, limit, before=before)
            for message in reversed(page):
                left -= _checked_count(count_tokens(message.content))
                if left < 0:
                    return fitting[::-1]
                fitting.append(message)
            if len(page) < limit:
                return fitting[::-1]
            before, limit = page[0].seq, min(limit * 2, LONGEST_PAGE)

    async def by_agent(self, agent_used: str, *, limit: int = 50, before: int | None = None) -> list[Message]:
        """What an agent wrote in all conversations, the newest first.

        before: only messages with a smaller `seq`, for the next page.
        """
        check_limit(limit, self._q.by_agent.name)
        return await self._many(Message, self._q.by_agent, agent_used, _before(before), limit)

    async def by_routing_info(
        self, contained: Json, *, limit: int = 50, before: int | None = None
    ) -> list[Message]:
        """Messages whose routing_info contains a JSON value, the newest first.

        contained: as for PostgreSQL's `@>`. An object is contained in one that has all its
        keys with values that contain its values; an array in one that has, for each of its
        elements, some element that contains it, in any order; anything else in its equal
        (1 equals 1.0), and in an array that has it where both are whole documents.
        before: only messages with a smaller `seq`, for the next page.

        SQLite has no index for this and looks at each message from the newest on.
        """
        check_limit(limit, self._q.by_routing_info.name)
        return await self._many(Message, self._q.by_routing_info, contained, _before(before), limit)

    async def search(
        self,
        words: str,
        *,
        conversation_id: str | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[Message]:
        """Find messages by their words, in any language; see docs/search.md for what words mean.

        - conversation_id: only in one conversation; None means in all.
        - limit: at most 200. before: only messages with a smaller `seq`.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(
            words, limit=limit, before=before, order=order, conversation_id=conversation_id
        )

    async def by_metadata(
        self, contained: Json, *, limit: int = 50, before: int | None = None
    ) -> list[Message]:
        """Messages whose metadata contains a JSON value, the newest first; see `by_routing_info`."""
        check_limit(limit, self._q.by_metadata.name)
        return await self._many(Message, self._q.by_metadata, contained, _before(before), limit)


def _own(row: R | None, query: str, constraint: str, owner: str) -> R:
    """The row of an INSERT that gives none where the id is there, but elsewhere."""
    if row is None:
        raise UniqueViolation(
            f"{owner} a row with this id already; make ids that are unique",
            query=query,
            constraint=constraint,
        )
    return row


def _before(seq: int | None) -> int:
    return _AFTER_ALL if seq is None else seq


def _checked_count(tokens: int) -> int:
    if tokens < 0:
        raise UsageError("count_tokens gave a negative number; it must give the tokens of a text, 0 or more")
    return tokens
