"""What stands in a migration file: an up section, a down section, directives.

    -- migrate: up                  optional
    -- migrate: lock-timeout=2s     directives, before the first statement
    CREATE TABLE …
    -- migrate: down                optional: how to take it back
    DROP TABLE …

Directives: `no-transaction`, `irreversible` (no down section), `foreign-keys=keep`
(SQLite: leave them on while a table is dropped or renamed), `lock-timeout=2s`,
`allow=CODE,...` (for linting), `empty` (nothing to do on purpose), `breaks-older`
(code that does not know this migration must not use the database).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlstore.engine.durations import parse_duration
from sqlstore.engine.migration_session import DEFAULT_LOCK_TIMEOUT_S, Script
from sqlstore.engine.sqltext import ScanError, Token, line_and_column, scan
from sqlstore.engine.values import Engine
from sqlstore.migrations.statements import Statements

_MARK = re.compile(r"--[ \t]*migrate:(.*)", re.DOTALL)
_DOWN_MARK = re.compile(r"^--[ \t]*migrate:[ \t]*down[ \t]*$", re.MULTILINE)
_FLAGS = frozenset(("no-transaction", "irreversible", "empty", "breaks-older"))
_KNOWN = "no-transaction, irreversible, foreign-keys=keep, lock-timeout=2s, allow=CODE, empty, breaks-older"


@dataclass(frozen=True, slots=True)
class Directives:
    """What a file asks for, see the top of this module."""

    no_transaction: bool = False
    irreversible: bool = False
    keep_foreign_keys: bool = False
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S
    allow: tuple[str, ...] = ()
    empty: bool = False
    breaks_older: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """As a file has them; what is by default is left out."""
        flags = [flag for flag in sorted(_FLAGS) if getattr(self, flag.replace("-", "_"))]
        keep = ["foreign-keys=keep"] if self.keep_foreign_keys else []
        limit = (
            [f"lock-timeout={self.lock_timeout_s:g}s"]
            if self.lock_timeout_s != DEFAULT_LOCK_TIMEOUT_S
            else []
        )
        return (*flags, *keep, *limit, *([f"allow={','.join(self.allow)}"] if self.allow else []))


@dataclass(frozen=True, slots=True)
class Content:
    """A migration's text, taken apart and checked.

    - up, down: what is run; down is None where there is no down section.
    - down_line: the line on which the down section starts, from 1.
    - checksum: SHA-256 of the up section; fingerprint: the same of its tokens alone.
    - tables: the tables that it creates.
    """

    up: Script
    down: Script | None
    down_line: int
    directives: Directives
    checksum: str
    fingerprint: str
    tables: frozenset[str]


def parse(text: str, engine: Engine) -> Content:
    """Take a file's text apart. Raises ScanError."""
    return _Parser(text, engine).content()


def quick_checksum(text: str) -> str:
    """The checksum, unless a string or comment holds a line that looks like the marker of `down`.

    Where it equals the recorded one the text is as it was, and need not be scanned.
    """
    mark = _DOWN_MARK.search(text)
    return _sha256(text[: mark.start()] if mark else text)


def breaks_older(up_sql: str) -> bool:
    """Whether an up section, perhaps of a newer version with directives unknown here, says so."""
    return any(
        "breaks-older" in line.partition("migrate:")[2].split()
        for line in up_sql.splitlines()
        if _MARK.match(line)
    )


def stored_script(sql: str, engine: Engine, directives: Directives | None = None) -> Script:
    """A script from SQL that was kept in the book. Raises ScanError."""
    return _script(sql, scan(sql, engine, binds=False), engine, directives or Directives())[0]


def dropped_tables(sql: str, engine: Engine) -> dict[str, str]:
    """The tables that DROP TABLE names: as the SQL has them, and their plain names in small letters."""
    return Statements(scan(sql, engine, binds=False), engine).dropped_tables


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _Parser:
    """Takes one file apart into sections and directives. Raises ScanError."""

    def __init__(self, text: str, engine: Engine) -> None:
        self._text = text
        self._engine: Engine = engine
        self._directives = Directives()
        self._seen: set[str] = set()
        self._in_statements = False
        self._down: Token | None = None

    def content(self) -> Content:
        tokens = scan(self._text, self._engine, binds=False)
        for token in tokens:
            self._take(token)
        down_at = self._down.start if self._down else len(self._text)
        up_tokens = [token for token in tokens if token.start < down_at]
        up, statements = _script(self._text[:down_at], up_tokens, self._engine, self._directives)
        self._check_emptiness(has_statements=bool(up.statements))
        return Content(
            up,
            self._down_script(),
            line_and_column(self._text, down_at)[0],
            self._directives,
            _sha256(up.sql),
            statements.fingerprint,
            statements.created_tables,
        )

    def _down_script(self) -> Script | None:
        if self._down is None:
            return None
        if self._directives.irreversible:
            raise ScanError(
                self._down.start, "an irreversible migration has no down section; remove one of them"
            )
        sql = self._text[self._down.start :]
        try:
            down = stored_script(sql, self._engine, self._directives)
        except ScanError as error:
            raise ScanError(self._down.start + error.offset, error.problem) from None
        if not down.statements and not self._directives.empty:
            raise ScanError(
                self._down.start, "no statement in the down section; write one, or remove the marker"
            )
        return down

    def _check_emptiness(self, *, has_statements: bool) -> None:
        if has_statements and self._directives.empty:
            raise ScanError(0, "the directive `empty` stands in a file with statements; remove it")
        if not has_statements and not self._directives.empty:
            raise ScanError(0, "no statement to run; write one, or the line `-- migrate: empty`")

    def _take(self, token: Token) -> None:
        if token.kind == "comment":
            mark = _MARK.match(token.text)
            if mark:
                self._mark(token, mark[1].split())
        elif token.kind != "space":
            self._in_statements = True

    def _mark(self, token: Token, words: list[str]) -> None:
        if token.start and self._text[token.start - 1] != "\n":
            raise ScanError(token.start, "`-- migrate:` must be at the start of its line")
        if words == ["down"]:
            self._once("down", token)
            self._down = token
        elif self._down is not None:
            raise ScanError(
                token.start, "directives stand before the first statement, not in the down section"
            )
        elif self._in_statements:
            raise ScanError(token.start, "`-- migrate: up` and directives stand before the first statement")
        elif words == ["up"]:
            self._once("up", token)
        else:
            for word in words or [""]:
                self._directive(word, token)

    def _once(self, name: str, token: Token) -> None:
        if name in self._seen:
            raise ScanError(token.start, f"`{name}` stands here a second time; remove one")
        self._seen.add(name)

    def _directive(self, word: str, token: Token) -> None:
        name, _, value = word.partition("=")
        self._once(name, token)
        directives = _with_directive(self._directives, name, value)
        if directives is None:
            raise ScanError(token.start, f"{word!r} is no directive; these are: {_KNOWN}")
        self._directives = directives


def _with_directive(directives: Directives, name: str, value: str) -> Directives | None:
    """The directives and this one, or None where it is not one."""
    if name in _FLAGS and not value:
        return replace(directives, **{name.replace("-", "_"): True})  # type: ignore[arg-type]  # these fields are bool
    if (name, value) == ("foreign-keys", "keep"):
        return replace(directives, keep_foreign_keys=True)
    if name == "allow" and value:
        return replace(directives, allow=tuple(value.split(",")))
    duration_s = parse_duration(value) if name == "lock-timeout" else None
    return None if duration_s is None else replace(directives, lock_timeout_s=duration_s)


def _script(
    sql: str, tokens: Sequence[Token], engine: Engine, directives: Directives
) -> tuple[Script, Statements]:
    statements = Statements(tokens, engine)
    statements.check(transaction=not directives.no_transaction)
    script = Script(
        sql,
        statements.spans,
        rebuilds_tables=statements.rebuilds_tables and not directives.keep_foreign_keys,
        transaction=not directives.no_transaction,
        lock_timeout_s=directives.lock_timeout_s,
        index=statements.concurrent_index,
    )
    return script, statements
