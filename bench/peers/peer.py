"""What every peer offers to be measured, and the same settings for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal

import msgspec

Engine = Literal["sqlite", "postgres"]
Synchronous = Literal["full", "normal"]

POOL_SIZE: Final = 8
"""Connections of each peer's pool on PostgreSQL."""
BUSY_S: Final = 60
"""How long a peer waits for SQLite's lock; the default of 5 seconds fails with many tasks."""
BULK_ROWS: Final = 1_000
"""Rows of one bulk insert, in one transaction."""

POINT: Final = "SELECT id, chat_id, role, text, sent_ms FROM messages WHERE id = {0}"
LATEST: Final = (
    "SELECT id, chat_id, role, text, sent_ms FROM messages WHERE chat_id = {0} ORDER BY id DESC LIMIT 50"
)
APPEND: Final = "INSERT INTO messages (chat_id, role, text, sent_ms) VALUES ({0}, {1}, {2}, {3})"
INSERT: Final = "INSERT INTO messages (id, chat_id, role, text, sent_ms) VALUES ({0}, {1}, {2}, {3}, {4})"


class Place(msgspec.Struct, frozen=True):
    """A database of one peer's own.

    database: the file, or the server's URL with the database's name. folder: for files of the peer's own.
    """

    engine: Engine
    database: str
    folder: str
    synchronous: Synchronous = "full"

    def url(self, postgres: str = "postgresql", sqlite: str = "sqlite") -> str:
        """For peers that name the driver in the scheme."""
        if self.engine == "sqlite":
            return f"{sqlite}:///{self.database}"
        return f"{postgres}://{self.database.partition('://')[2]}"

    def file(self, name: str) -> Path:
        return Path(self.folder, name)

    def pragmas(self) -> dict[str, str]:
        """What sqlstore sets, for every peer that lets its connections be set up."""
        return {
            "synchronous": self.synchronous.upper(),
            "foreign_keys": "ON",
            "mmap_size": "1073741824",
            "temp_store": "MEMORY",
        }


class Peer(ABC):
    """A library as its documentation recommends to use it.

    most_tasks: how many may call at once; None for any number.
    """

    most_tasks: ClassVar[int | None] = None

    @abstractmethod
    async def open(self, place: Place) -> None:
        """Connect."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the database."""


class MessagePeer(Peer):
    """A peer that works on the tables of the board."""

    @abstractmethod
    async def point(self, message_id: int) -> object:
        """One message by its id."""

    @abstractmethod
    async def latest(self, chat_id: int) -> Sequence[object]:
        """The last 50 messages of a chat."""

    @abstractmethod
    async def append(self, chat_id: int) -> int:
        """Add a message and commit; gives its id."""

    @abstractmethod
    async def bulk(self, first: int) -> None:
        """Add BULK_ROWS messages whose ids count up from first, in one transaction."""


class HistoryPeer(Peer):
    """A peer that keeps the history of one long chat."""

    @abstractmethod
    async def fill(self, messages: int) -> None:
        """Make the chat that long."""

    @abstractmethod
    async def remember(self, number: int) -> None:
        """Add a message and commit."""

    @abstractmethod
    async def recall(self, number: int) -> Sequence[object]:
        """The last 50 messages."""
