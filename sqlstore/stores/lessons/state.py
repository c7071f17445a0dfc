"""A lesson in memory: what a bot reads, changes and saves on each turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self, cast, get_args

from sqlstore.engine import values
from sqlstore.engine.clock import now
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import Json
from sqlstore.stores.lessons.rows import Message, Role, Scenario, Session

RECENT_MESSAGES: Final = 30
"""How many of the newest messages a state holds."""
LONGEST_CHAT_ID: Final = 255
HIGHEST_LEVEL: Final = 9
STATE_COLUMNS: Final = (
    "scenario",
    "question",
    "topic",
    "is_new_question",
    "is_new_topic",
    "understanding_level",
    "previous_understanding_level",
    "previous_topic",
    "user_preferences",
)
"""What the bot decides; the other columns are kept by the store."""


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """Something said. id: of the stored row; None for what is not stored yet."""

    role: Role
    content: str
    timestamp: datetime = field(default_factory=now)
    id: int | None = None

    @property
    def content_key(self) -> tuple[Role, str, datetime]:
        """Two messages with the same are one, stored or not."""
        return self.role, self.content, self.timestamp

    def to_dict(self) -> dict[str, Any]:
        """The message as JSON has it, its time as ISO 8601 text."""
        return {
            "id": self.id,
            "role": self.role,
            "content": self.content,
            "timestamp": self.timestamp.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The message of such a dict; without `timestamp` it was said now.

        Raises InvalidValue for a missing `role` or `content`, or a time that is none.
        """
        for key in ("role", "content"):
            if key not in data:
                raise InvalidValue(f"a message needs `{key}`", parameter="recent_messages")
        said_at = _moment(data.get("timestamp"), "timestamp")
        return cls(data["role"], data["content"], said_at or now(), data.get("id"))


@dataclass(slots=True)
class SessionState:
    """Where the lesson with one chat stands, with its newest messages in order.

    A fresh one has the defaults of the table. A message without an id is new and
    stored with the next save. state_version: as it was read, None while nothing is stored.
    """

    chat_id: str
    scenario: Scenario = "unknown"
    question: str | None = None
    topic: str | None = None
    is_new_question: bool = False
    is_new_topic: bool = False
    understanding_level: int = 0
    previous_understanding_level: int | None = None
    previous_topic: str | None = None
    user_preferences: list[Json] = field(default_factory=list)
    recent_messages: list[SessionMessage] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    state_version: int | None = None

    @classmethod
    def of(cls, session: Session, messages: Iterable[SessionMessage]) -> Self:
        """The state of a stored session."""
        columns = {name: getattr(session, name) for name in session.__struct_fields__}
        columns["user_preferences"] = list(session.user_preferences)
        return cls(**columns, recent_messages=list(messages))

    @property
    def new_messages(self) -> list[SessionMessage]:
        """Those that are not stored yet, oldest first."""
        return [message for message in self.recent_messages if message.id is None]

    def add_message(self, role: Role, content: str, timestamp: datetime | None = None) -> SessionMessage:
        """Say something; stored with the next save. timestamp: None means now."""
        message = SessionMessage(role, content, now() if timestamp is None else timestamp)
        self.recent_messages.append(message)
        self.forget_old_messages()
        return message

    def forget_old_messages(self) -> None:
        """Keep the newest 30, and every one that is not stored yet."""
        surplus = len(self.recent_messages) - RECENT_MESSAGES
        if surplus > 0:
            oldest = [message for message in self.recent_messages[:surplus] if message.id is None]
            self.recent_messages[:surplus] = oldest

    def columns(self) -> dict[str, Any]:
        """What the bot decides, by column."""
        return {name: getattr(self, name) for name in STATE_COLUMNS}

    def copy(self) -> Self:
        """A state of its own with the same content."""
        preferences, messages = list(self.user_preferences), list(self.recent_messages)
        return replace(self, user_preferences=preferences, recent_messages=messages)

    def become(self, other: SessionState) -> None:
        """Take over everything of another state."""
        for name, value in _fields(other.copy()).items():
            setattr(self, name, value)

    def check(self) -> None:
        """Raise InvalidValue, naming the column, for what the tables would refuse."""
        check_chat_id(self.chat_id)
        _check_choice(self.scenario, get_args(Scenario), "scenario")
        for name in ("question", "topic", "previous_topic"):
            if getattr(self, name) is not None:
                _check(values.text, getattr(self, name), name)
        for name in ("is_new_question", "is_new_topic"):
            _check(values.boolean, getattr(self, name), name)
        _check_level(self.understanding_level, "understanding_level")
        if self.previous_understanding_level is not None:
            _check_level(self.previous_understanding_level, "previous_understanding_level")
        if not isinstance(self.user_preferences, list | tuple):
            raise InvalidValue("must be a list", parameter="user_preferences")
        _check(values.json, self.user_preferences, "user_preferences")
        _check(values.timestamp, self.created_at, "created_at")
        for message in self.recent_messages:
            check_message(message.role, message.content, message.timestamp)

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON has it: columns by name, times as ISO 8601 text, `recent_messages`."""
        document = _fields(self) | {"user_preferences": list(self.user_preferences)}
        document["created_at"] = self.created_at.isoformat()
        document["updated_at"] = self.updated_at.isoformat()
        document["recent_messages"] = [message.to_dict() for message in self.recent_messages]
        return document

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The state of such a dict; a key that is missing takes its default, an unknown one is left alone.

        `messages` is understood in place of `recent_messages`. Raises InvalidValue
        without `chat_id`, and for what the tables would refuse.
        """
        if "chat_id" not in data:
            raise InvalidValue("a session needs `chat_id`", parameter="chat_id")
        given = {name: data[name] for name in (*STATE_COLUMNS, "state_version") if name in data}
        for name in ("created_at", "updated_at"):
            moment = _moment(data.get(name), name)
            if moment is not None:
                given[name] = moment
        messages = data.get("recent_messages", data.get("messages", []))
        state = cls(
            data["chat_id"],
            **given,
            recent_messages=[SessionMessage.from_dict(message) for message in messages],
        )
        state.check()
        state.user_preferences = list(state.user_preferences)
        return state


def check_chat_id(chat_id: object) -> None:
    """Raise InvalidValue unless it is text of 1 to 255 characters."""
    _check(values.text, chat_id, "chat_id")
    if not 1 <= len(cast("str", chat_id)) <= LONGEST_CHAT_ID:
        raise InvalidValue(f"must have 1 to {LONGEST_CHAT_ID} characters", parameter="chat_id")


def check_message(role: object, content: object, timestamp: object) -> None:
    """Raise InvalidValue, naming the column, for a message that the table would refuse."""
    _check_choice(role, get_args(Role), "role")
    _check(values.text, content, "content")
    _check(values.timestamp, timestamp, "timestamp")


def check_count(value: object, parameter: str) -> None:
    """Raise InvalidValue unless it is an integer from 1 that fits 64 bits."""
    _check(values.integer, value, parameter)
    if cast("int", value) < 1:
        raise InvalidValue("must be at least 1", parameter=parameter)


def stored_message(row: Message) -> SessionMessage:
    """A stored message as a state holds it."""
    return SessionMessage(row.role, row.content, row.timestamp, row.id)


def not_stored(new: Iterable[SessionMessage], stored: Iterable[SessionMessage]) -> list[SessionMessage]:
    """The new messages without those that are stored already, each of which stands for one."""
    unmatched = Counter(message.content_key for message in stored)
    missing = []
    for message in new:
        if unmatched[message.content_key] > 0:
            unmatched[message.content_key] -= 1
        else:
            missing.append(message)
    return missing


def _fields(state: SessionState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in SessionState.__slots__}


def _check(gate: values.Encoder, value: object, parameter: str) -> None:
    try:
        gate(value)
    except InvalidValue as error:
        raise InvalidValue(error.reason, parameter=parameter) from None


def _check_choice(value: object, choices: tuple[str, ...], parameter: str) -> None:
    if value not in choices:
        raise InvalidValue(f"must be one of {', '.join(choices)}", parameter=parameter)


def _check_level(value: object, parameter: str) -> None:
    _check(values.integer, value, parameter)
    if not 0 <= cast("int", value) <= HIGHEST_LEVEL:
        raise InvalidValue(f"must lie between 0 and {HIGHEST_LEVEL}", parameter=parameter)


def _moment(value: object, parameter: str) -> datetime | None:
    """A time that may be ISO 8601 text; None stays None."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidValue("is no time in ISO 8601", parameter=parameter) from None
    if value is None:
        return None
    _check(values.timestamp, value, parameter)
    return cast("datetime", value).astimezone(UTC)
