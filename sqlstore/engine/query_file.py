"""A file of named queries: comment lines that say what it is about, then the queries.

Each query is a header (query_header.py), comment lines that document it, and one
statement; the semicolon at its end may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlstore.engine.query_header import Header, looks_like_header, parse_header
from sqlstore.engine.sqltext import ScanError, Token, scan, significant, split_tokens
from sqlstore.engine.values import Engine

_LONE_CARRIAGE_RETURN = re.compile(r"\r(?!\n)")
_TRANSACTION_CONTROL: Final = frozenset(
    {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END", "START", "ABORT"}
)
_REFUSED_STARTS: Final = (("PREPARE", "TRANSACTION"), ("SET", "CONSTRAINTS"), ("SET", "TRANSACTION"))
_REFUSED_WORDS: Final = (
    ("ON", "CONFLICT", "ROLLBACK"),
    ("OR", "ROLLBACK"),
    ("RAISE", "(", "ROLLBACK"),
    ("DEFERRABLE",),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One query as its file has it.

    - offset, line: where the header stands (offset from 0, line from 1).
    - doc: the comment lines after the header, without their dashes.
    - tokens: the statement, without semicolon and what follows it.
    """

    header: Header
    offset: int
    line: int
    doc: str
    tokens: Sequence[Token]


def read_blocks(text: str, engine: Engine) -> list[Block]:
    """The queries of a file's text, in order. Raises ScanError for all that can be wrong."""
    _check_encoding(text)
    tokens = scan(text, engine)
    starts = [index for index, token in enumerate(tokens) if _is_header(tokens, index, token)]
    _check_beginning(tokens[: starts[0]] if starts else tokens)
    if not starts:
        raise ScanError(len(text), "the file holds no query; begin one with `-- name: `")
    ends = [*starts[1:], len(tokens)]
    lines = _lines(text, [tokens[start].start for start in starts])
    return [
        _block(tokens[start:end], line, engine) for start, end, line in zip(starts, ends, lines, strict=True)
    ]


def _check_encoding(text: str) -> None:
    if text.startswith("\ufeff"):
        raise ScanError(0, "the file starts with a byte order mark; save it as UTF-8 without BOM")
    lone = _LONE_CARRIAGE_RETURN.search(text)
    if lone:
        problem = (
            "a carriage return without line feed ends a line for PostgreSQL, not for SQLite; save with LF"
        )
        raise ScanError(lone.start(), problem)


def _is_header(tokens: Sequence[Token], index: int, token: Token) -> bool:
    """Whether a comment on a line of its own is a header; raises ScanError for an indented one."""
    if token.kind != "comment" or not looks_like_header(token.text):
        return False
    before = tokens[index - 1] if index else None
    if before is not None and not (before.kind == "space" and "\n" in before.text):
        return False
    if before is not None and not before.text.endswith("\n"):
        raise ScanError(token.start, "a header starts at the beginning of its line; remove the blanks")
    return True


def _check_beginning(tokens: Sequence[Token]) -> None:
    """What stands before the first header: comment lines about the file, and no more."""
    for token in significant(tokens):
        problem = "text before the first header; make it a comment, or write a header `-- name: ` above it"
        raise ScanError(token.start, problem)
    first = next((token for token in tokens if token.kind == "comment"), None)
    if first is None or not first.text.startswith("--") or not first.text.strip("- \t\r"):
        offset = first.start if first else 0
        raise ScanError(offset, "begin the file with comment lines `-- …` that say what it is about")


def _lines(text: str, offsets: Sequence[int]) -> Iterator[int]:
    """The line of each offset, in one pass."""
    line, position = 1, 0
    for offset in offsets:
        line += text.count("\n", position, offset)
        position = offset
        yield line


def _block(tokens: Sequence[Token], line: int, engine: Engine) -> Block:
    start = tokens[0]
    header = parse_header(start.text.rstrip(), start.start)
    doc = list(_doc_lines(tokens))
    statement = _statement(tokens[1 + 2 * len(doc) :], header.name, start.start, engine)
    _check_transaction(statement)
    return Block(header, start.start, line, "\n".join(doc), statement)


def _doc_lines(tokens: Sequence[Token]) -> Iterator[str]:
    """The comment lines directly after the header, up to an empty line or the statement."""
    for space, comment in zip(tokens[1::2], tokens[2::2], strict=False):
        if space.text.count("\n") != 1 or not comment.text.startswith("--") or comment.kind != "comment":
            return
        yield comment.text.removeprefix("--").removeprefix(" ").rstrip()


def _statement(tokens: Sequence[Token], name: str, offset: int, engine: Engine) -> Sequence[Token]:
    """The one statement there is, with the comments before it (hints for planners stand there)."""
    meant = significant(tokens)
    spans = split_tokens(meant, engine)
    if not spans:
        raise ScanError(offset, f"{name} has no SQL; write its statement below the header")
    if len(spans) > 1:
        problem = f"{name} has several statements; a query is one, give the others headers of their own"
        raise ScanError(spans[1][0], problem)
    inside = [token for token in meant if spans[0][0] <= token.start < spans[0][1]]
    last = inside[-2] if inside[-1].text == ";" else inside[-1]
    comments = [token for token in tokens if token.kind == "comment" and token.start < inside[0].start]
    first = (comments or inside)[0]
    return [token for token in tokens if first.start <= token.start <= last.start]


def _check_transaction(statement: Sequence[Token]) -> None:
    """Refuse what would end the caller's transaction, or put off errors to its end."""
    tokens = significant(statement)
    words = [token.text.upper() if token.kind in ("word", "symbol") else "" for token in tokens]
    if words[0] in _TRANSACTION_CONTROL or tuple(words[:2]) in _REFUSED_STARTS:
        problem = f"{tokens[0].text} in a query; use `async with store.transaction()`"
        raise ScanError(tokens[0].start, problem)
    for refused in _REFUSED_WORDS:
        starts = (
            (place for place, word in enumerate(words) if word == refused[0]) if refused[-1] in words else ()
        )
        for start in starts:
            if tuple(words[start : start + len(refused)]) == refused:
                shown = " ".join(refused)
                problem = f"{shown} ends or changes the transaction that the query runs in; write it without"
                raise ScanError(tokens[start].start, problem)
