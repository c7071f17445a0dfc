"""From arguments to what is bound, and from what the database gives to rows.

Both are functions made once for each query, from its header and its row type.

| field type         | header type | SQLite gives       | PostgreSQL gives |
|--------------------|-------------|--------------------|------------------|
| int, str, bytes    | int, text, bytes | as it is      | as it is         |
| float              | float       | int or float       | float or int     |
| bool               | bool        | 0 or 1             | as it is         |
| datetime           | timestamp   | text, 27 characters | as it is, UTC   |
| UUID               | uuid        | text, 36 characters | as it is        |
| Json, Any, dict, list | json     | text               | text             |
| Literal["a", "b"]  | text        | as it is           | as it is         |

None stays None, whatever the field says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from inspect import signature
from itertools import starmap
from types import CodeType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NoReturn, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec

from sqlstore.engine.driver import Kind, Rows
from sqlstore.engine.errors import InvalidValue, StatementError, TooManyRows
from sqlstore.engine.query_header import Parameter
from sqlstore.engine.values import Bound, Encoder, Engine, TypeName, checked, encoder, row_count

_FIELD_TYPES: Final[dict[object, TypeName]] = {
    int: "int",
    float: "float",
    str: "text",
    bool: "bool",
    bytes: "bytes",
    datetime: "timestamp",
    UUID: "uuid",
    Any: "json",
    dict: "json",
    list: "json",
}
_DECODERS: Final[dict[Engine, dict[TypeName, Callable[[Any], object]]]] = {
    "sqlite": {
        "float": float,
        "bool": bool,
        "timestamp": datetime.fromisoformat,
        "uuid": UUID,
        "json": msgspec.json.decode,
    },
    "postgres": {"float": float, "json": msgspec.json.decode},
}

Decoder = Callable[[Rows], list[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """A column as the row type has it. nullable: the type says that it may be None."""

    name: str
    type: TypeName
    nullable: bool


@cache
def row_fields(row: type[msgspec.Struct]) -> tuple[Field, ...]:
    """A row type's fields, in order. Raises TypeError for a type no column can have."""
    try:
        declared = msgspec.structs.fields(row)
    except (NameError, TypeError) as error:
        raise TypeError(f"the fields of {row.__name__} cannot be read: {error}") from None
    if any(field.kind is field.KEYWORD_ONLY for field in signature(row).parameters.values()):
        raise TypeError(f"{row.__name__} has keyword-only fields; a row is made by position")
    if not declared:
        raise TypeError(f"{row.__name__} has no fields")
    return tuple(_field(row, field.name, field.type) for field in declared)


def _field(row: type[msgspec.Struct], name: str, annotation: object) -> Field:
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    types = {_field_type(member) for member in members if member is not NoneType}
    if len(types) != 1 or None in types:
        known = ", ".join(getattr(kind, "__name__", str(kind)) for kind in _FIELD_TYPES)
        raise TypeError(f"{row.__name__}.{name} has a type no column has; use one of {known}, or Literal")
    return Field(name, types.pop(), nullable=NoneType in members)  # type: ignore[arg-type]  # None is excluded


def _field_type(annotation: object) -> TypeName | None:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _field_type(get_args(annotation)[0])
    if origin is Literal:
        types = {type(value) for value in get_args(annotation)}
        return _FIELD_TYPES.get(types.pop()) if len(types) == 1 else None
    return _FIELD_TYPES.get(origin or annotation)


def make_result(
    query: str, kind: Kind, engine: Engine, fields: Sequence[Field], row: type[msgspec.Struct] | None
) -> Callable[[Rows, int], Any]:
    """What makes a call's answer from the rows and the number of rows changed.

    fields: the row's, or one for the value that a `:value` query gives, where row
    is None. The function raises TooManyRows, and StatementError for a row that does
    not fit the fields.
    """
    if kind == "changed":
        return lambda _, changed: changed
    decode = _decoder(tuple(fields), engine, row)

    def many(rows: Rows, changed: int) -> list[Any]:  # noqa: ARG001 - one signature for all kinds
        try:
            return decode(rows)
        except (ValueError, TypeError):
            problem = _misfit(rows, fields, engine)
        raise StatementError(problem, query=query)

    def one(rows: Rows, changed: int) -> Any:
        if len(rows) == 1:
            return many(rows, changed)[0]
        if rows:
            raise TooManyRows(f"gave more than one row, but is declared :{kind}", query=query)
        return None

    return many if kind in ("many", "stream") else one


@cache
def _decoder(fields: tuple[Field, ...], engine: Engine, row: type[msgspec.Struct] | None) -> Decoder:
    """Rows or values from what the database gives; ValueError or TypeError where they do not fit."""
    decoders = [_DECODERS[engine].get(field.type) for field in fields]
    if row is not None and engine == "sqlite" and not any(decoders):  # asyncpg's rows are no tuples
        return lambda rows: list(starmap(row, rows))
    columns = [f"column_{index}" for index in range(len(fields))]
    values = ", ".join(
        f"None if {column} is None else decode_{column}({column})" if decode else column
        for column, decode in zip(columns, decoders, strict=True)
    )
    known = {f"decode_{column}": decode for column, decode in zip(columns, decoders, strict=True)}
    made = f"row({values})" if row else f"({values})"
    source = f"lambda rows: [{made} for ({', '.join(columns)},) in rows]"
    return cast("Decoder", eval(source, {"row": row, **known}))  # noqa: S307 - made of numbers alone


def _misfit(rows: Rows, fields: Sequence[Field], engine: Engine) -> str:
    """Which column does not fit, without its value."""
    for row in rows:
        if len(row) != len(fields):
            return f"gave {len(row)} columns where {len(fields)} are declared"
        for value, field in zip(row, fields, strict=True):
            try:
                _decoder((field,), engine, None)([(value,)])
            except (ValueError, TypeError):
                return f"column {field.name} holds something else than {field.type}"
    return "gave rows that do not fit the row type"


def make_encode(
    query: str,
    parameters: Sequence[Parameter],
    order: Sequence[str],
    engine: Engine,
    row_counts: Collection[str] = (),
) -> Callable[..., tuple[Bound, ...]]:
    """What takes a query's arguments, by position or name, to what is bound, in order.

    row_counts: parameters that stand after LIMIT or OFFSET, and so must not be negative.

    The function raises InvalidValue with the names of query and parameter, and
    TypeError for a wrong number of arguments.
    """
    encoders: dict[str, Encoder] = {
        parameter.name: encoder(engine, parameter.type, nullable=False, is_list=parameter.is_list)
        for parameter in parameters
    }
    encoders |= dict.fromkeys(row_counts, row_count)

    def refuse(*arguments: object) -> NoReturn:
        for parameter, argument in zip(parameters, arguments, strict=True):
            if not (parameter.nullable and argument is None):
                checked(encoders[parameter.name], argument, parameter.name, query)
        raise AssertionError("unreachable")

    names = ", ".join(parameter.name for parameter in parameters)
    source = [f"def encode({names}):", "    try:", "        pass"]
    source += [f"        {_encoding(parameter)}" for parameter in parameters]
    source += ["    except _InvalidValue:", f"        _refuse({names})"]
    source += [f"    return ({''.join(f'_{name}, ' for name in order)})"]
    scope: dict[str, Any] = {f"_encode_{name}": encode for name, encode in encoders.items()}
    scope |= {"_InvalidValue": InvalidValue, "_refuse": refuse}
    exec(_compiled("\n".join(source)), scope)  # noqa: S102 - made of names that the header's grammar lets pass
    scope["encode"].__qualname__ = query
    return cast("Callable[..., tuple[Bound, ...]]", scope["encode"])


@lru_cache(maxsize=512)
def _compiled(source: str) -> CodeType:
    """Many queries take the same parameters, and to compile is what costs."""
    return compile(source, "<arguments of a query>", "exec")


def _encoding(parameter: Parameter) -> str:
    name = parameter.name
    encoded = f"_encode_{name}({name})"
    return (
        f"_{name} = None if {name} is None else {encoded}" if parameter.nullable else f"_{name} = {encoded}"
    )
