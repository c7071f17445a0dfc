"""What SQLite says about a query: compiled, looked at through a view, and its plan."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from sqlstore.engine.driver import Driver
from sqlstore.engine.inspection import Answer, Inspector, Kinds, Question, Refused, ResultColumn
from sqlstore.engine.sqlite_prepare import columns_of, returning_as_select, with_nulls
from sqlstore.engine.sqltext import Token, scan, significant

_KINDS: Final[dict[str, Kinds]] = {
    "INTEGER": frozenset(("int", "bool", "float")),
    "INT": frozenset(("int", "bool", "float")),
    "REAL": frozenset(("float",)),
    "TEXT": frozenset(("text", "json", "timestamp", "uuid")),
}
"""By declared type. From 3.41 on SQLite names BLOB and NUM for expressions of any type."""
_NEAR = re.compile(r'near "(?P<text>.+)": syntax error', re.DOTALL)
_NAME = re.compile(r"(?:no such \w+: |ambiguous column name: |has no column named )(?P<name>\S+)")
_SCAN = re.compile(r"(?:SCAN|SEARCH) (?P<name>\S+)(?: USING .*?INDEX (?P<index>\S+))?")
_VIRTUAL_INDEX = re.compile(r" VIRTUAL TABLE INDEX \d+:\S")
"""A virtual table that is asked for something: what it is asked stands behind the colon."""
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
_PARTIAL: Final = """
    SELECT indexes.name FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS indexes
    WHERE tables.type = 'table' AND indexes.partial"""
_READ_BEFORE: Final = ("FROM", "JOIN", ",", "UPDATE", "INTO")


@asynccontextmanager
async def open_inspector(driver: Driver) -> AsyncIterator[Inspector]:
    """See sqlstore.engine.inspection.open_inspector. The driver's database is a file."""
    with closing(sqlite3.connect(Path(driver.address))) as connection:
        yield _SqliteInspector(connection)


class _SqliteInspector(Inspector):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables = {name.lower() for (name,) in connection.execute(_TABLES)}
        self._partial = {name for (name,) in connection.execute(_PARTIAL)}

    async def inspect(self, question: Question) -> Answer:
        """See Inspector."""
        tokens = significant(scan(question.sql, "sqlite", binds=False))
        try:
            program = with_nulls(self._connection, f"EXPLAIN {question.sql}").fetchall()
            writes = any(opcode == "Transaction" and p2 != 0 for _, opcode, _, p2, *_ in program)
            names = self._names(question.sql, tokens, writes=writes)
        except sqlite3.Error as error:
            raise Refused(str(error), self._offset(question.sql, tokens, str(error))) from None
        types = self._declared_types(question.sql, writes=writes) or [""] * len(names)
        columns = tuple(
            ResultColumn(name, kind, _KINDS.get(kind), nullable=False)
            for name, kind in zip(names, types, strict=True)
        )
        return Answer(columns, (), tuple(dict.fromkeys(self._whole_reads(question.sql, tokens))))

    def _names(self, sql: str, tokens: list[Token], *, writes: bool) -> tuple[str, ...]:
        if tokens[0].text.upper() == "PRAGMA":  # cannot stand in a SELECT
            return tuple(column[0] for column in with_nulls(self._connection, sql).description or ())
        return columns_of(self._connection, sql, writes=writes)

    def _offset(self, sql: str, tokens: list[Token], problem: str) -> int | None:
        """Where the problem is: SQLite names a token or a name, not its place."""
        near = _NEAR.search(problem)
        if near:
            places = (token for token in tokens if token.text.startswith(near["text"]))
            return next((token.start for token in places if self._fails_at(sql, token, problem)), None)
        named = _NAME.search(problem)
        name = named["name"].rpartition(".")[2].lower() if named else None
        return next((t.start for t in tokens if t.text.strip('"`[]').lower() == name), None)

    def _fails_at(self, sql: str, token: Token, problem: str) -> bool:
        """Whether the text fails in the same way where it ends with this token."""
        try:
            with_nulls(self._connection, f"EXPLAIN {sql[: token.end]}")
        except sqlite3.Error as error:
            return str(error) == problem
        return False

    def _declared_types(self, sql: str, *, writes: bool) -> list[str] | None:
        """The result's declared types: "" for an expression; None where they cannot be had."""
        select = returning_as_select(sql) if writes else sql
        if select is None:
            return None
        texts = [token.text for token in scan(select, "sqlite", binds=False)]
        select = "".join("NULL" if text == "?" else text for text in texts)
        try:
            self._connection.execute(f"CREATE TEMP VIEW sqlstore_inspected AS {select}")
        except sqlite3.Error:
            return None
        try:
            rows = self._connection.execute("PRAGMA table_info(sqlstore_inspected)").fetchall()
        except sqlite3.Error:
            return None
        finally:
            self._connection.execute("DROP VIEW sqlstore_inspected")
        return [str(row[2]).upper() for row in rows]

    def _whole_reads(self, sql: str, tokens: list[Token]) -> Iterator[str]:
        rows = with_nulls(self._connection, f"EXPLAIN QUERY PLAN {sql}").fetchall()
        sorted_parts = {parent for _, parent, _, detail in rows if detail == "USE TEMP B-TREE FOR ORDER BY"}
        for _, parent, _, detail in rows:
            step = _SCAN.match(detail)
            if _VIRTUAL_INDEX.search(detail):
                continue
            automatic = " AUTOMATIC " in detail
            if step is None or not (detail.startswith("SCAN") or automatic) or step["index"] in self._partial:
                continue
            for table, words in _reads_of(tokens, step["name"], self._tables):
                stops = parent not in sorted_parts and "LIMIT" in words and not {"WHERE", "GROUP"} & words
                if automatic or not stops:
                    yield table


def _reads_of(tokens: list[Token], name: str, tables: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Where a table or alias is read: the table, and the words of the SELECT around it."""
    words = [token.text.upper() for token in tokens]
    names = [token.text.strip('"`[]').lower() for token in tokens]
    for index in range(1, len(tokens)):
        if words[index - 1] not in _READ_BEFORE or names[index] not in tables:
            continue
        following = [word for word in names[index + 1 : index + 3] if word != "as"]
        if name.lower() in (names[index], *following[:1]):
            yield names[index], _words_around(words, index)


def _words_around(words: list[str], index: int) -> set[str]:
    """The words from an index to the end of its parentheses, without those in inner ones."""
    found, depth = set(), 0
    for word in words[index:]:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0 or (depth == 0 and word in ("UNION", "EXCEPT", "INTERSECT")):
            break
        if depth == 0:
            found.add(word)
    return found
