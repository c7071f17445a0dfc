"""A search as SQLite's full-text query: FTS5 over words, `=stems` and `#owners`.

The index keeps no positions (they would take half of its size), so the words of a phrase are
only wanted all. Whoever asks compares what is found with the texts.

Characters that are kept in pairs are words too: of a prefix FTS5 reads every word to its end,
before it gives the first row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlstore.engine.search_terms import AllOf, AnyOf, Character, Phrase, SearchTerm, Without, Word, is_exact
from sqlstore.engine.sqltext import quoted

_SIGNS = {"body": "", "stem": "="}
_MERGED_PAGES = 500
"""In one step: some 2 MB, which take 10 to 50 ms."""


def match_text(terms: SearchTerm, scope: Sequence[str]) -> str:
    """What stands after MATCH. scope: owners that a row must have."""
    owners = [f'"#{word}"' for word in scope]
    return " AND ".join([*owners, _rendered(terms)])


def _rendered(term: SearchTerm) -> str:
    match term:
        case Word():
            # Words consist of letters, digits and marks: nothing in them ends the quotes.
            return f'"{_SIGNS[term.column]}{term.text}"' + " *" * term.prefix
        case Character(text):
            return f'"{text}"'
        case Phrase(parts) | AllOf(parts):
            return _joined(" AND ", parts)
        case AnyOf(parts):
            return _joined(" OR ", parts)
        case Without(kept, excluded):
            if not is_exact(excluded):
                return _rendered(kept)
            return f"({_rendered(kept)} NOT {_rendered(excluded)})"


def _joined(operator: str, terms: Sequence[SearchTerm]) -> str:
    return f"({operator.join(_rendered(term) for term in terms)})"


def merge_some(connection: sqlite3.Connection, table: str, *, first: bool) -> bool:
    """One step of merging an FTS5 index; False where nothing was left to do.

    first: the step that takes all parts together (https://sqlite.org/fts5.html#the_merge_command).
    """
    before = connection.total_changes
    pages = -_MERGED_PAGES if first else _MERGED_PAGES
    connection.execute(f"INSERT INTO {quoted(table)} ({quoted(table)}, rank) VALUES ('merge', ?)", (pages,))
    return first or connection.total_changes - before > 1
