"""The schema of a SQLite database: the statements that it keeps, written in one way.

SQLite keeps the text of each CREATE statement and edits it where a table is altered. Its
tokens are written again here: without comments, with one blank where blanks belong, names
without quotes that need none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from sqlstore.engine.driver import Driver
from sqlstore.engine.schema import ObjectKind, SchemaObject
from sqlstore.engine.sqltext import Token, scan, significant

_OBJECTS: Final = r"""
    SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
        AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
        AND NOT (tbl_name = 'migrations' AND EXISTS (
            SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'checksum'))"""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONSTRAINTS: Final = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))
_LONG_OPERATORS: Final = frozenset(("<=", ">=", "<>", "!=", "==", "||", "<<", ">>", "->"))
"""The scanner gives each character by itself."""
_BEFORE_PARENTHESIS: Final = frozenset(
    "ALL AND AS BETWEEN BY CASE CHECK CONFLICT DEFAULT ELSE EXCEPT EXISTS FROM HAVING IN INTERSECT IS JOIN KEY "  # noqa: SIM905 - 35 words
    "LIKE LIMIT NOT ON OR RETURNING SELECT SET THEN UNION UNIQUE USING VALUES WHEN WHERE".split()
)
"""Words that are no function's name: a blank stands between them and a parenthesis."""
_RESERVED: Final = _BEFORE_PARENTHESIS | frozenset(
    "ADD ALTER AUTOINCREMENT CAST COLLATE COMMIT CONSTRAINT CREATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP "  # noqa: SIM905 - as above
    "DEFERRABLE DELETE DISTINCT DROP ESCAPE FOREIGN GROUP IF INDEX INSERT INTO ISNULL NOTHING NOTNULL NULL ORDER "
    "PRIMARY RAISE REFERENCES TABLE TO TRANSACTION UPDATE".split()
)
"""Words that are names only in quotes."""


async def read(driver: Driver) -> Iterator[SchemaObject]:
    """All objects of the file, but for the book of migrations and what SQLite makes by itself."""
    rows = await driver.fetch(_OBJECTS)
    views = {
        name for kind, name, _, _ in rows if kind == "view"
    }  # these and their triggers stand by themselves
    return (
        _object(cast("ObjectKind", kind), name, "" if table in views else table, sql)
        for kind, name, table, sql in rows
    )


def _object(kind: ObjectKind, name: str, table: str, sql: str) -> SchemaObject:
    tokens = significant(scan(sql, "sqlite", binds=False))
    if kind == "table" and not _starts(tokens, "CREATE", "VIRTUAL"):
        opening = next((place for place, token in enumerate(tokens) if token.text == "("), None)
        if opening is not None:
            return _table(name, tokens, opening)
    definition = _trigger(tokens) if kind == "trigger" else _written(tokens)
    return SchemaObject(kind, name, table, definition)


def _table(name: str, tokens: Sequence[Token], opening: int) -> SchemaObject:
    items, closing = _items(tokens, opening)
    constraints = [item for item in items if item[0].text.upper() in _CONSTRAINTS]
    columns = [item for item in items if item not in constraints]
    options = _written(tokens[closing + 1 :]).upper().split(", ")
    return SchemaObject(
        "table",
        name,
        name,
        _written(tokens[:opening]),
        tuple(_written(item) for item in columns),
        tuple(sorted(_written(item) for item in constraints)),
        ", ".join(sorted(options)),
    )


def _items(tokens: Sequence[Token], opening: int) -> tuple[list[list[Token]], int]:
    """What stands between the parentheses, cut at its commas, and where they close."""
    items: list[list[Token]] = [[]]
    depth = 0
    for place in range(opening, len(tokens)):
        token = tokens[place]
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        if depth == 0:
            return items, place
        if depth == 1 and token.text == ",":
            items.append([])
        elif place > opening:
            items[-1].append(token)
    raise AssertionError("SQLite keeps no table whose parentheses are open")


def _trigger(tokens: Sequence[Token]) -> str:
    """A line for each statement of its body."""
    begin = next(place for place, token in enumerate(tokens) if token.text.upper() == "BEGIN")
    lines = [_written(tokens[:begin]), "BEGIN"]
    statement: list[Token] = []
    for token in tokens[begin + 1 : -1]:
        statement.append(token)
        if token.text == ";":
            lines.append(f"  {_written(statement)}")
            statement = []
    return "\n".join([*lines, "END"])


def _starts(tokens: Sequence[Token], *words: str) -> bool:
    return [token.text.upper() for token in tokens[: len(words)]] == list(words)


def _written(tokens: Iterable[Token]) -> str:
    """The tokens as one line."""
    pieces: list[str] = []
    before: Token | None = None
    attached = False  # a sign that belongs to what follows it
    for token in tokens:
        if before is not None and not attached and _is_blank_between(before, token):
            pieces.append(" ")
        attached = token.text in ("-", "+") and (before is None or _expects_operand(before))
        pieces.append(_name(token) if token.kind == "identifier" else token.text)
        before = token
    return "".join(pieces)


def _is_blank_between(left: Token, right: Token) -> bool:
    if right.text in (",", ")", ";", ".") or left.text in ("(", "."):
        return False
    if right.text == "(":
        return left.text.upper() in _BEFORE_PARENTHESIS or left.kind == "symbol"
    return left.text + right.text not in _LONG_OPERATORS


def _expects_operand(token: Token) -> bool:
    return token.text.upper() in _BEFORE_PARENTHESIS or (token.kind == "symbol" and token.text != ")")


def _name(token: Token) -> str:
    closing = token.text[-1]
    name = token.text[1:-1].replace(closing * 2, closing)
    is_plain = _PLAIN_NAME.fullmatch(name) and name.upper() not in _RESERVED
    return name if is_plain else '"' + name.replace('"', '""') + '"'
