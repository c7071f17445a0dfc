"""What a statement's text says about how PostgreSQL must be asked."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from sqlstore.engine.sqltext import ScanError, Token, scan, significant

WRITING_FUNCTIONS: Final = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = ANY($1::text[]) AND provolatile = 'v'
        AND (pronamespace <> 'pg_catalog'::regnamespace
            OR proname IN ('nextval', 'setval', 'pg_notify', 'set_config')))"""
"""Whether one of these functions may write: one of the database's own that is VOLATILE, or a known one."""
_READING: Final = frozenset({"select", "with", "values", "table"})
_WRITING: Final = frozenset({"insert", "update", "delete", "merge", "into"})
_RETURNING: Final = frozenset({"insert", "update", "delete", "with"})


def called_functions(sql: str) -> list[str] | None:
    """The functions that a statement without a writing word calls; None where it has one, or cannot be read."""
    try:
        tokens = significant(scan(sql, "postgres", binds=False))
    except ScanError:
        return None
    words = _words(tokens)
    if not words or words[0] not in _READING or _WRITING.intersection(words):
        return None
    return [
        _name(token) for token, following in pairwise(tokens) if following.text == "(" and _is_name(token)
    ]


def counting_rows(sql: str) -> str | None:
    """A statement that changes rows, so that it gives a row for each; None where it cannot be made so."""
    words = _words(significant(scan(sql, "postgres", binds=False)))
    if not words or words[0] not in _RETURNING or "merge" in words:
        return None
    return f"{sql}\nRETURNING 1"


def _words(tokens: list[Token]) -> list[str]:
    return [token.text.lower() for token in tokens if token.kind == "word"]


def _is_name(token: Token) -> bool:
    return token.kind in ("word", "identifier")


def _name(token: Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.kind == "identifier" else token.text.lower()
