"""The assistant store: users, memories, sessions, commands and answers of a desktop voice assistant."""

from sqlstore.stores.assistant.rows import (
    ActiveMemory,
    Answer,
    Command,
    CommandAnswer,
    Memory,
    MemoryStatistics,
    Metric,
    Screenshot,
    Session,
    Status,
    User,
    UserStatistics,
)
from sqlstore.stores.assistant.store import Assistant

__all__ = [
    "ActiveMemory",
    "Answer",
    "Assistant",
    "Command",
    "CommandAnswer",
    "Memory",
    "MemoryStatistics",
    "Metric",
    "Screenshot",
    "Session",
    "Status",
    "User",
    "UserStatistics",
]
