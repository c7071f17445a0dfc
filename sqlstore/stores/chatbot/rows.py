"""Rows of the chatbot store, their fields in the order of the queries' columns.

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

Role = Literal["user", "model", "system"]
"""Who said it; `system` items hold context and summaries."""


class User(msgspec.Struct, frozen=True):
    """A person, or a browser, that writes to the bot.

    - session_id: at most 255 characters, such as `fb_123` or `web_abc`.
    - platform: at most 50 characters: facebook, web, line, telegram, …
    - name, picture_url: None where the platform told none.
    - bot_enabled: False while a human answers instead.
    """

    id: int
    session_id: str
    platform: str
    name: str | None
    picture_url: str | None
    bot_enabled: bool
    created_at: datetime
    last_active: datetime


class Message(msgspec.Struct, frozen=True):
    """Something said in a session.

    - motion: the avatar's gesture, at most 50 characters.
    - latency: how long the answer took, in seconds.
    - from_faq: the answer came from the FAQs, not from a model.
    """

    id: int
    user_id: int
    role: Role
    content: str
    motion: str | None
    latency: float | None
    from_faq: bool
    created_at: datetime


class Session(msgspec.Struct, frozen=True):
    """A user's conversation as a whole; one a user, made with the first message.

    - last_message_at: None while there is no message.
    """

    id: int
    user_id: int
    summary: str | None
    message_count: int
    started_at: datetime
    last_message_at: datetime | None


class Faq(msgspec.Struct, frozen=True):
    """A question with its answer.

    - hit_count: how often it answered, the first time included.
    - is_learned: kept by the bot itself, not written by a person.
    - category: at most 100 characters.
    """

    id: int
    question: str
    answer: str
    hit_count: int
    is_learned: bool
    category: str | None
    created_at: datetime


class AuditLog(msgspec.Struct, frozen=True):
    """A question and its answer, without the person.

    - anon_id: the same for the same person, see `anonymous.anonymous_id`.
    - latency: in milliseconds.
    """

    id: int
    anon_id: str
    platform: str
    user_input: str
    ai_output: str
    latency: float | None
    created_at: datetime


class HistoryEntry(msgspec.Struct, frozen=True):
    """What of a message a history is compared by."""

    id: int
    role: Role
    content: str


class HistoryDigest(msgspec.Struct, frozen=True):
    """A digest over a user's messages from first_id to last_id, see `history.digest_of`.

    - first_id: the first message that is no system item.
    - length: how many messages are covered.
    - digest: 64 hexadecimal digits.
    """

    user_id: int
    first_id: int
    last_id: int
    length: int
    digest: str
