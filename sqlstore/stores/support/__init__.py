"""The support store: users, chats, messages, tickets and knowledge of a support desk on Telegram."""

from sqlstore.stores.support.rows import (
    Chat,
    ChatType,
    KnowledgeEntry,
    KnowledgeSource,
    Message,
    MessageType,
    ResolutionTimes,
    Ticket,
    TicketStatus,
    User,
)
from sqlstore.stores.support.store import Support

__all__ = [
    "Chat",
    "ChatType",
    "KnowledgeEntry",
    "KnowledgeSource",
    "Message",
    "MessageType",
    "ResolutionTimes",
    "Support",
    "Ticket",
    "TicketStatus",
    "User",
]
