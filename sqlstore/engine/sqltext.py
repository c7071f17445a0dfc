"""The scanner: SQL text as tokens, and scripts as statements (see sqlgrammar.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from sqlstore.engine.sqlgrammar import (
    COMMENT_MARK,
    PARAMETER,
    ScanError,
    Token,
    TokenKind,
    placeholder_at,
    problem_at,
    token_pattern,
)
from sqlstore.engine.values import Engine

__all__ = [
    "ScanError",
    "Token",
    "TokenKind",
    "line_and_column",
    "scan",
    "significant",
    "split",
    "split_tokens",
]


def scan(sql: str, engine: Engine, *, binds: bool = True) -> list[Token]:
    """The tokens of an SQL text, by the grammar of sqlgrammar.py, in linear time.

    binds: False for scripts, to which nothing is bound: placeholders of other
    kinds (`$1` in a function's body) are symbols then, and nobody checks `:name`.

    Raises ScanError at the start of what cannot be read.
    """
    if "\0" in sql:
        raise ScanError(sql.index("\0"), "a NUL character; remove it")
    tokens: list[Token] = []
    pattern = token_pattern(engine)
    position = 0
    while position < len(sql):
        for match in pattern.finditer(sql, position):
            if match.lastgroup == "rest":
                token = _rest(sql, match.start(), engine, binds=binds)
                tokens.append(token)
                position = token.end
                break
            tokens.append(Token(match.lastgroup, match[0], match.start()))  # type: ignore[arg-type]  # the groups are the kinds
        else:
            break
    return list(_settle_colons(tokens, binds=binds)) if ":" in sql else tokens


def _rest(sql: str, start: int, engine: Engine, *, binds: bool) -> Token:
    """What no regular expression matches, or none should."""
    if sql.startswith("/*", start):
        return _block_comment(sql, start, engine)
    if not binds and (placeholder := placeholder_at(sql, start, engine)):
        return Token("symbol", placeholder, start)
    raise ScanError(start, problem_at(sql, start, engine))


def _block_comment(sql: str, start: int, engine: Engine) -> Token:
    """The block comment at start; on PostgreSQL they nest."""
    depth = 0
    for mark in COMMENT_MARK.finditer(sql, start):
        if mark[0] == "*/":
            depth -= 1
        elif engine == "postgres" or depth == 0:
            depth += 1
        if depth == 0:
            return Token("comment", sql[start : mark.end()], start)
    raise ScanError(start, "this comment is not closed; end it with */")


def _settle_colons(tokens: list[Token], *, binds: bool) -> Iterator[Token]:
    """Tell the colons of slices from those of parameters, and check the parameters' names."""
    brackets: list[str] = []
    before = Token("space", "", 0)
    for index, token in enumerate(tokens):
        kind, text, start = token
        in_slice = bool(brackets) and brackets[-1] == "["
        if kind == "parameter":
            if in_slice and _is_operand(before):
                yield Token("symbol", ":", start)
                token = Token("word", text[1:], start + 1)  # noqa: PLW2901 - the operand that the next colon touches
            elif binds:
                _check_parameter(token, tokens[index + 1 : index + 2])
        elif kind == "symbol":
            if text in "[(":
                brackets.append(text)
            elif text in ")]" and brackets:
                brackets.pop()
        elif kind == "number" and before.text == ":" and binds and not in_slice:
            raise ScanError(before.start, f":{text} is not a parameter here; write parameters as :name")
        yield token
        before = token


def _is_operand(token: Token) -> bool:
    return token.kind not in ("space", "comment", "symbol") or token.text in ")]"


def _check_parameter(parameter: Token, following: Iterable[Token]) -> None:
    if not PARAMETER.fullmatch(parameter.text):
        raise ScanError(
            parameter.start,
            f"{parameter.text} is not a parameter's name; use ASCII letters, digits and _",
        )
    if any(token.text == "." for token in following):
        raise ScanError(
            parameter.start,
            f"{parameter.text} has no attributes; pass the attribute as a parameter of its own",
        )


def significant(tokens: Iterable[Token]) -> list[Token]:
    """The tokens that are neither space nor comment."""
    return [token for token in tokens if token.kind not in ("space", "comment")]


def split(sql: str, engine: Engine) -> list[tuple[int, int]]:
    """Where each statement of a script starts and ends, as offsets from 0.

    A statement goes from its first significant token to its semicolon, which it
    includes; the last may go without. Between statements are only space, comments
    and semicolons. SQLite's are cut where sqlite3.complete_statement says so,
    PostgreSQL's where psql does. Raises ScanError.
    """
    return split_tokens(significant(scan(sql, engine, binds=False)), engine)


def split_tokens(tokens: Iterable[Token], engine: Engine) -> list[tuple[int, int]]:
    """`split`, for a text's significant tokens."""
    cutter = _SqliteCutter() if engine == "sqlite" else _PostgresCutter()
    spans: list[tuple[int, int]] = []
    first: Token | None = None
    last: Token | None = None
    for token in tokens:
        ends = cutter.ends_statement(token)
        if first is None and token.text != ";":
            first = token
        last = token
        if ends and first is not None:
            spans.append((first.start, token.end))
            first = None
    if first is not None and last is not None:
        spans.append((first.start, last.end))
    return spans


class _SqliteCutter:
    """The state machine of sqlite3_complete: a trigger ends with `; END ;`, all else with `;`."""

    _NEXT: Final[dict[str, dict[str, str]]] = {
        "start": {"EXPLAIN": "explain", "CREATE": "create"},
        "explain": {"CREATE": "create", "": "explain"}
        | dict.fromkeys(("EXPLAIN", "TEMP", "TEMPORARY", "TRIGGER", "END"), "normal"),
        "create": {"TEMP": "create", "TEMPORARY": "create", "TRIGGER": "trigger"},
        "trigger": {";": "semicolon", "": "trigger"},
        "semicolon": {";": "semicolon", "END": "end", "": "trigger"},
        "end": {"": "trigger"},
        "normal": {},
    }

    def __init__(self) -> None:
        self._state = "start"

    def ends_statement(self, token: Token) -> bool:
        word = token.text.upper() if token.kind in ("word", "symbol") else ""
        following = self._NEXT[self._state]
        if word in following:
            self._state = following[word]
        elif word == ";":
            self._state = "start"
        else:
            self._state = following.get("", "normal")
        return self._state == "start"


class _PostgresCutter:
    """psql's rule: no `;` inside parentheses, nor inside BEGIN … END of a CREATE FUNCTION."""

    _ROUTINE: Final = re.compile(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b")
    _LONGEST_START: Final = 4

    def __init__(self) -> None:
        self._start_statement()

    def _start_statement(self) -> None:
        self._parentheses = 0
        self._blocks = 0
        self._first_words: list[str] = []
        self._is_routine = False

    def ends_statement(self, token: Token) -> bool:
        if token.kind == "symbol":
            return self._symbol(token.text)
        if token.kind == "word":
            self._word(token.text.upper())
        return False

    def _symbol(self, text: str) -> bool:
        if text == "(":
            self._parentheses += 1
        elif text == ")":
            self._parentheses = max(0, self._parentheses - 1)
        elif text == ";" and self._parentheses == 0 and self._blocks == 0:
            self._start_statement()
            return True
        return False

    def _word(self, word: str) -> None:
        if len(self._first_words) < self._LONGEST_START:
            self._first_words.append(word)
            self._is_routine = self._ROUTINE.match(" ".join(self._first_words)) is not None
        if self._parentheses or not self._is_routine:
            return
        if word == "BEGIN" or (word == "CASE" and self._blocks):
            self._blocks += 1
        elif word == "END" and self._blocks:
            self._blocks -= 1


def quoted(name: str) -> str:
    """A name as SQL has it, in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """The line and column of an offset, both counted from 1, columns in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
