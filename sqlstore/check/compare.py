"""What the databases say about a query, against what its header and its row type declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlstore.check.findings import Finding
from sqlstore.check.sources import Source
from sqlstore.engine.inspection import Answer, Kinds, ParameterUse, ResultColumn
from sqlstore.engine.queries import Query
from sqlstore.engine.query_header import Parameter
from sqlstore.engine.row_codec import Field
from sqlstore.engine.values import Engine, TypeName

NAMES: Final[dict[Engine, str]] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """A query on one engine, and what its database answered."""

    query: Query
    source: Source
    answer: Answer

    @property
    def name(self) -> str:
        """The database's name."""
        return NAMES[self.source.engine]


def compare(engines: Mapping[Engine, Inspected]) -> Iterator[Finding]:
    """All that differs for one query. engines: those that were asked and took it."""
    for inspected in engines.values():
        yield from _parameters(inspected)
    fitting = {engine: each for engine, each in engines.items() if _misfit(each) is None}
    if len(fitting) == len(engines):
        yield from _result(list(engines.values()))
        return
    wrong = next(each for engine, each in engines.items() if engine not in fitting)
    place = wrong.source.offset_of_result()
    if wrong.query.row is not None and len({_names(each) for each in engines.values()}) > 1:
        found = ", but ".join(f"{_listed(each)} on {each.name}" for each in engines.values())
        yield wrong.source.finding("engines", f"gives {found}; let both give the same", place)
    else:
        yield wrong.source.finding("columns", str(_misfit(wrong)), place)


def _names(inspected: Inspected) -> tuple[str, ...]:
    return tuple(column.name for column in inspected.answer.columns)


def _listed(inspected: Inspected) -> str:
    return f"({', '.join(_names(inspected))})"


def _misfit(inspected: Inspected) -> str | None:
    """How the result's columns differ from what is declared; None where they fit."""
    query, names = inspected.query, _names(inspected)
    if query.row is None:
        wanted = len(query.fields)
        if len(names) == wanted:
            return None
        said = "one value" if wanted else "the number of rows changed"
        return f"gives the columns {_listed(inspected)} but is declared :{query.kind}, {said}; make it fit"
    if names == query.columns:
        return None
    fields = ", ".join(field.name for field in query.fields)
    if not names:
        return f"gives no rows, but is declared :{query.kind} {query.row.__name__}; end it with RETURNING {fields}"
    return (
        f"gives the columns {_listed(inspected)} but {query.row.__name__} has ({fields}); "
        "give the same names in the same order"
    )


def _result(engines: list[Inspected]) -> Iterator[Finding]:
    """Types and NULL, column by column; names fit."""
    for index, field in enumerate(engines[0].query.fields):
        columns = [(each, each.answer.columns[index]) for each in engines]
        known = [column.kinds for _, column in columns if column.kinds is not None]
        if len(known) > 1 and not _fits(known[0], known[1]) and not _fits(known[1], known[0]):
            place = engines[0].source
            types = ", but ".join(f"{column.type} on {each.name}" for each, column in columns)
            problem = f"{_what(engines[0].query, field)} is {types}; let both give one kind of value"
            yield place.finding("engines", problem, place.offset_of_result())
            continue
        for each, column in columns:
            yield from _column(each, column, field)


def _column(inspected: Inspected, column: ResultColumn, field: Field) -> Iterator[Finding]:
    query, source = inspected.query, inspected.source
    what = _what(query, field)
    if column.kinds is not None and not _fits(column.kinds, frozenset((field.type,))):
        problem = (
            f"{what} is declared {field.type}, but {inspected.name} gives {column.type}; make the two fit"
        )
        yield source.finding("result-type", problem, source.offset_of_result())
    elif column.nullable and not field.nullable:
        remedy = "let the field be `… | None`" if query.row else f"declare `:value {field.type}?`"
        problem = f"{what} does not admit None, but can be NULL; {remedy}, or let the query exclude it"
        yield source.finding("result-null", problem, source.offset_of_result())


def _what(query: Query, field: Field) -> str:
    return f"{query.row.__name__}.{field.name}" if query.row else "the value"


def _parameters(inspected: Inspected) -> Iterator[Finding]:
    uses: dict[str, list[ParameterUse]] = {}
    for use in inspected.answer.parameters:
        uses.setdefault(use.name, []).append(use)
    for parameter in inspected.query.header.parameters:
        for use in uses.get(parameter.name, ()):
            found = _parameter(inspected, parameter, use)
            if found:
                yield found
                break


def _parameter(inspected: Inspected, parameter: Parameter, use: ParameterUse) -> Finding | None:
    source = inspected.source
    place = f" for {use.column}" if use.column else ""
    declared = f"{parameter.type}[]" if parameter.is_list else parameter.type
    wrong_type = use.kinds is not None and (
        use.is_list != parameter.is_list or not _fits(frozenset((parameter.type,)), use.kinds)
    )
    if wrong_type:
        problem = f"{parameter.name} is declared {declared}, but {inspected.name} takes {use.type}{place}"
        return source.finding("parameter-type", problem, source.offset_of_parameter(parameter.name))
    if parameter.nullable and use.not_null:
        problem = (
            f"{parameter.name} may be None, but goes into {use.column}, which takes no NULL; "
            f"declare `{parameter.name}: {declared}`"
        )
        return source.finding("parameter-null", problem, source.offset_of_parameter(parameter.name))
    return None


def _fits(given: Kinds, wanted: Kinds) -> bool:
    """Whether a value of one of these types is one of those; an int is a float too."""
    widened: set[TypeName] = {"int" if kind == "int4" else kind for kind in given}
    narrowed: set[TypeName] = {"int" if kind == "int4" else kind for kind in wanted}
    return bool(widened & narrowed) or ("int" in widened and "float" in narrowed)
