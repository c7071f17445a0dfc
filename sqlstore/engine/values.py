"""The value gate: one verdict on every value, on both engines, before any I/O.

Each `Gate` method takes a Python value and gives what the driver binds, or
raises InvalidValue without quoting the value. What passes is stored and read
back equal on SQLite and on PostgreSQL.

| type      | Python           | SQLite binds             | PostgreSQL binds |
|-----------|------------------|--------------------------|------------------|
| int       | int, 64 bits     | int                      | int              |
| int4      | int, 32 bits     | int                      | int              |
| float     | float or int     | float                    | float            |
| text      | str              | str                      | str              |
| bool      | bool             | 0 or 1                   | bool             |
| bytes     | bytes            | bytes                    | bytes            |
| json      | JSON value       | str                      | str              |
| timestamp | aware datetime   | str, 27 characters, UTC  | datetime, UTC    |
| uuid      | uuid.UUID        | str, 36 characters       | UUID             |
| T[]       | list or tuple    | str, a JSON array        | list             |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeGuard, TypeVar, cast, get_args
from uuid import UUID

import msgspec

from sqlstore.engine.errors import InvalidValue

Engine = Literal["sqlite", "postgres"]
TypeName = Literal["int", "int4", "float", "text", "bool", "bytes", "json", "timestamp", "uuid"]
TYPE_NAMES: Final[tuple[str, ...]] = get_args(TypeName)

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    Json = Any  # msgspec evaluates the fields of rows, and a text cannot stand in `Json | None`
Bound: TypeAlias = "bool | int | float | str | bytes | datetime | UUID | list[Bound] | None"
Encoder: TypeAlias = Callable[[object], Bound]
ColumnEncoder: TypeAlias = "Callable[[Sequence[object]], Sequence[Bound]]"
T = TypeVar("T")

MAX_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Longest text, bytes or JSON document, in bytes of UTF-8. Both engines take more; the
network, the search index and memory do not enjoy it."""
MAX_JSON_DEPTH: Final = 100
"""Deepest nesting of a JSON value (SQLite stops at 1,000, PostgreSQL at its stack)."""
MAX_LIST_LENGTH: Final = 100_000
"""Most elements of a list parameter."""

_INT64 = 2**63
_INT32 = 2**31
_LONGEST_UTF8 = 4  # bytes of a character
_FIRST_YEAR, _LAST_YEAR = 2, 9998
_FIRST_FLOAT_WITH_EXPONENT = 1e16


def _type_name(value: object) -> str:
    return "None" if value is None else type(value).__name__


def checked(gate: Callable[[object], T], value: object, parameter: str, query: str | None = None) -> T:
    """What a gate makes of a value. Raises InvalidValue, naming the parameter."""
    try:
        return gate(value)
    except InvalidValue as error:
        raise InvalidValue(error.reason, parameter=parameter, query=query) from None


def members(value: object) -> list[Any]:
    """The members of what a list parameter may be given; text is no list of its letters."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidValue(f"must be a list, not {_type_name(value)}")
    return list(value)


def integer(value: object) -> int:
    """A 64-bit integer; a bool is refused."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValue(f"must be int, not {_type_name(value)}")
        value = int(value)
    if not -_INT64 <= value < _INT64:
        raise InvalidValue("does not fit a 64-bit integer")
    return value


def integer4(value: object) -> int:
    """A 32-bit integer, for PostgreSQL functions that want one."""
    number = integer(value)
    if not -_INT32 <= number < _INT32:
        raise InvalidValue("does not fit a 32-bit integer")
    return number


def row_count(value: object) -> int:
    """A 64-bit integer that may stand after LIMIT: SQLite takes a negative one for no limit at all."""
    number = integer(value)
    if number < 0:
        raise InvalidValue("must not be negative")
    return number


def check_limit(limit: object, query: str) -> None:
    """Raise InvalidValue, naming the parameter `limit`, for what is less than one row."""
    if checked(integer, limit, "limit", query) < 1:
        raise InvalidValue("must be at least 1", parameter="limit", query=query)


def floating(value: object) -> float:
    """A finite float; an int is taken as one."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise InvalidValue(f"must be float, not {_type_name(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidValue("does not fit a float") from None
    if not math.isfinite(number):
        raise InvalidValue("must be a finite number, not NaN or infinity")
    return number + 0.0  # -0.0 becomes 0.0, as SQLite stores it


def text(value: object) -> str:
    """Text that UTF-8 can hold, without NUL."""
    if type(value) is not str:
        if not isinstance(value, str):
            raise InvalidValue(f"must be str, not {_type_name(value)}")
        value = str.__str__(value)  # a StrEnum member is bound as its plain text
    if "\0" in value:
        raise InvalidValue("holds a NUL character, which PostgreSQL cannot store")
    if value.isascii():
        size = len(value)
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise InvalidValue("holds a lone surrogate, which UTF-8 cannot hold") from None
    if size > MAX_TEXT_BYTES:
        raise InvalidValue(f"is longer than {MAX_TEXT_BYTES} bytes")
    return value


def boolean(value: object) -> bool:
    """True or False, nothing that merely looks like it."""
    if type(value) is not bool:
        raise InvalidValue(f"must be bool, not {_type_name(value)}")
    return value


def binary(value: object) -> bytes:
    """Bytes; bytearray and memoryview are copied."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InvalidValue(f"must be bytes, not {_type_name(value)}")
    data = bytes(value)
    if len(data) > MAX_TEXT_BYTES:
        raise InvalidValue(f"is longer than {MAX_TEXT_BYTES} bytes")
    return data


def timestamp(value: object) -> datetime:
    """An aware datetime, moved to UTC."""
    if type(value) is datetime and value.tzinfo is UTC and _FIRST_YEAR <= value.year <= _LAST_YEAR:
        return value
    if not isinstance(value, datetime):
        raise InvalidValue(f"must be datetime, not {_type_name(value)}")
    if value.utcoffset() is None:
        raise InvalidValue("must be a datetime with a time zone, such as datetime.now(UTC)")
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise InvalidValue(f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    moment = value.astimezone(UTC)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InvalidValue(f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


def timestamp_text(value: object) -> str:
    """An aware datetime as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: 27 characters that sort as text."""
    return timestamp(value).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def uuid(value: object) -> UUID:
    """A uuid.UUID; text is refused, so that one spelling is stored."""
    if not isinstance(value, UUID):
        raise InvalidValue(f"must be uuid.UUID, not {_type_name(value)}")
    return value


_EMPTY: Final[dict[type, str]] = {dict: "{}", list: "[]", tuple: "[]"}


def json(value: object) -> str:
    """A JSON value as compact text: no NaN, text keys only, depth and size bounded."""
    if not value and type(value) in _EMPTY:  # what most rows have
        return _EMPTY[type(value)]
    if _has_large_float(value, MAX_JSON_DEPTH):
        value = _with_plain_floats(value)
    try:
        document = msgspec.json.encode(value)
    except TypeError:  # a subclass that msgspec does not know
        raise InvalidValue("holds an object that JSON does not have") from None
    if len(document) > MAX_TEXT_BYTES:
        raise InvalidValue(f"is longer than {MAX_TEXT_BYTES} bytes as JSON")
    return document.decode()


def _has_large_float(value: object, depth: int) -> bool:
    """Check a JSON value; whether it holds a float that is written with an exponent."""
    if value is None or value is True or value is False:
        return False
    if isinstance(value, str):
        text(value)
    elif isinstance(value, int):
        integer(value)
    elif isinstance(value, float):
        return abs(floating(value)) >= _FIRST_FLOAT_WITH_EXPONENT
    elif depth == 0:
        raise InvalidValue(f"is nested deeper than {MAX_JSON_DEPTH} levels")
    elif isinstance(value, dict):
        for key in value:
            if type(key) is not str:
                raise InvalidValue(f"has a JSON key that is {_type_name(key)}, not str")
            text(key)
        return _any_large_float(value.values(), depth - 1)
    elif isinstance(value, list | tuple):
        return _any_large_float(value, depth - 1)
    else:
        raise InvalidValue(f"holds a {_type_name(value)}, which JSON does not have")
    return False


def _any_large_float(members: Iterable[object], depth: int) -> bool:
    """Looks at every member, also after the first large float: each must be checked."""
    found = False
    for member in members:
        found |= _has_large_float(member, depth)
    return found


def _with_plain_floats(value: object) -> object:
    """Large floats as `100….0`: PostgreSQL turns 1e20 into an integer, which reads back as another number."""
    if isinstance(value, dict):
        return {key: _with_plain_floats(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_with_plain_floats(member) for member in value]
    if isinstance(value, float) and abs(value) >= _FIRST_FLOAT_WITH_EXPONENT:
        return msgspec.Raw(f"{value:.1f}".encode())
    return value


def _boolean_number(value: object) -> int:
    return int(boolean(value))


def _uuid_text(value: object) -> str:
    return str(uuid(value))


_POSTGRES: Final[dict[str, Encoder]] = {
    "int": integer,
    "int4": integer4,
    "float": floating,
    "text": text,
    "bool": boolean,
    "bytes": binary,
    "json": json,
    "timestamp": timestamp,
    "uuid": uuid,
}
_SQLITE: Final[dict[str, Encoder]] = _POSTGRES | {
    "bool": _boolean_number,
    "timestamp": timestamp_text,
    "uuid": _uuid_text,
}
_ENCODERS: Final[dict[Engine, dict[str, Encoder]]] = {"sqlite": _SQLITE, "postgres": _POSTGRES}


def encoder(engine: Engine, type_name: TypeName, *, nullable: bool, is_list: bool) -> Encoder:
    """The gate of one parameter: raises InvalidValue (without the parameter's name) or binds."""
    encode = _ENCODERS[engine][type_name]
    if is_list:
        encode = _list_encoder(encode, as_json=engine == "sqlite")
    if not nullable:
        return encode

    def encode_nullable(value: object) -> Bound:
        return None if value is None else encode(value)

    return encode_nullable


def column_encoder(engine: Engine, type_name: TypeName) -> ColumnEncoder:
    """The gate of many values at once, where None passes: `encoder`'s verdict on each.

    A column as most are is judged as a whole, several times faster than value by value.
    """
    encode = _ENCODERS[engine][type_name]
    passes = _WHOLE_COLUMNS.get(type_name)

    def encode_column(values: Sequence[object]) -> Sequence[Bound]:
        if passes is not None and passes(values):
            return cast("Sequence[Bound]", values)
        return [None if value is None else encode(value) for value in values]

    return encode_column


def _are_integers(values: Sequence[object]) -> bool:
    if set(map(type, values)) != {int}:
        return False
    numbers = cast("Sequence[int]", values)
    return min(numbers) >= -_INT64 and max(numbers) < _INT64


def are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Whether each is a plain str that `text` passes; False too for none, and for more text than one may have."""
    if set(map(type, values)) != {str}:
        return False
    joined = "".join(cast("Sequence[str]", values))
    if "\0" in joined or len(joined) > MAX_TEXT_BYTES // _LONGEST_UTF8:
        return False
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return True


_WHOLE_COLUMNS: Final[dict[str, Callable[[Sequence[object]], bool]]] = {
    "int": _are_integers,
    "text": are_texts,
}


def _list_encoder(encode: Encoder, *, as_json: bool) -> Encoder:
    def encode_list(value: object) -> Bound:
        if not isinstance(value, list | tuple):
            raise InvalidValue(f"must be a list, not {_type_name(value)}")
        if len(value) > MAX_LIST_LENGTH:
            raise InvalidValue(f"has more than {MAX_LIST_LENGTH} elements")
        elements = [encode(element) for element in value]
        return msgspec.json.encode(elements).decode() if as_json else elements

    return encode_list
