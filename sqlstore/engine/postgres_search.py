"""A search as PostgreSQL's full-text query: a tsquery over words, `=stems` and `#owners`.

The index keeps no positions (a tsvector has none beyond the 16,383rd word), so the words of a
phrase are only wanted all. Whoever asks compares what is found with the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlstore.engine.search_terms import AllOf, AnyOf, Character, Phrase, SearchTerm, Without, Word, is_exact

_SIGNS = {"body": "", "stem": "="}


def match_text(terms: SearchTerm, scope: Sequence[str]) -> str:
    """What is cast to tsquery. scope: owners that a row must have."""
    return " & ".join([*(f"'#{word}'" for word in scope), _rendered(terms)])


def _rendered(term: SearchTerm) -> str:
    match term:
        case Word():
            # Words consist of letters, digits and marks: nothing in them ends the quotes.
            return f"'{_SIGNS[term.column]}{term.text}'" + ":*" * term.prefix
        case Character(text):
            return f"'{text}':*"  # every pair that begins so, and the last character of a run
        case Phrase(parts) | AllOf(parts):
            return _joined(" & ", parts)
        case AnyOf(parts):
            return _joined(" | ", parts)
        case Without(kept, excluded):
            if not is_exact(excluded):
                return _rendered(kept)
            return f"({_rendered(kept)} & !{_rendered(excluded)})"


def _joined(operator: str, terms: Sequence[SearchTerm]) -> str:
    return f"({operator.join(_rendered(term) for term in terms)})"
