"""Values of bots as JSON documents: what comes back equals what was given, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlstore.engine import values
from sqlstore.engine.errors import InvalidValue

_PAIRS: Final = "$pairs"
"""An object that JSON could not write as it is: `{"$pairs": [[3, "three"]]}` is `{3: "three"}`."""


def to_document(value: object, parameter: str) -> str:
    """A value as JSON; keys that are int stay so. Tuples become lists.

    Raises InvalidValue, without the value, for what JSON does not have (datetimes, sets, objects …).
    """
    try:
        return values.json(_written(value))
    except RecursionError:
        raise InvalidValue("is nested too deep, or holds itself", parameter=parameter) from None
    except InvalidValue as error:
        raise InvalidValue(error.reason, parameter=parameter) from None


def from_document(document: str) -> Any:
    """The value of which `to_document` made this."""
    return json.loads(document, object_hook=_read)


def _written(value: object) -> object:
    if isinstance(value, Mapping):
        members = {key: _written(member) for key, member in value.items()}
        if _PAIRS in members or any(isinstance(key, int) and not isinstance(key, bool) for key in members):
            for key in members:
                if isinstance(key, bool) or not isinstance(key, int | str):
                    raise InvalidValue(f"has a key that is {type(key).__name__}, neither str nor int")
            return {_PAIRS: [list(pair) for pair in members.items()]}
        return members
    if isinstance(value, list | tuple):
        return [_written(member) for member in value]
    return value


def _read(members: dict[str, Any]) -> Any:
    pairs = members.get(_PAIRS)
    return members if pairs is None else dict(pairs)
