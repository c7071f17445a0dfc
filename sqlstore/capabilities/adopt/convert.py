"""One value at a time from what the old system kept to what the store keeps, on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from sqlstore.engine import values
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import Bound, Engine, TypeName

Converter: TypeAlias = Callable[[object], object]

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:[.,]\d+)?)?)\s?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_TRUTHS: Final[dict[object, bool]] = {0: False, 1: True}


def converter(engine: Engine, kind: TypeName | None, zone: tzinfo) -> Callable[[object], Bound]:
    """What turns a value of the old database into what the driver binds; None stays None.

    kind: None passes a value on as it is. zone: of times that have none.
    The function raises InvalidValue, which says why without quoting the value.
    """
    if kind is None:
        return _as_it_is
    if kind == "json":
        return lambda value: None if value is None else _json_text(value)
    convert = _moment_in(zone) if kind == "timestamp" else _CONVERTERS[kind]
    encode = values.encoder(engine, kind, nullable=True, is_list=False)
    return lambda value: None if value is None else encode(convert(value))


def _as_it_is(value: object) -> Bound:
    """A column that the store does not know: only text that cannot be bound is refused."""
    return values.text(value) if isinstance(value, str) else value  # type: ignore[return-value]  # what a driver gave it takes


def _moment_in(zone: tzinfo) -> Converter:
    def moment(value: object) -> datetime:
        found = _parsed_moment(value) if isinstance(value, str) else value
        if not isinstance(found, datetime):
            raise InvalidValue("is not a time")
        return found if found.tzinfo is not None else found.replace(tzinfo=zone)

    return moment


def _parsed_moment(text: str) -> datetime | None:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    try:
        return datetime.fromisoformat(parts[1] + (parts[2] or ""))
    except ValueError:  # the 31st of February
        return None


def _whole_number(value: object) -> object:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal) and value == value // 1:
        return int(value)
    raise InvalidValue("is not a whole number")


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidValue("is not a number")
    return float(value)


def _truth(value: object) -> object:
    if isinstance(value, int) and value in _TRUTHS:
        return _TRUTHS[value]
    raise InvalidValue("is neither true nor false")


def _text(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # SQLite keeps text that looks like a number as one in columns it does not know
    if not isinstance(value, str):
        raise InvalidValue("is not text")
    return value


def _bytes(value: object) -> object:
    if not isinstance(value, bytes):
        raise InvalidValue("is not bytes")
    return value


def _json_text(value: object) -> Bound:
    """The text as it is, once it is known to be JSON that both engines keep."""
    document = _text(value)
    assert isinstance(document, str)  # noqa: S101 - for the type checker
    try:
        decoded = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidValue("is not JSON") from None
    values.json(decoded)
    return document


def _uuid(value: object) -> object:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidValue("is not a UUID") from None


_CONVERTERS: Final[dict[TypeName, Converter]] = {
    "int": _whole_number,
    "int4": _whole_number,
    "float": _number,
    "text": _text,
    "bool": _truth,
    "bytes": _bytes,
    "uuid": _uuid,
}
