"""Rows of the assistant store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC. Ids are UUIDs, those made here of version 7.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

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

Status = Literal["active", "ended", "timeout", "error"]
"""What became of a session."""
FinalStatus = Literal["ended", "timeout", "error"]
"""How a session can end."""


class User(msgspec.Struct, frozen=True):
    """A person, or rather the machine they sit at.

    - hardware_id_hash: 1 to 64 characters, one user each.
    - short_term_memory, long_term_memory: at most 10,240 characters; None or "" for no memory.
    - memory_updated_at: when a memory was written or cleared; before that, created_at.
    """

    id: UUID
    hardware_id_hash: str
    metadata: dict[str, Json]
    short_term_memory: str | None
    long_term_memory: str | None
    memory_updated_at: datetime
    created_at: datetime
    updated_at: datetime


class Session(msgspec.Struct, frozen=True):
    """One run of the assistant.

    - end_time: None while it runs; never before start_time.
    """

    id: UUID
    user_id: UUID
    start_time: datetime
    end_time: datetime | None
    status: Status
    metadata: dict[str, Json]
    created_at: datetime
    updated_at: datetime


class Command(msgspec.Struct, frozen=True):
    """What a user said or typed.

    - language: at most 10 characters, such as `en` or `zh-Hant-TW`.
    """

    id: UUID
    session_id: UUID
    prompt: str
    language: str
    metadata: dict[str, Json]
    created_at: datetime


class Answer(msgspec.Struct, frozen=True):
    """What a language model answered.

    - prompt: what the model was given, which need not be the command's own prompt.
    - model_info: which model, with which parameters. performance_metrics: how fast it was.
    """

    id: UUID
    command_id: UUID
    prompt: str
    response: str
    model_info: dict[str, Json]
    performance_metrics: dict[str, Json]
    created_at: datetime


class StoredCommand(Command, frozen=True):
    """A command's whole row. seq: the order of arrival."""

    seq: int


class StoredAnswer(Answer, frozen=True):
    """An answer's whole row. seq: the order of arrival."""

    seq: int


class CommandAnswer(msgspec.Struct, frozen=True):
    """A command with one of its answers; the last three fields are None where it has none."""

    id: UUID
    session_id: UUID
    prompt: str
    language: str
    metadata: dict[str, Json]
    created_at: datetime
    llm_response: str | None
    model_info: dict[str, Json] | None
    performance_metrics: dict[str, Json] | None


class Screenshot(msgspec.Struct, frozen=True):
    """Where a picture lies.

    - file_path: at most 500 characters. file_url: at most 1,000.
    """

    id: UUID
    session_id: UUID
    file_path: str | None
    file_url: str | None
    metadata: dict[str, Json]
    created_at: datetime


class Metric(msgspec.Struct, frozen=True):
    """Something measured.

    - metric_type: at most 50 characters. metric_value: whatever belongs to the type.
    """

    id: UUID
    session_id: UUID
    metric_type: str
    metric_value: Json
    created_at: datetime


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of a user; "" for nothing."""

    short: str
    long: str
    memory_updated_at: datetime


class ActiveMemory(msgspec.Struct, frozen=True):
    """How much is remembered of a user, in characters."""

    hardware_id_hash: str
    memory_updated_at: datetime
    short_memory_size: int
    long_memory_size: int


class MemoryStatistics(msgspec.Struct, frozen=True):
    """How much is remembered of all users, in characters.

    - avg_short_memory_size, avg_long_memory_size: over all users, those without included.
    - oldest_memory_update, newest_memory_update: of the users that have a memory; None for none.
    """

    total_users: int
    users_with_memory: int
    users_with_short_memory: int
    users_with_long_memory: int
    avg_short_memory_size: float
    avg_long_memory_size: float
    oldest_memory_update: datetime | None
    newest_memory_update: datetime | None
    total_short_memory_chars: int
    total_long_memory_chars: int


class UserStatistics(msgspec.Struct, frozen=True):
    """How much a user did.

    - avg_session_duration_seconds: of the sessions that ended; None before the first did.
    - last_session_at: when the last session started; None before the first.
    """

    total_sessions: int
    active_sessions: int
    total_commands: int
    total_llm_answers: int
    total_screenshots: int
    total_performance_metrics: int
    avg_session_duration_seconds: float | None
    last_session_at: datetime | None
