"""A search as SQLite's full-text query: FTS5, with the columns body, stem and scope.

The index keeps no positions (they would take half of its size), so the words of a phrase are
only wanted all. Whoever asks compares what is found with the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlstore.engine.search_terms import AllOf, AnyOf, Phrase, SearchTerm, Without, Word, is_exact


def match_text(terms: SearchTerm, scope: Sequence[str]) -> str:
    """What stands after MATCH. scope: words that the column scope must have."""
    owners = [f'scope : "{word}"' for word in scope]
    return " AND ".join([*owners, _rendered(terms)])


def _rendered(term: SearchTerm) -> str:
    match term:
        case Word():
            # Words consist of letters, digits and marks: nothing in them ends the quotes.
            return f'{term.column} : "{term.text}"' + " *" * term.prefix
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
