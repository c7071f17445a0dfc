"""The support store: what a support desk on Telegram remembers.

async with Support.open("sqlite:///data/support.db") as desk:
    await desk.chats.save(-1001234567890, "supergroup", "Customers")
    await desk.users.save(7, "Ann", username="ann")
    message = await desk.messages.append(1, -1001234567890, 7, "It does not start")
    ticket = await desk.tickets.open(message.id)
"""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import msgspec

from sqlstore.store import Store
from sqlstore.stores.support import rows
from sqlstore.stores.support.repositories import (
    ChatRepository,
    KnowledgeRepository,
    MessageRepository,
    TicketRepository,
    UserRepository,
)


class Support(Store):
    """A support desk's users, chats, messages, tickets and knowledge."""

    name = "support"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "users": rows.User,
        "chats": rows.Chat,
        "messages": rows.Message,
        "tickets": rows.Ticket,
        "knowledge_entries": rows.KnowledgeEntry,
    }

    users: UserRepository
    chats: ChatRepository
    messages: MessageRepository
    tickets: TicketRepository
    knowledge: KnowledgeRepository
