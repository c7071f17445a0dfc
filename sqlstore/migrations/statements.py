"""What a migration's SQL does, as far as the runner must know before it runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from sqlstore.engine.migration_session import ConcurrentIndex
from sqlstore.engine.sqltext import ScanError, Token, significant, split_tokens
from sqlstore.engine.values import Engine

_TRANSACTION_CONTROL: Final = frozenset(
    ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION")
)
_CONNECTION_PRAGMAS: Final = frozenset(
    ("FOREIGN_KEYS", "JOURNAL_MODE", "PAGE_SIZE", "AUTO_VACUUM", "SYNCHRONOUS")
)
_OUTSIDE_TRANSACTIONS: Final[dict[Engine, tuple[str, ...]]] = {
    "sqlite": ("VACUUM", "ATTACH", "DETACH"),
    "postgres": (
        "VACUUM",
        "ALTER SYSTEM",
        "CREATE DATABASE",
        "DROP DATABASE",
        "CREATE TABLESPACE",
        "DROP TABLESPACE",
        "REINDEX SCHEMA",
        "REINDEX DATABASE",
        "REINDEX SYSTEM",
    ),
}
_REPEATABLE_ON_SQLITE: Final = ("VACUUM", "PRAGMA")
_CONCURRENTLY: Final = (
    "CREATE",
    "DROP",
    "REINDEX",
    "ALTER",
)  # REFRESH … CONCURRENTLY may be in a transaction


class Statements:
    """The statements of one section, by their significant tokens.

    - tokens: of all; each: of one statement after the other; words: of each, as `_words` has them.
    """

    def __init__(self, tokens: Sequence[Token], engine: Engine) -> None:
        self._engine: Engine = engine
        self.tokens = significant(tokens)
        self.spans = tuple(split_tokens(self.tokens, engine))
        self.each = tuple(_tokens_in(self.tokens, self.spans))
        self.words = tuple(map(_words, self.each))

    @property
    def rebuilds_tables(self) -> bool:
        """Whether a table is dropped or renamed."""
        return any(map(_rebuilds, self.words))

    @property
    def created_tables(self) -> frozenset[str]:
        """The tables that CREATE TABLE names, in small letters; temporary ones left out."""
        return frozenset(filter(None, map(_created_table, self.each, self.words)))

    @property
    def dropped_tables(self) -> dict[str, str]:
        """The tables that DROP TABLE names: as the SQL has them, and their plain names in small letters."""
        return dict(chain.from_iterable(map(_dropped_tables, self.each, self.words)))

    @property
    def concurrent_index(self) -> ConcurrentIndex | None:
        """The index that CREATE INDEX CONCURRENTLY makes, if it has a name."""
        return next(filter(None, map(_concurrent_index, self.each, self.words)), None)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the tokens; comments, and white space outside of strings, do not count."""
        pieces: list[str] = []
        before = "symbol"
        for token in self.tokens:
            if "symbol" not in (before, token.kind):
                pieces.append(" ")
            pieces.append(token.text)
            before = token.kind
        return hashlib.sha256("".join(pieces).encode()).hexdigest()

    def check(self, *, transaction: bool) -> None:
        """Raise ScanError at the first statement that must not be in a migration."""
        for statement, words in zip(self.each, self.words, strict=True):
            problem = _control_problem(words) or (
                self._transaction_problem(words) if transaction else self._alone_problem(words)
            )
            if problem:
                raise ScanError(statement[0].start, problem)
        if not transaction:
            self._check_alone()

    def _transaction_problem(self, words: Sequence[str]) -> str | None:
        if self._engine == "sqlite" and words[0] == "PRAGMA":
            pragma = next((word for word in words[1:] if word in _CONNECTION_PRAGMAS), None)
            return pragma and (
                f"PRAGMA {pragma.lower()} fails or does nothing inside a transaction; leave it out "
                "(foreign keys are switched off by themselves where a table is dropped or renamed)"
            )
        found = next((start for start in _OUTSIDE_TRANSACTIONS[self._engine] if _starts(words, start)), None)
        if self._engine == "postgres" and words[0] in _CONCURRENTLY and "CONCURRENTLY" in words:
            found = "CONCURRENTLY"
        return found and (
            f"{found} cannot run inside a transaction; put the statement into a file of its own "
            "with the line `-- migrate: no-transaction`"
        )

    def _alone_problem(self, words: Sequence[str]) -> str | None:
        if self._engine == "sqlite" and words[0] not in _REPEATABLE_ON_SQLITE:
            return "no-transaction is for VACUUM and PRAGMA on SQLite; remove the directive"
        if "CONCURRENTLY" in words and "EXISTS" in words and words[0] == "CREATE":
            return "IF NOT EXISTS takes an invalid index for a good one with CONCURRENTLY; leave it out"
        return None

    def _check_alone(self) -> None:
        others = [
            statement for statement, words in zip(self.each, self.words, strict=True) if words[0] != "SET"
        ]
        if len(others) > 1:
            raise ScanError(
                others[1][0].start,
                "a second statement in a no-transaction file, which could be left half done; "
                "give it a file of its own",
            )


def _tokens_in(tokens: Iterable[Token], spans: Iterable[tuple[int, int]]) -> Iterator[list[Token]]:
    remaining = iter(tokens)
    for start, end in spans:
        statement: list[Token] = []
        for token in remaining:
            if token.start >= start:
                statement.append(token)
            if token.end >= end:
                break
        yield statement


def _words(statement: Iterable[Token]) -> list[str]:
    """Upper-cased words; anything else stands as its own text, so that positions hold."""
    return [token.text.upper() if token.kind == "word" else token.text for token in statement]


def _starts(words: Sequence[str], start: str) -> bool:
    if not words or not start.startswith(words[0]):  # most do not: nothing needs to be cut up
        return False
    expected = start.split()
    return list(words[: len(expected)]) == expected


def _control_problem(words: Sequence[str]) -> str | None:
    found = next((control for control in _TRANSACTION_CONTROL if _starts(words, control)), None)
    return found and (
        f"{found} would end or split the transaction that the runner holds; remove it "
        "(each migration is one transaction by itself)"
    )


def _rebuilds(words: Sequence[str]) -> bool:
    if _starts(words, "DROP TABLE"):
        return True
    return _starts(words, "ALTER TABLE") and "RENAME TO" in " ".join(words)


def _created_table(statement: Sequence[Token], words: Sequence[str]) -> str | None:
    if words[0] != "CREATE" or "TABLE" not in words[1:3] or words[1] in ("TEMP", "TEMPORARY"):
        return None
    at = words.index("TABLE") + 1
    if _starts(words[at:], "IF NOT EXISTS"):
        at += 3
    if words[at + 1 : at + 2] == ["."]:
        at += 2
    return plain_name(statement[at]) if at < len(statement) else None


def _dropped_tables(statement: Sequence[Token], words: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not _starts(words, "DROP TABLE"):
        return
    at = 4 if _starts(words[2:], "IF EXISTS") else 2
    name: list[Token] = []
    for token in [*statement[at:], Token("symbol", ";", 0)]:
        if token.text.upper() in (",", ";", "CASCADE", "RESTRICT"):
            if name:
                yield "".join(part.text for part in name), plain_name(name[-1])
            name = []
        else:
            name.append(token)


def _concurrent_index(statement: Sequence[Token], words: Sequence[str]) -> ConcurrentIndex | None:
    if words[0] != "CREATE" or "CONCURRENTLY" not in words[:4] or "ON" not in words:
        return None
    at, on = words.index("CONCURRENTLY") + 1, words.index("ON")
    if on != at + 1:  # without a name
        return None
    table = []
    for token, word in zip(statement[on + 1 :], words[on + 1 :], strict=True):
        if word in ("(", "USING"):
            break
        table.append(token.text)
    return ConcurrentIndex(statement[at].text, "".join(table))


def plain_name(token: Token) -> str:
    """A name in small letters, without quotes."""
    if token.kind != "identifier":
        return token.text.lower()
    quote = token.text[-1]
    return token.text[1:-1].replace(quote * 2, quote).lower()
