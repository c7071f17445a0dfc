"""Rows of the support store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from sqlstore.capabilities.adopt.report import Problem  # noqa: F401 - a row of adopted.sql
from sqlstore.capabilities.retention import Due  # noqa: F401 - a row of retention.sql
from sqlstore.capabilities.search.rows import Found  # noqa: F401 - a row of the queries named hits
from sqlstore.capabilities.statistics.rows import (  # rows of statistics.sql
    Counter,  # noqa: F401
    DayTally,  # noqa: F401
    Percentiles,  # noqa: F401
    Tally,  # noqa: F401
)

ChatType = Literal["private", "group", "supergroup", "channel"]
"""Telegram's kinds of chats."""
MessageType = Literal["text", "voice", "photo", "video", "document", "sticker", "other"]
"""What a message is made of."""
TicketStatus = Literal["open", "in_progress", "closed"]
"""open: nobody works on it yet; in_progress: somebody does; closed: it is resolved."""
KnowledgeSource = Literal["kaiten", "manual", "docs"]
"""Where an entry comes from: a card in Kaiten, a person, the documentation."""


class User(msgspec.Struct, frozen=True):
    """A person on Telegram.

    - id: Telegram's, up to 64 bits.
    - username: without the @; None where the person has none. The same for last_name.
    - is_internal: answers for the desk, instead of asking.
    - updated_at: when the person was last saved or changed.
    """

    id: int
    username: str | None
    first_name: str
    last_name: str | None
    is_internal: bool
    created_at: datetime
    updated_at: datetime


class Chat(msgspec.Struct, frozen=True):
    """A chat on Telegram.

    - id: Telegram's, up to 64 bits; negative for groups and channels.
    - title: None for private chats.
    """

    id: int
    type: ChatType
    title: str | None
    is_archived: bool
    created_at: datetime


class Message(msgspec.Struct, frozen=True):
    """Something written in a chat.

    - id: ours; telegram_id: Telegram's, which is unique within the chat.
    - user_id: who wrote it; None for the posts of a channel.
    - text: None where it has none, as a sticker.
    - is_noise: nothing to answer: greetings, chatter, spam.
    - intent: what it asks for, at most 255 characters; None while not classified.
    - created_at: when it was written.
    """

    id: int
    telegram_id: int
    chat_id: int
    user_id: int | None
    text: str | None
    message_type: MessageType
    is_noise: bool
    intent: str | None
    created_at: datetime


class Ticket(msgspec.Struct, frozen=True):
    """Something that the desk has to resolve.

    - kaiten_id: the card in Kaiten; None while there is none.
    - message_id: what it was opened from; None where that message is gone.
    - assigned_to: the user that works on it, or shall; None for nobody.
    - resolved_at: when it was closed; None exactly while it is not.
    """

    id: int
    kaiten_id: int | None
    message_id: int | None
    status: TicketStatus
    assigned_to: int | None
    created_at: datetime
    resolved_at: datetime | None

    @property
    def time_to_resolution(self) -> timedelta | None:
        """How long it took from opening to closing; None while it is not closed."""
        return None if self.resolved_at is None else self.resolved_at - self.created_at


class ResolutionTimes(msgspec.Struct, frozen=True):
    """How long tickets took from opening to closing, in seconds; None where there are none.

    - tickets: how many were closed.
    - median_s: of an even number, the lower of the two in the middle.
    """

    tickets: int
    average_s: float | None
    median_s: float | None
    shortest_s: float | None
    longest_s: float | None


class KnowledgeEntry(msgspec.Struct, frozen=True):
    """A question and its answer, for the bot to look up.

    - validated_by: the user that confirmed the answer; None while nobody has.
    - embedding_id: the point in Qdrant (a UUID, or a number as text), at most 255 characters.
    """

    id: int
    question: str
    answer: str
    source: KnowledgeSource
    validated_by: int | None
    embedding_id: str | None
    created_at: datetime
