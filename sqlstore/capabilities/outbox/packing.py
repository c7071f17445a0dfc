"""Arguments of a call as JSON and back: JSON has no UUID and no time, so these are wrapped.

{"message_id": {"$uuid": "018f…"}, "created_at": {"$time": "2026-01-02T03:04:05.000006Z"}}

An object of the caller's that looks like a wrapper is wrapped itself: {"$object": {…}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from sqlstore.engine import values
from sqlstore.engine.errors import InvalidValue

_WRAPPERS: Final = frozenset(("$uuid", "$time", "$object"))


def pack(arguments: Mapping[str, object]) -> str:
    """As JSON. Raises InvalidValue, naming the parameter, for what no database could keep."""
    packed = {}
    for name, value in arguments.items():
        try:
            packed[name] = _packed(value)
            values.json(packed[name])
        except InvalidValue as error:
            raise InvalidValue(error.reason, parameter=name) from None
    return values.json(packed)


def unpack(document: str) -> dict[str, Any]:
    """The arguments again. Raises ValueError for what `pack` did not make."""
    found = _unpacked(msgspec.json.decode(document))
    if not isinstance(found, dict):
        raise TypeError("the arguments are no object")
    return found


def _packed(value: object, depth: int = values.MAX_JSON_DEPTH) -> Any:
    if depth < 0:
        raise InvalidValue(f"is nested deeper than {values.MAX_JSON_DEPTH} levels")
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    if isinstance(value, datetime):
        return {"$time": values.timestamp_text(value)}
    if isinstance(value, list | tuple):
        return [_packed(each, depth - 1) for each in value]
    if isinstance(value, dict):
        inner = {key: _packed(each, depth - 1) for key, each in value.items()}
        return {"$object": inner} if _is_wrapper(inner) else inner
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    if not _is_wrapper(value):
        return {key: _unpacked(each) for key, each in value.items()}
    ((kind, content),) = value.items()
    if kind == "$uuid":
        return UUID(content)
    if kind == "$time":
        return datetime.fromisoformat(content).astimezone(UTC)
    return {key: _unpacked(each) for key, each in content.items()}


def _is_wrapper(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and not _WRAPPERS.isdisjoint(value)
