"""What a search asks for, as a tree that each database writes in its own full-text language.

The words in it are words of the index (`capabilities/search/segment.py`): they consist of letters,
digits and marks, so nothing that a user types can break out of a database's quoting.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Word(msgspec.Struct, frozen=True):
    """A word of the index; prefix: any word that begins with it."""

    text: str
    column: Literal["body", "stem"] = "body"
    prefix: bool = False


class Character(msgspec.Struct, frozen=True):
    """One character of a run that the index keeps in pairs: anywhere inside such a run of the body."""

    text: str


class Phrase(msgspec.Struct, frozen=True):
    """Words of the body, one right after the other; the last may be a character."""

    words: tuple[Word | Character, ...]


class AllOf(msgspec.Struct, frozen=True):
    """Every one of the terms."""

    terms: tuple[SearchTerm, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """One of the terms at least."""

    terms: tuple[SearchTerm, ...]


class Without(msgspec.Struct, frozen=True):
    """The term, where what is excluded is not."""

    term: SearchTerm
    excluded: SearchTerm


SearchTerm: TypeAlias = "Word | Character | Phrase | AllOf | AnyOf | Without"


class Item(msgspec.Struct, frozen=True):
    """One thing of a query, to be compared with a text itself.

    - text: what the text's runs, with a space around each, must have in them (`segment.spaced`).
    - stem: instead of that, the stem that one of the text's words must have; "" for none.
    - typed: what was typed, spaced likewise: longer than `text` by a Korean particle.
    """

    text: str
    stem: str = ""
    typed: str = ""
    excluded: bool = False


class SearchQuery(msgspec.Struct, frozen=True):
    """A query that was read (`capabilities/search/grammar.py`).

    - terms: what a database is asked; None where nothing is looked for.
    - items: the same in the order typed, for comparing, ranking and highlighting.
    """

    terms: SearchTerm | None
    items: tuple[Item, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked for: such a query has no hits."""
        return self.terms is None


def is_exact(term: SearchTerm) -> bool:
    """Whether an index without positions can tell: no phrase of several words is in it."""
    match term:
        case Word() | Character():
            return True
        case Phrase(words):
            return len(words) == 1
        case AllOf(terms) | AnyOf(terms):
            return all(is_exact(part) for part in terms)
        case Without(kept, excluded):
            return is_exact(kept) and is_exact(excluded)
