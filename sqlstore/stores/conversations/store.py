"""The conversations store: what a chat with several agents behind a web service remembers.

async with Conversations.open("postgresql://chat@localhost/conversations") as store:
    conversation = await store.conversations.create(user_id=7)
    await store.messages.append(conversation.id, "user", "Will it rain?")
    await store.messages.append(conversation.id, "assistant", "Yes.", agent_used="weather")
    prompt = await store.messages.history_within(conversation.id, token_budget=4_000)
"""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import msgspec

from sqlstore.store import Store
from sqlstore.stores.conversations import rows
from sqlstore.stores.conversations.repositories import ConversationRepository, MessageRepository


class Conversations(Store):
    """Conversations of users with several agents, and their messages."""

    name = "conversations"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "conversations": rows.Conversation,
        "messages": rows.Message,
    }
    derived_tables = (*Store.derived_tables, "conversations.history_version")

    conversations: ConversationRepository
    messages: MessageRepository
