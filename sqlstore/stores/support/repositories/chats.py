"""Chats: private ones, groups and channels."""

from typing import Final, get_args

from msgspec import UNSET, UnsetType

from sqlstore.capabilities.outbox import replayable
from sqlstore.engine.clock import moment_made, now
from sqlstore.engine.filters import Filter, FilteredList
from sqlstore.engine.repository import Repository
from sqlstore.stores.support.rows import Chat, ChatType

CHATS: Final = FilteredList(
    "support.chats.list",
    "chats",
    Chat,
    {
        "type": Filter("type", "text", values=get_args(ChatType)),
        "is_archived": Filter("is_archived", "bool"),
    },
)


class ChatRepository(Repository):
    """Chats, by their Telegram ids."""

    table = "chats"

    @replayable("chat_id", repeatable=True)
    async def save(self, chat_id: int, type: ChatType, title: str | None = None) -> Chat:  # noqa: A002 - the column
        """Keep a chat as Telegram describes it now, made if new; an archived one stays so.

        One that comes late, out of an outbox, leaves a chat that is there as it is: nobody
        knows which description is newer.
        """
        known = None if moment_made() is None else await self.get(chat_id)
        if known is not None:
            return known
        chat = await self._one(Chat, self._q.save, chat_id, type, title, now())
        assert chat is not None  # noqa: S101 - an upsert gives its row
        return chat

    async def get(self, chat_id: int) -> Chat | None:
        """A chat, or None."""
        return await self._one(Chat, self._q.get, chat_id)

    async def set_archived(self, chat_id: int, is_archived: bool) -> Chat | None:
        """Put a chat away, or bring it back; None for one that is not known."""
        return await self._one(Chat, self._q.set_archived, chat_id, is_archived)

    async def list(
        self,
        *,
        type: ChatType | UnsetType = UNSET,  # noqa: A002 - the column
        is_archived: bool | UnsetType = UNSET,
        after: int | None = None,
        limit: int = 50,
    ) -> list[Chat]:
        """A page of chats, by id; see `repositories` for the filters."""
        filters = {"type": type, "is_archived": is_archived}
        return await CHATS.page(self._executor, filters, after=after, limit=limit)
