"""Messages: what was written in the chats."""

import builtins
from datetime import datetime
from typing import Final, get_args

from msgspec import UNSET, UnsetType

from sqlstore.capabilities.outbox import replayable
from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.filters import Filter, FilteredList
from sqlstore.engine.values import check_limit
from sqlstore.stores.support.rows import Message, MessageType

MESSAGES: Final = FilteredList(
    "support.messages.list",
    "messages",
    Message,
    {
        "chat_id": Filter("chat_id", "int", indexed=True),
        "user_id": Filter("user_id", "int", nullable=True, indexed=True),
        "intent": Filter("intent", "text", nullable=True, indexed=True),
        "is_noise": Filter("is_noise", "bool"),
        "message_type": Filter("message_type", "text", values=get_args(MessageType)),
        "since": Filter("created_at", "timestamp", ">="),
        "until": Filter("created_at", "timestamp", "<"),
    },
)


class MessageRepository(SearchableRepository[Message]):
    """Messages, in the order of their ids: as they arrived."""

    table = "messages"
    searchable = Searchable(
        "messages",
        Message,
        text=lambda message: message.text,
        moment=lambda message: message.created_at,
        key=lambda message: message.id,
        scopes={"chat_id": "c", "user_id": "u"},
    )

    @replayable("chat_id", "user_id", repeatable=True)
    async def append(
        self,
        telegram_id: int,
        chat_id: int,
        user_id: int | None,
        text: str | None,
        *,
        message_type: MessageType = "text",
        is_noise: bool = False,
        intent: str | None = None,
        created_at: datetime | None = None,
    ) -> Message:
        """Add a message of a chat and a user that were saved before.

        A message that Telegram delivers again gives the row that is there, as it is:
        its edits and its intent stay.

        - user_id: None for the posts of a channel.
        - intent: at most 255 characters; None while not classified.
        - created_at: when it was written; None means now.

        Raises ForeignKeyViolation for a chat or a user that is not known.
        """
        message = await self._one(
            Message, self._q.append, telegram_id, chat_id, user_id, text, message_type, is_noise, intent,
            now() if created_at is None else created_at,
        )  # fmt: skip
        assert message is not None  # noqa: S101 - an upsert gives its row
        return message

    async def get(self, message_id: int) -> Message | None:
        """A message by our id, or None."""
        return await self._one(Message, self._q.get, message_id)

    async def by_telegram_id(self, chat_id: int, telegram_id: int) -> Message | None:
        """A message by Telegram's id, which counts within the chat, or None."""
        return await self._one(Message, self._q.by_telegram_id, chat_id, telegram_id)

    async def edit(self, chat_id: int, telegram_id: int, text: str | None) -> Message | None:
        """Keep the text that its author has changed; None for a message that is not known."""
        return await self._one(Message, self._q.edit, chat_id, telegram_id, text)

    async def classify(
        self, message_id: int, intent: str | None, *, is_noise: bool = False
    ) -> Message | None:
        """Say what a message asks for, or that it is noise; None for one that is not known.

        intent: at most 255 characters; None means that it is not known.
        """
        return await self._one(Message, self._q.classify, message_id, intent, is_noise)

    async def latest(self, chat_id: int, limit: int = 50) -> builtins.list[Message]:
        """The newest messages of a chat, oldest first."""
        check_limit(limit, self._q.latest.name)
        return await self._many(Message, self._q.latest, chat_id, limit)

    async def latest_of_user(self, user_id: int, limit: int = 50) -> builtins.list[Message]:
        """The newest messages of a user in any chat, oldest first."""
        check_limit(limit, self._q.latest_of_user.name)
        return await self._many(Message, self._q.latest_of_user, user_id, limit)

    async def search(
        self,
        words: str,
        *,
        chat_id: int | None = None,
        user_id: int | None = None,
        limit: int = 20,
        before: int | None = None,
        order: Order = "relevance",
    ) -> SearchResult[Message]:
        """Find messages by their words, in any language; see docs/search.md for what words mean.

        - chat_id, user_id: only in one chat, only of one user; None means all.
        - limit: at most 200. before: only messages with a smaller id.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(
            words, limit=limit, before=before, order=order, chat_id=chat_id, user_id=user_id
        )

    async def list(
        self,
        *,
        chat_id: int | UnsetType = UNSET,
        user_id: int | UnsetType | None = UNSET,
        intent: str | UnsetType | None = UNSET,
        is_noise: bool | UnsetType = UNSET,
        message_type: MessageType | UnsetType = UNSET,
        since: datetime | UnsetType = UNSET,
        until: datetime | UnsetType = UNSET,
        after: int | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> builtins.list[Message]:
        """A page of messages, by id; see `repositories` for the filters.

        since, until: of created_at, from since on and before until. None asks for
        messages without a user (posts of a channel) or without an intent.
        """
        filters = {
            "chat_id": chat_id,
            "user_id": user_id,
            "intent": intent,
            "is_noise": is_noise,
            "message_type": message_type,
            "since": since,
            "until": until,
        }
        return await MESSAGES.page(self._executor, filters, after=after, limit=limit, descending=newest_first)
