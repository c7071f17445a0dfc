"""The header of a named query, which is its signature.

-- name: append(chat_id: int, text: text?, ids: int[]) :one Message

header      -- name: NAME(PARAMETERS) :KIND RESULT
PARAMETERS  NAME: TYPE, separated by commas, or nothing; TYPE? may be None, TYPE[] is a list
KIND RESULT :one ROW       a row, or None; a second row raises TooManyRows
            :many ROW      a list of rows
            :stream ROW    one page of rows, see `repository.py`
            :value TYPE    one value, or None; TYPE? says that NULL is expected
            :changed       the number of rows changed
TYPE        one of values.TYPE_NAMES
NAME        ASCII letters, digits and _, beginning with a letter; no keyword of Python
"""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast, get_args

from sqlstore.engine.driver import Kind
from sqlstore.engine.sqltext import ScanError
from sqlstore.engine.values import TYPE_NAMES, TypeName

_FORM: Final = "write it as `-- name: get(id: int, text: text?) :one Row`"
_KINDS: Final[tuple[str, ...]] = get_args(Kind)
_LOOKS_LIKE_HEADER = re.compile(
    rf"--+\s*name\s*:|--+name\b|--+\s*name\b.*\)\s*:({'|'.join(_KINDS)})\b", re.IGNORECASE
)
_HEADER = re.compile(
    r"-- name: (?P<name>[^\s(:]+)\s*\((?P<parameters>[^()]*)\)\s*:(?P<kind>\S+)(?:\s+(?P<result>\S+))?\s*"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PARAMETER = re.compile(
    r"\s*(?P<name>[^\s:]+)\s*:\s*(?P<type>[^\s?\[\]]+)(?P<list>\[\])?(?P<nullable>\?)?\s*"
)
_WITHOUT_LISTS: Final = ("bytes", "json")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter. nullable: may be None; is_list: a list of non-null elements."""

    name: str
    type: TypeName
    nullable: bool
    is_list: bool


@dataclass(frozen=True, slots=True)
class Header:
    """What a query declares.

    row: the row type's name for `:one`, `:many` and `:stream`, else None.
    value: the type for `:value`, else None; value_nullable: it ended in `?`.
    """

    name: str
    parameters: tuple[Parameter, ...]
    kind: Kind
    row: str | None
    value: TypeName | None
    value_nullable: bool


def looks_like_header(comment: str) -> bool:
    """Whether a comment on a line of its own is a header, or was meant as one."""
    return _LOOKS_LIKE_HEADER.match(comment) is not None


def parse_header(comment: str, offset: int) -> Header:
    """The header that a comment is. offset: the comment's own, for errors.

    Raises ScanError.
    """
    match = _HEADER.fullmatch(comment)
    if match is None:
        raise ScanError(offset, f"this is not a header; {_FORM}")
    name = _checked_name(match["name"], "query", offset + match.start("name"))
    parameters = _parameters(match["parameters"], offset + match.start("parameters"))
    kind, result = match["kind"], match["result"] or ""
    if kind not in _KINDS:
        kinds = ", ".join(f":{known}" for known in _KINDS)
        raise ScanError(offset + match.start("kind"), f"unknown kind :{kind}; use one of {kinds}")
    result_offset = offset + (match.start("result") if result else match.end())
    if (kind == "changed") == bool(result):
        wanted = {"changed": "nothing", "value": "a type"}.get(kind, "a row type")
        raise ScanError(result_offset, f":{kind} is followed by {wanted}; {_FORM}")
    return Header(
        name=name,
        parameters=parameters,
        kind=cast("Kind", kind),
        row=result if kind in ("one", "many", "stream") else None,
        value=_checked_type(result.removesuffix("?"), result_offset) if kind == "value" else None,
        value_nullable=kind == "value" and result.endswith("?"),
    )


def _parameters(text: str, offset: int) -> tuple[Parameter, ...]:
    parameters: dict[str, Parameter] = {}
    for part in text.split(",") if text.strip() else ():
        parameter = _parameter(part, offset)
        if parameter.name in parameters:
            raise ScanError(offset, f"parameter {parameter.name} is declared twice; remove one")
        parameters[parameter.name] = parameter
        offset += len(part) + 1
    return tuple(parameters.values())


def _parameter(text: str, offset: int) -> Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise ScanError(offset, f"a parameter reads `name: type`, `name: type?` or `name: type[]`; {_FORM}")
    name = _checked_name(match["name"], "parameter", offset + match.start("name"))
    type_name = _checked_type(match["type"], offset + match.start("type"))
    if match["list"] and type_name in _WITHOUT_LISTS:
        raise ScanError(offset + match.start("type"), f"there are no lists of {type_name}")
    return Parameter(name, type_name, nullable=bool(match["nullable"]), is_list=bool(match["list"]))


def _checked_name(name: str, what: str, offset: int) -> str:
    if not _NAME.fullmatch(name):
        problem = f"{name} is not a {what}'s name; use ASCII letters, digits and _, a letter first"
        raise ScanError(offset, problem)
    if keyword.iskeyword(name):
        raise ScanError(offset, f"{name} is a keyword of Python; give the {what} another name")
    return name


def _checked_type(name: str, offset: int) -> TypeName:
    if name not in TYPE_NAMES:
        raise ScanError(offset, f"unknown type {name}; use one of {', '.join(TYPE_NAMES)}")
    return cast("TypeName", name)


def near_misses(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not there, to end a message: `; did you mean …?`, or the names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; there are {', '.join(names) or 'none'}"
