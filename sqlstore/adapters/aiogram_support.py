"""For aiogram 3: what a bot is sent goes into the support store, whatever its handlers do.

async with Support.open("sqlite:///data/support.db") as desk:
    dispatcher.update.outer_middleware(SupportRecorder(desk))

async def handler(message: Message, recorded: Recorded | None) -> None:
    if recorded is not None:
        await desk.tickets.open(recorded.id)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import StoreError
from sqlstore.stores.support import Message as Recorded
from sqlstore.stores.support import Support
from sqlstore.stores.support.rows import ChatType, MessageType

try:
    from aiogram.dispatcher.middlewares.base import BaseMiddleware
    from aiogram.dispatcher.middlewares.user_context import EVENT_CONTEXT_KEY, UserContextMiddleware
    from aiogram.types import Chat, Message, TelegramObject, Update, User
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.aiogram_support needs the package aiogram: pip install 'sqlstore[aiogram]'"
    ) from None

_CHAT_TYPES: Final[dict[str, ChatType]] = {
    "private": "private",
    "group": "group",
    "supergroup": "supergroup",
    "channel": "channel",
}
_MESSAGE_TYPES: Final[dict[str, MessageType]] = {
    "text": "text",
    "voice": "voice",
    "photo": "photo",
    "video": "video",
    "document": "document",
    "sticker": "sticker",
}
_log = logging.getLogger(__name__)


class SupportRecorder(BaseMiddleware):
    """An outer middleware of updates: keeps users, chats and messages before the handlers see them.

    - timeout_s: how long an update may wait for the database, in seconds; 5 by default.

    A message that is delivered again is the row that is there; an edit changes its text. Handlers
    get the row as `recorded`: None for updates without a message, and where it could not be kept,
    which is logged, without any text, and never stops the update. Messages of a business
    account are not kept: their ids are those of other chats.
    """

    def __init__(self, desk: Support, *, timeout_s: float = 5.0) -> None:
        self._desk = desk
        self._timeout_s = timeout_s

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Record the update, then let the handlers have it."""
        data["recorded"] = None
        if isinstance(event, Update):
            try:
                with deadline(self._timeout_s):
                    data["recorded"] = await self._record(event, data)
            except StoreError as error:
                _log.warning("Update %d could not be recorded: %s", event.update_id, error)
            except Exception as error:  # noqa: BLE001 - a bot goes on, whatever Telegram invents
                _log.error("Update %d could not be recorded: %s", event.update_id, type(error).__name__)
        return await handler(event, data)

    async def _record(self, update: Update, data: dict[str, Any]) -> Recorded | None:
        context = data.get(EVENT_CONTEXT_KEY) or UserContextMiddleware.resolve_event_context(update)
        sent = update.message or update.channel_post
        edited = update.edited_message or update.edited_channel_post
        message = sent or edited
        author = context.user if message is None else message.from_user
        chat = context.chat if message is None else message.chat
        await asyncio.gather(self._save_user(author), self._save_chat(chat))
        if message is None:
            return None
        if edited is not None:
            known = await self._desk.messages.edit(edited.chat.id, edited.message_id, _text(edited))
            if known is not None:
                return known
        return await self._desk.messages.append(
            message.message_id,
            message.chat.id,
            None if author is None else author.id,
            _text(message),
            message_type=_MESSAGE_TYPES.get(message.content_type, "other"),
            created_at=message.date,
        )

    async def _save_user(self, user: User | None) -> None:
        if user is not None:
            await self._desk.users.save(
                user.id, user.first_name, username=user.username, last_name=user.last_name
            )

    async def _save_chat(self, chat: Chat | None) -> None:
        if chat is not None and chat.type in _CHAT_TYPES:
            await self._desk.chats.save(chat.id, _CHAT_TYPES[chat.type], chat.title)


def _text(message: Message) -> str | None:
    return message.text if message.text is not None else message.caption
