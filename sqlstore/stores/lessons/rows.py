"""Rows of the lessons store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC.
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

Role = Literal["user", "assistant"]
"""Who said it."""
Scenario = Literal["unknown", "discussion", "explanation"]
"""What the lesson is about to do."""


class Session(msgspec.Struct, frozen=True):
    """Where the lesson with one chat stands.

    - chat_id: 1 to 255 characters.
    - question, topic: what is talked about, None while there is none.
    - understanding_level: 0 (nothing) to 9 (everything).
    - updated_at: the last change of the state, or the last message.
    - state_version: counts the changes of the state, from 1; messages do not move it.
    """

    chat_id: str
    scenario: Scenario
    question: str | None
    topic: str | None
    is_new_question: bool
    is_new_topic: bool
    understanding_level: int
    previous_understanding_level: int | None
    previous_topic: str | None
    user_preferences: list[Json]
    created_at: datetime
    updated_at: datetime
    state_version: int


class Message(msgspec.Struct, frozen=True):
    """Something said in a chat."""

    id: int
    chat_id: str
    role: Role
    content: str
    timestamp: datetime
