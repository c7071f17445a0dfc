"""Rows of the state store, their fields in the order of the queries' columns.

Every datetime is aware and in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from sqlstore.capabilities.retention import Due  # noqa: F401 - a row of retention.sql
from sqlstore.capabilities.statistics.rows import Counter, DayTally, Tally  # noqa: F401 - rows of statistics.sql
from sqlstore.engine.values import Json


class History(msgspec.Struct, frozen=True):
    """One session's list of items in one framework.

    - framework: whose items they are, such as `openai_agents`; 1 to 50 characters.
    - last_seq: the place of the newest item there ever was; 0 before the first.
    - updated_at: when the newest item was added.
    """

    framework: str
    session_id: str
    last_seq: int
    created_at: datetime
    updated_at: datetime


class HistoryItem(msgspec.Struct, frozen=True):
    """An item of a history.

    - seq: its place, from 1; there may be gaps.
    - item: a JSON document, as its framework writes it.
    """

    framework: str
    session_id: str
    seq: int
    item: str
    created_at: datetime


class Thread(msgspec.Struct, frozen=True):
    """A thread of a graph. updated_at: when it was last written to, to the minute."""

    thread_id: str
    created_at: datetime
    updated_at: datetime


class Checkpoint(msgspec.Struct, frozen=True):
    """What a step of a graph left, without the values of its channels.

    - run_id: the run that made it, where that is known.
    - channel_versions: the version of each channel, by which its value is found.
    - type, data: the rest, as a serializer wrote it.
    """

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    run_id: str | None
    channel_versions: dict[str, Json]
    type: str
    data: bytes


class ChannelValue(msgspec.Struct, frozen=True):
    """A channel's value in one version.

    - base_id: the value with which this list begins; None where `data` is all of it.
    - depth: how many bases there are below.
    - length, digest: of the whole list; None for what is no list.
    """

    id: int
    thread_id: str
    checkpoint_ns: str
    channel: str
    version: str
    base_id: int | None
    depth: int
    length: int | None
    digest: bytes | None
    type: str
    data: bytes


class CheckpointWrite(msgspec.Struct, frozen=True):
    """What a task wrote to a channel in one step.

    idx: its place among the task's writes; below 0 for errors, interrupts and their like.
    """

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    idx: int
    task_path: str
    channel: str
    type: str
    data: bytes


class ListVersion(msgspec.Struct, frozen=True):
    """A list that may be another one's base."""

    id: int
    depth: int
    length: int
    digest: bytes


class ValuePart(msgspec.Struct, frozen=True):
    """A value, or a part of a list. length: None for what is no list."""

    channel: str
    length: int | None
    type: str
    data: bytes


class ChannelVersion(msgspec.Struct, frozen=True):
    """A version of which a value is stored."""

    channel: str
    version: str


class Namespace(msgspec.Struct, frozen=True):
    """A namespace of a thread. checkpoint_id: its newest checkpoint."""

    checkpoint_ns: str
    checkpoint_id: str


class Ancestor(msgspec.Struct, frozen=True):
    """A checkpoint in a line of parents and children."""

    checkpoint_id: str
    parent_checkpoint_id: str | None
    channel_versions: dict[str, Json]


class ThreadId(msgspec.Struct, frozen=True):
    """A thread that is concerned."""

    thread_id: str


class _OfDialog(msgspec.Struct, frozen=True):
    """Whose dialog it is. thread_id: 0 for none; business_connection_id: "" for none."""

    bot_id: int
    chat_id: int
    user_id: int
    thread_id: int
    business_connection_id: str
    destiny: str


class FsmState(_OfDialog, frozen=True):
    """Where a dialog stands.

    - expires_at: from when on it counts as none; None means never.
    """

    state: str
    expires_at: datetime | None
    updated_at: datetime


class FsmData(_OfDialog, frozen=True):
    """Data of a dialog.

    - data: a JSON document. revision: another one after each write.
    - expires_at: from when on it counts as none; None means never.
    """

    data: str
    revision: UUID
    expires_at: datetime | None
    updated_at: datetime


PersistedKind = Literal["bot", "callback", "chat", "user"]
"""Whose data it is: the bot's, its callback buttons', a chat's, a user's."""


class PersistedData(msgspec.Struct, frozen=True):
    """What a bot keeps about a user, a chat or itself.

    - bot: a name, 1 to 255 characters. owner_id: 0 for what is the bot's own.
    - data: a JSON document.
    """

    bot: str
    kind: PersistedKind
    owner_id: int
    data: str
    updated_at: datetime


class PersistedConversation(msgspec.Struct, frozen=True):
    """Where a conversation of one handler stands.

    - name: the handler's. key: a JSON array of ids. state: a JSON document.
    """

    bot: str
    name: str
    key: str
    state: str
    updated_at: datetime
