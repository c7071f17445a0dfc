"""PostgreSQL's own reading of a query: its parse tree, and what follows from it.

A function with a body in SQL (`BEGIN ATOMIC`) keeps the tree of its query in pg_proc.prosqlbody,
as text (pg_node_tree, written by the server's outfuncs.c). Read here is what the tree says
beyond doubt; wherever it does not, the answer is the one that gives no alarm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Node = dict[str, Any]
"""A node's fields by name, with its kind as `node`."""
NotNull = Callable[[int, int], bool]
"""Whether a table's column (pg_class.oid, pg_attribute.attnum) takes no NULL."""

_TOKEN = re.compile(r'[(){}\[\]]|"(?:[^"\\]|\\.)*"|(?:\\.|[^\s(){}\[\]"\\])+', re.DOTALL)
_BRACKETS: Final = {"(": ")", "[": "]"}
_RELATION, _SUBQUERY, _CTE = "0", "1", "6"
_SAME_QUERY: Final = {"2": "joinaliasvars", "9": "groupexprs"}
"""What a join, or from PostgreSQL 18 on a GROUP BY, calls its columns: expressions of the same query."""
_TABLES: Final = ("r", "p")
_LEFT, _FULL, _RIGHT = "1", "2", "3"
_INNER: Final = "0"
_IS_NOT_NULL: Final = "1"
_UPDATE, _INSERT = "2", "3"
_COUNTS: Final = ("2147", "2803")
"""count(x) and count(*), which are never NULL."""
_CALL, _EXPLICIT_CAST = "0", "1"
_COALESCE: Final = ("COALESCE", "COALESCEEXPR")
_ROW_COMPARE: Final = ("ROWCOMPARE", "ROWCOMPAREEXPR")
"""Before PostgreSQL 16 and since."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A parameter that goes into a column as it is. number: `$1` is 1; cast: the query casts it itself."""

    number: int
    table: int
    column: int
    cast: bool


def read_tree(text: str) -> Node:
    """The query of a function's body of one statement."""
    value = _Reader(text).value()
    while isinstance(value, list):
        value = value[0]
    node: Node = value
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._position = 0

    def _next(self) -> str:
        self._position += 1
        text: str = self._tokens[self._position - 1]
        return text

    def value(self) -> Any:
        text = self._next()
        if text == "{":
            return self._node()
        if text in _BRACKETS:
            return list(self._members(_BRACKETS[text]))
        return None if text == "<>" else text

    def _members(self, end: str) -> Iterator[Any]:
        while self._tokens[self._position] != end:
            yield self.value()
        self._position += 1

    def _node(self) -> Node:
        node: Node = {"node": self._next()}
        name = ""
        for member in self._members("}"):
            if isinstance(member, str) and member.startswith(":"):
                name = member[1:]
            elif name not in node:  # a constant's bytes follow their number
                node[name] = member
        return node


def nullable_columns(query: Node, not_null: NotNull) -> list[bool]:
    """For each column of the result, whether it is known that it may be NULL."""
    scope = _Scope(query, not_null, None)
    return [scope.result_may_be_null(number) for number, _ in enumerate(_result(query), start=1)]


def assigned_parameters(tree: Node) -> Iterator[Assigned]:
    """The parameters that an INSERT or UPDATE puts into columns as they are."""
    for query in _queries(tree):
        if query["commandType"] not in (_INSERT, _UPDATE):
            continue
        table = int(query["rtable"][int(query["resultRelation"]) - 1]["relid"])
        conflict = query["onConflict"] or {}
        for entry in [*(query["targetList"] or ()), *(conflict.get("onConflictSet") or ())]:
            parameter, cast = _parameter(query, entry["expr"])
            if parameter is not None and entry["resjunk"] == "false":
                yield Assigned(parameter, table, int(entry["resno"]), cast)


def _queries(value: Any) -> Iterator[Node]:
    if isinstance(value, dict):
        if value["node"] == "QUERY":
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _queries(member)


def _result(query: Node) -> list[Node]:
    entries = query["returningList"] or (query["targetList"] if query["commandType"] == "1" else ()) or ()
    return [entry for entry in entries if entry["resjunk"] == "false"]


def _parameter(query: Node, expr: Node) -> tuple[int | None, bool]:
    """The parameter that an expression is, and whether the query itself casts it."""
    cast = False
    while expr["node"] in ("RELABELTYPE", "COERCEVIAIO", "FUNCEXPR"):
        form = next(expr[name] for name in ("relabelformat", "coerceformat", "funcformat") if name in expr)
        if expr["node"] == "FUNCEXPR" and form == _CALL:
            return None, False
        cast |= form == _EXPLICIT_CAST
        expr = expr["arg"] if "arg" in expr else expr["args"][0]
    if expr["node"] == "PARAM" and expr["paramkind"] == "0":
        return int(expr["paramid"]), cast
    if expr["node"] == "VAR" and expr["varlevelsup"] == "0":  # INSERT … SELECT :p
        table = query["rtable"][int(expr["varno"]) - 1]
        if table["rtekind"] == _SUBQUERY and not table["subquery"]["setOperations"]:
            inner = table["subquery"]
            return _parameter(inner, _result(inner)[int(expr["varattno"]) - 1]["expr"])
    return None, cast


class _Scope:
    """A query inside of the one around it: which of its expressions may be NULL."""

    def __init__(self, query: Node, not_null: NotNull, around: _Scope | None) -> None:
        self.query = query
        self._not_null = not_null
        self.around = around
        joins = query["jointree"] or {}
        self._proven = set(_proven(joins))
        self._outer = set(_outer(joins)) - {table for table, _ in self._proven}

    def result_may_be_null(self, column: int) -> bool:
        """The same for a column of the query's result, from 1. Of a UNION: for one of its parts."""
        if self.query["setOperations"]:
            parts = [table["subquery"] for table in self.query["rtable"] if table["rtekind"] == _SUBQUERY]
            return any(_Scope(part, self._not_null, self).result_may_be_null(column) for part in parts)
        return self.may_be_null(_result(self.query)[column - 1]["expr"])

    def may_be_null(self, expr: Node) -> bool:
        """Whether it is known that the expression is NULL for some rows."""
        kind = expr["node"]
        if kind == "VAR":
            return expr["varlevelsup"] == "0" and self._column(int(expr["varno"]), int(expr["varattno"]))
        if kind == "CONST":
            return bool(expr["constisnull"] == "true")
        if kind == "AGGREF":  # over no rows
            grouped = self.query["groupClause"] or self.query["groupingSets"]
            return expr["aggfnoid"] not in _COUNTS and not grouped
        decide = all if kind in _COALESCE else any
        return decide(self.may_be_null(operand) for operand in _operands(expr))

    def _column(self, table_number: int, column: int) -> bool:
        if column <= 0 or (table_number, column) in self._proven:
            return False
        return table_number in self._outer or self._of_table(self.query["rtable"][table_number - 1], column)

    def _of_table(self, table: Node, column: int) -> bool:
        kind = table["rtekind"]
        if kind in _SAME_QUERY:
            return self.may_be_null(table[_SAME_QUERY[kind]][column - 1])
        if kind == _SUBQUERY:
            return _Scope(table["subquery"], self._not_null, self).result_may_be_null(column)
        if kind == _CTE:
            return table["self_reference"] == "false" and self._of_cte(table, column)
        is_table = kind == _RELATION and table["relkind"] in _TABLES
        return is_table and not self._not_null(int(table["relid"]), column)

    def _of_cte(self, table: Node, column: int) -> bool:
        scope: _Scope | None = self
        for _ in range(int(table["ctelevelsup"])):
            scope = scope.around if scope else None
        for cte in (scope.query["cteList"] or ()) if scope else ():
            if cte["ctename"] == table["ctename"]:
                inner = _Scope(cte["ctequery"], self._not_null, scope)
                return cte["cterecursive"] == "false" and inner.result_may_be_null(column)
        return False


def _operands(expr: Node) -> list[Node]:
    """What an operator or cast is NULL with. Other functions may give something for NULL."""
    kind = expr["node"]
    if kind in ("RELABELTYPE", "COERCEVIAIO"):
        return [expr["arg"]]
    if kind == "FUNCEXPR":
        return expr["args"][:1] if expr["funcformat"] != _CALL else []
    return expr["args"] if kind == "OPEXPR" or kind in _COALESCE else []


def _proven(joins: Node) -> Iterator[tuple[int, int]]:
    """The columns (table, column) that the WHERE, or an inner join, lets be no NULL."""
    if joins.get("quals"):
        yield from _strict(joins["quals"])
    for part in joins.get("fromlist") or ():
        yield from _proven_by_join(part)


def _proven_by_join(part: Node) -> Iterator[tuple[int, int]]:
    if part["node"] == "JOINEXPR" and part["jointype"] == _INNER:
        yield from _proven_by_join(part["larg"])
        yield from _proven_by_join(part["rarg"])
        if part["quals"]:
            yield from _strict(part["quals"])


def _strict(condition: Node) -> Iterator[tuple[int, int]]:
    """The columns for whose NULL a condition cannot be true."""
    kind = condition["node"]
    if kind == "BOOLEXPR" and condition["boolop"] == "and":
        for part in condition["args"]:
            yield from _strict(part)
    operands: list[Node] = []
    if kind == "NULLTEST" and condition["nulltesttype"] == _IS_NOT_NULL:
        operands = [condition["arg"]]
    elif kind in ("OPEXPR", "SCALARARRAYOPEXPR"):
        operands = condition["args"]
    elif kind in _ROW_COMPARE:
        operands = condition["largs"][:1]
    for operand in operands:
        while operand["node"] == "RELABELTYPE":
            operand = operand["arg"]  # noqa: PLW2901 - what the cast is of
        if operand["node"] == "VAR" and operand["varlevelsup"] == "0":
            yield int(operand["varno"]), int(operand["varattno"])


def _outer(part: Node) -> Iterator[int]:
    """The tables whose columns an outer join leaves NULL."""
    for inner in part.get("fromlist") or ():
        yield from _outer(inner)
    if part.get("node") != "JOINEXPR":
        return
    for side, kinds in (("larg", (_RIGHT, _FULL)), ("rarg", (_LEFT, _FULL))):
        yield from _tables(part[side]) if part["jointype"] in kinds else _outer(part[side])


def _tables(part: Node) -> Iterator[int]:
    if part["node"] == "RANGETBLREF":
        yield int(part["rtindex"])
    else:
        yield from _tables(part["larg"])
        yield from _tables(part["rarg"])
