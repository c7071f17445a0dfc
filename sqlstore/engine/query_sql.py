"""A statement with named parameters, as each engine's driver takes it.

    as written           SQLite                                 PostgreSQL
    :id                  ?                                      $1::bigint
    IN (:ids)            IN (SELECT value FROM json_each(?))    = ANY ($1::bigint[])
    NOT IN (:ids)        NOT IN (SELECT value FROM …)           <> ALL ($1::bigint[])

Nothing else of the text changes. SQLite binds a value for each `?` (numbered
ones draw a warning from Python 3.12), PostgreSQL one for each declared parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sqlstore.engine.query_header import Header, Parameter
from sqlstore.engine.sqltext import ScanError, Token
from sqlstore.engine.values import Engine, TypeName

POSTGRES_TYPES: Final[Mapping[TypeName, str]] = {
    "int": "bigint",
    "int4": "int",
    "float": "float8",
    "text": "text",
    "bool": "boolean",
    "bytes": "bytea",
    "json": "jsonb",
    "timestamp": "timestamptz",
    "uuid": "uuid",
}
"""What a parameter is cast to on PostgreSQL."""
_SUBQUERY_WORDS: Final = ("SELECT", "WITH", "VALUES", "TABLE")


@dataclass(frozen=True, slots=True)
class Translation:
    """sql: what the driver runs; order: the parameters' names in the order they are bound.

    texts: what became of each token, in order; together they are `sql`.
    """

    sql: str
    order: tuple[str, ...]
    texts: tuple[str, ...]


def translate(
    tokens: Sequence[Token], header: Header, header_offset: int, engine: Engine, *, casts: bool = True
) -> Translation:
    """One statement for one engine. header_offset: where the header stands, for errors.

    casts: False leaves it to PostgreSQL to find the types of parameters that the query does not cast.

    Raises ScanError where uses and declarations differ, or a list stands where it cannot.
    """
    used = [token.text for token in tokens if token.kind == "parameter"]
    _check_uses(tokens, used, header, header_offset)
    declared = {f":{parameter.name}": parameter for parameter in header.parameters}
    numbers = {name: number for number, name in enumerate(declared, start=1)}
    texts = [token.text for token in tokens]
    places = [index for index, token in enumerate(tokens) if token.kind not in ("space", "comment")]
    words = [tokens[index].text.upper() for index in places]
    for place, index in enumerate(places):
        token = tokens[index]
        if token.kind != "parameter":
            continue
        parameter = declared[token.text]
        in_list = parameter.is_list and _is_in_list(words, place, token)
        if engine == "sqlite":
            texts[index] = "SELECT value FROM json_each(?)" if in_list else "?"
            continue
        if words[place + 1 : place + 2] == ["["]:
            raise ScanError(token.start, f"{token.text}[…] reads as a type; write ({token.text})[…]")
        cast = f"::{postgres_type(parameter)}" if casts or _is_cast(words, place) else ""
        texts[index] = f"${numbers[token.text]}{cast}"
        if in_list:
            negated = words[place - 3 : place - 2] == ["NOT"]
            texts[places[place - 2]] = "ALL" if negated else "= ANY"
            if negated:
                texts[places[place - 3]] = "<>"
    order = used if engine == "sqlite" else declared
    return Translation("".join(texts), tuple(name[1:] for name in order), tuple(texts))


def row_counts(tokens: Sequence[Token]) -> frozenset[str]:
    """The parameters that say how many rows: what stands alone after LIMIT or OFFSET."""
    words = [token.text for token in tokens if token.kind not in ("space", "comment")]
    return frozenset(
        after[1:]
        for word, after in pairwise(words)
        if word.upper() in ("LIMIT", "OFFSET") and after.startswith(":")
    )


def postgres_type(parameter: Parameter) -> str:
    """The type that PostgreSQL takes a parameter as: `bigint`, `text[]`."""
    return POSTGRES_TYPES[parameter.type] + "[]" * parameter.is_list


def _is_cast(words: Sequence[str], place: int) -> bool:
    """Whether the query itself makes something else of a parameter."""
    return words[place + 1 : place + 2] == ["::"] or words[max(0, place - 2) : place] == ["CAST", "("]


def _is_in_list(words: Sequence[str], place: int, token: Token) -> bool:
    """Whether a list parameter stands alone in the parentheses of IN."""
    if words[max(0, place - 2) : place + 2] == ["IN", "(", token.text.upper(), ")"]:
        return True
    depth = 0
    for position in range(place - 1, 0, -1):
        if words[position] == ")":
            depth += 1
        elif words[position] == "(" and depth:
            depth -= 1
        elif words[position] == "(":
            if words[position - 1] == "IN" and words[position + 1] not in _SUBQUERY_WORDS:
                raise ScanError(token.start, f"a list stands alone in IN ({token.text})")
            return False
    return False


def _check_uses(tokens: Sequence[Token], used: Sequence[str], header: Header, header_offset: int) -> None:
    declared = [f":{parameter.name}" for parameter in header.parameters]
    if set(declared) == set(used):
        return
    unknown = next(
        (t.start for t in tokens if t.kind == "parameter" and t.text not in declared), header_offset
    )
    names = [", ".join(name[1:] for name in dict.fromkeys(group)) for group in (declared, used)]
    raise ScanError(
        unknown, f"{header.name} declares ({names[0]}) but uses ({names[1]}); make the two lists the same"
    )
