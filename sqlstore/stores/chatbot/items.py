"""History items: what bots keep in memory, read strictly and written the same way.

An item is `{"role": "user", "parts": [{"text": "…"}]}` and may carry `motion`,
`latency` (seconds), `from_faq` and `created_at`. `"content": "…"` in place of
the parts, and parts that are plain text, are understood too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast, get_args

import msgspec

from sqlstore.engine import values
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import Json
from sqlstore.stores.chatbot.rows import Role

T = TypeVar("T")
ROLES: Final[tuple[str, ...]] = get_args(Role)
LONGEST_MOTION: Final = 50
_BARE_KEYS: Final = 2  # role and parts
_ROLES: Final = frozenset(ROLES)
BATCH_ITEMS: Final = 1_000
"""Most items that one statement inserts."""
BATCH_CHARACTERS: Final = 4_000_000
"""Characters of text after which a statement takes no further item."""


class NewItem(msgspec.Struct, frozen=True, gc=False):
    """An item as it was handed over. (Of thousands, none refers to another: the collector need not look.)"""

    role: Role
    content: str
    motion: str | None
    latency: float | None
    from_faq: bool
    created_at: datetime


def history_item(role: str, content: str) -> dict[str, Any]:
    """A message as bots know it."""
    return {"role": role, "parts": [{"text": content}]}


def read_items(history: object, moment: datetime) -> list[NewItem]:
    """Every item of a list; one that tells no time has this one.

    Raises InvalidValue naming the first item that cannot be stored.
    """
    if not isinstance(history, list | tuple):
        raise InvalidValue(f"must be a list, not {type(history).__name__}", parameter="history")
    if bare := _read_bare(history, moment):
        return bare
    items = []
    for number, item in enumerate(history):
        try:
            items.append(_read_item(item, moment))
        except InvalidValue as error:
            subject = f"{error.parameter} " if error.parameter else ""
            raise InvalidValue(f"item {number}: {subject}{error.reason}", parameter="history") from None
    return items


def check_role(role: object) -> Role:
    """A role that messages can have. Raises InvalidValue."""
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidValue(f"must be one of {', '.join(ROLES)}", parameter="role")
    return cast("Role", role)


def read_moment(value: object) -> datetime:
    """An aware datetime, or ISO 8601 text (UTC where it names no zone). Raises InvalidValue."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidValue("must be a time such as 2024-12-31T23:59:59Z") from None
        value = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return values.timestamp(value)


def batches(items: Sequence[NewItem]) -> Iterator[Json]:
    """Items as the parameter of `messages.append_many`, cut so that no statement grows huge."""
    batch: list[Json] = []
    characters = 0
    for item in items:
        created_at = values.timestamp_text(item.created_at)
        batch.append([item.role, item.content, item.motion, item.latency, item.from_faq, created_at])
        characters += len(item.content)
        if len(batch) == BATCH_ITEMS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _read_bare(history: Sequence[Any], moment: datetime) -> list[NewItem]:
    """All items, where each has a role and one part alone, as in the long lists that bots hand over again.

    [] where one is anything else; it takes a third of the time that one by one would.
    """
    if set(map(type, history)) != {dict}:
        return []
    try:
        roles = [item["role"] for item in history if len(item) == _BARE_KEYS]
        parts = [
            item["parts"][0] for item in history if type(item["parts"]) is list and len(item["parts"]) == 1
        ]
        texts = [part["text"] for part in parts if type(part) is dict]
        if len(roles) == len(texts) == len(history) and set(roles) <= _ROLES and values.are_texts(texts):
            pairs = zip(roles, texts, strict=True)
            return [NewItem(role, text, None, None, False, moment) for role, text in pairs]
    except (TypeError, KeyError):  # is told by the item that it is about
        pass
    return []


def _read_item(item: object, moment: datetime) -> NewItem:
    if not isinstance(item, dict):
        raise InvalidValue(f"must be an object with role and parts, not {type(item).__name__}")
    role, content = check_role(item.get("role")), _content(item)
    if len(item) == _BARE_KEYS:  # a saved history holds thousands of these
        return NewItem(role, content, None, None, False, moment)
    motion = _optional(item, "motion", values.text)
    if motion is not None and len(motion) > LONGEST_MOTION:
        raise InvalidValue(f"is longer than {LONGEST_MOTION} characters", parameter="motion")
    return NewItem(
        role,
        content,
        motion,
        latency=_optional(item, "latency", _duration),
        from_faq=_optional(item, "from_faq", values.boolean) or False,
        created_at=_optional(item, "created_at", read_moment) or moment,
    )


def _content(item: dict[str, object]) -> str:
    parts = item.get("parts", item.get("content"))
    if isinstance(parts, str):
        return values.text(parts)
    if not isinstance(parts, list | tuple):
        raise InvalidValue("must be a list of text parts", parameter="parts")
    if len(parts) == 1:
        return _part_text(0, parts[0])
    return "".join([_part_text(number, part) for number, part in enumerate(parts)])


def _part_text(number: int, part: object) -> str:
    content = part.get("text") if isinstance(part, dict) else part
    if not isinstance(content, str):
        raise InvalidValue(f"part {number} is no text; only text can be stored")
    return values.text(content)


def _duration(value: object) -> float:
    seconds = values.floating(value)
    if seconds < 0:
        raise InvalidValue("must not be negative")
    return seconds


def _optional(item: dict[str, object], name: str, read: Callable[[object], T]) -> T | None:
    value = item.get(name)
    return None if value is None else _named(name, read, value)


def _named(name: str, read: Callable[[object], T], value: object) -> T:
    try:
        return read(value)
    except InvalidValue as error:
        raise InvalidValue(error.reason, parameter=name) from None
