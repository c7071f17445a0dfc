"""Session files: the JSON that bots kept before they had a database.

Written in the old bot's own shape, with keys it does not read beside it:

    {"session_id", "user_info": {"name", "picture", "platform"}, "bot_enabled", "history",
     "summary", "created_at", "last_active", "started_at", "last_message_at"}

Read: that; a bare list of history items; an object with `history` or `messages`
and any of session_id, platform, user_name or name, user_picture or picture_url.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from sqlstore.engine import values
from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.stores.chatbot.items import NewItem, history_item, read_items, read_moment
from sqlstore.stores.chatbot.rows import Message, Session, User

T = TypeVar("T")
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest session file that is read, in bytes: it is held in memory several times over."""
LONGEST_NAME: Final = 100
"""Characters of a file name, above which a hash stands for the session id."""


class SessionFile(msgspec.Struct, frozen=True):
    """What a file says of a session; None where it says nothing.

    last_active is the file's own time where nothing else is said.
    """

    session_id: str
    platform: str | None
    name: str | None
    picture_url: str | None
    bot_enabled: bool
    summary: str | None
    created_at: datetime | None
    last_active: datetime
    started_at: datetime | None
    last_message_at: datetime | None
    items: list[NewItem]


def read_session(path: Path) -> SessionFile:
    """Read a session file. Raises InvalidValue saying what is wrong, OSError where it cannot be read."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InvalidValue("is not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        raise InvalidValue(f"is larger than {MAX_FILE_BYTES} bytes")
    document = _document(path.read_bytes())
    if isinstance(document, list):
        document = {"history": document}
    if not isinstance(document, dict):
        raise InvalidValue("holds neither a list of history items nor an object")
    return _session(document, path.stem, datetime.fromtimestamp(status.st_mtime, UTC))


def session_document(user: User, session: Session | None, messages: list[Message]) -> bytes:
    """The content of a session's file."""
    document = {
        "session_id": user.session_id,
        "user_info": {"name": user.name, "picture": user.picture_url, "platform": user.platform},
        "bot_enabled": user.bot_enabled,
        "history": [_written_item(message) for message in messages],
        "summary": session and session.summary,
        "created_at": user.created_at,
        "last_active": user.last_active,
        "started_at": session and session.started_at,
        "last_message_at": session and session.last_message_at,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def readable_name(session_id: str) -> str | None:
    """The id as part of a file name, with `_` for everything but letters, digits, `-` and `_`.

    None for an id that is empty or too long for a name.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", session_id)
    return name if 0 < len(name) <= LONGEST_NAME else None


def hashed_name(session_id: str) -> str:
    """The name of a session whose readable one another session could have too."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def session_files(folder: Path) -> list[Path]:
    """The session files of a folder, by name; hidden ones are not among them.

    Raises ConfigurationError where there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder; name the one that holds the session files")
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def _written_item(message: Message) -> dict[str, Any]:
    item = history_item(message.role, message.content)
    if message.motion is not None:
        item["motion"] = message.motion
    if message.latency is not None:
        item["latency"] = message.latency
    if message.from_faq:
        item["from_faq"] = True
    return {**item, "created_at": message.created_at}


def _document(content: bytes) -> object:
    try:
        return json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise InvalidValue("is not UTF-8 text; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidValue(f"is not valid JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise InvalidValue("is nested too deeply") from None
    except ValueError:  # int() refuses more than 4,300 digits
        raise InvalidValue("holds a number that is too long") from None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidValue("holds an object in which a key stands twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidValue(f"holds {name}, which JSON does not have")


def _session(document: Mapping[str, object], stem: str, file_time: datetime) -> SessionFile:
    user = document.get("user_info") or {}
    if not isinstance(user, Mapping):
        raise InvalidValue("must be an object", parameter="user_info")
    history = next((document[key] for key in ("history", "messages") if key in document), None)
    if history is None:
        raise InvalidValue("has neither `history` nor `messages`")
    bot_enabled = _first(document, ("bot_enabled",), values.boolean)
    session_id = _first(document, ("session_id",), values.text)
    last_active = _first(document, ("last_active",), read_moment) or file_time
    return SessionFile(
        session_id=values.text(stem) if session_id is None else session_id,
        platform=_first(document, ("platform",), values.text) or _first(user, ("platform",), values.text),
        name=_first(document, ("user_name", "name"), values.text) or _first(user, ("name",), values.text),
        picture_url=_first(document, ("user_picture", "picture_url"), values.text)
        or _first(user, ("picture", "picture_url"), values.text),
        bot_enabled=bot_enabled is not False,
        summary=_first(document, ("summary",), values.text),
        created_at=_first(document, ("created_at",), read_moment),
        last_active=last_active,
        started_at=_first(document, ("started_at",), read_moment),
        last_message_at=_first(document, ("last_message_at",), read_moment),
        items=read_items(history, last_active),
    )


def _first(document: Mapping[str, object], keys: tuple[str, ...], read: Callable[[object], T]) -> T | None:
    """The first of these keys that has a value."""
    for key in keys:
        if document.get(key) is not None:
            try:
                return read(document[key])
            except InvalidValue as error:
                raise InvalidValue(error.reason, parameter=key) from None
    return None
