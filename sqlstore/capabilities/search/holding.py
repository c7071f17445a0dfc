"""Whether a search's terms hold of the words of a text, as far as an index without positions can tell."""

from __future__ import annotations

from collections.abc import Sequence

from sqlstore.capabilities.search.segment import Tokens
from sqlstore.engine.search_terms import AllOf, AnyOf, Character, Phrase, SearchTerm, Without, Word, is_exact


def may_hold(term: SearchTerm, tokens: Tokens) -> bool:
    """False only where the terms cannot hold; of a phrase the words are wanted, not their order."""
    match term:
        case Word():
            return _stands(term, tokens.body if term.column == "body" else tokens.stems)
        case Character(text):
            return text in tokens.characters
        case Phrase(parts) | AllOf(parts):
            return all(may_hold(part, tokens) for part in parts)
        case AnyOf(parts):
            return any(may_hold(part, tokens) for part in parts)
        case Without(kept, excluded):
            return may_hold(kept, tokens) and not (is_exact(excluded) and may_hold(excluded, tokens))


def _stands(word: Word, words: Sequence[str]) -> bool:
    if word.prefix:
        return any(found.startswith(word.text) for found in words)
    return word.text in words
