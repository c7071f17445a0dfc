"""What the tutoring bot hands over and gets back: ids as Telegram has them, states and messages as dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlstore.engine.clock import now
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.lessons import SessionMessage, SessionState
from sqlstore.stores.lessons.state import check_chat_id


def chat_key(chat_id: str | int) -> str:
    """The chat as the tables name it. Raises InvalidValue unless it has 1 to 255 characters."""
    chat = str(chat_id) if type(chat_id) is int else chat_id
    check_chat_id(chat)
    return str(chat)


def message_document(chat: str, message: SessionMessage) -> dict[str, Any]:
    """The message as a dict: id (None while not stored), chat_id, role, content, timestamp (a datetime)."""
    return message.to_dict() | {"chat_id": chat, "timestamp": message.timestamp}


def state_document(state: SessionState) -> dict[str, Any]:
    """The columns by name, created_at and updated_at as ISO 8601 text, and `messages`."""
    document = state.to_dict()
    del document["recent_messages"]
    return document | {
        "messages": [message_document(state.chat_id, message) for message in state.recent_messages]
    }


def state_of(document: Mapping[str, Any]) -> SessionState:
    """The state of such a dict. A message without `timestamp` gets it, in the dict: that is how
    it is known again when the same list is handed over once more.

    Raises InvalidValue for what the tables would refuse.
    """
    if "chat_id" not in document:
        raise InvalidValue("a session needs `chat_id`", parameter="session_state")
    moment = now()
    for message in document.get("messages", ()):
        if message.get("timestamp") is None:
            message["timestamp"] = moment
    return SessionState.from_dict({**document, "chat_id": chat_key(document["chat_id"])})
