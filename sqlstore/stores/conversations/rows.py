"""Rows of the conversations store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC. The tables let a column be NULL where a field
may be None; rows written through the store have a value there, except for
last_agent_used and agent_used.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from sqlstore.capabilities.retention import Due  # noqa: F401 - a row of retention.sql
from sqlstore.capabilities.search.rows import Found  # noqa: F401 - a row of the queries named hits
from sqlstore.capabilities.statistics.rows import (  # rows of statistics.sql
    Counter,  # noqa: F401
    DayTally,  # noqa: F401
    Percentiles,  # noqa: F401
    Tally,  # noqa: F401
)
from sqlstore.engine.values import Json

Role = Literal["user", "assistant", "system"]
"""Who said it."""


class Position(msgspec.Struct, frozen=True):
    """Where a page of conversations ended; plain values, to be sent to a client and back."""

    updated_at: datetime | None
    seq: int


class Conversation(msgspec.Struct, frozen=True):
    """A chat of one user.

    - seq: the order of arrival over all conversations.
    - id: at most 50 characters; made by the client, or a UUID of version 7.
    - title: at most 200 characters; empty until the first message gives it.
    - updated_at: of the newest message, or of the last change of title, state or metadata.
    - last_agent_used: of the newest message that names an agent; None while there is none.
    - is_active: False once it is archived.
    """

    seq: int
    id: str
    user_id: int
    title: str
    created_at: datetime | None
    updated_at: datetime | None
    message_count: int | None
    last_agent_used: str | None
    is_active: bool | None
    metadata: Json | None

    @property
    def position(self) -> Position:
        """Where it stands among its user's conversations: what follows it is the next page."""
        return Position(self.updated_at, self.seq)


class Message(msgspec.Struct, frozen=True):
    """Something said in a conversation.

    - seq: the order of arrival over all messages; a conversation's history is ordered by it.
    - id: at most 50 characters; made by the client, or a UUID of version 7.
    - agent_used: the agent that answered, at most 50 characters.
    - routing_info: why this agent; references: what the answer rests on.
    """

    seq: int
    id: str
    conversation_id: str
    role: Role
    content: str
    agent_used: str | None
    routing_info: Json | None
    references: Json | None
    timestamp: datetime | None
    metadata: Json | None


class VersionedMessage(Message, frozen=True):
    """A message, and the version of its conversation's history."""

    history_version: str


class AgentStatistics(msgspec.Struct, frozen=True):
    """What an agent did: how many messages it wrote, in how many conversations, when last.

    - last_used: None where none of its messages has a time.
    """

    agent_used: str
    messages: int
    conversations: int
    last_used: datetime | None
