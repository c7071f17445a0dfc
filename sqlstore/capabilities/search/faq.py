"""Which stored question is meant by what somebody asks, in words of their own.

Two questions are compared by what they have in common: stems of words, pairs of characters. What few
of the stored questions have counts more, what every question has (how, please) hardly.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Final

from sqlstore.capabilities.search.faq_words import PIECES, WORDS
from sqlstore.capabilities.search.grammar import QUERY_CHARACTERS
from sqlstore.capabilities.search.korean import without_particle
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.segment import Run, has_stems, pairs, runs, stem
from sqlstore.engine.search_terms import AnyOf, Character, SearchTerm, Word

FAQ_THRESHOLD: Final = 0.3
"""The least score at which a stored question is taken for the one that was meant.

Of 193 paraphrases in four languages it answers 180 rightly, 4 wrongly and 9 not at all, and none of
104 unrelated questions (bench/search_truth.py).
"""
FAQ_CANDIDATES: Final = 1_000
"""How many stored questions are compared at most."""

_FUNCTION_WEIGHT: Final = 0.1
_UNKNOWN_WEIGHT: Final = 0.5


def faq_scores(question: str, stored: Sequence[str], total: int | None = None) -> list[float]:
    """How well a question fits each stored one, 0 to 1; 1 is the same words.

    stored: at least every stored question that has something in common with it (`faq_terms`).
    total: how many stored questions there are; None if these are all.
    """
    asked = _parts(question)
    parts = [_parts(text) for text in stored]
    rarity = _Rarity(Counter(part for one in parts for part in one), total or len(stored))
    return [_likeness(asked, one, rarity) for one in parts]


def faq_terms(question: str) -> SearchTerm | None:
    """What stored questions are worth comparing: those that have one significant part of it.

    None where the question has no letters or digits.
    """
    parts = _parts(question)
    heaviest = max(parts.values(), default=0)
    words = [word for part, weight in parts.items() if weight == heaviest for word in _words(part)]
    return AnyOf(tuple(words)) if words else None


@dataclass(frozen=True, slots=True)
class _Rarity:
    """How much a part counts: the fewer of the stored questions have it, the more."""

    questions_with: Mapping[str, int]
    total: int

    def of(self, part: str) -> float:
        have = self.questions_with.get(part, 0)
        rarity = log(1 + max(0.0, self.total - have + 0.5) / (have + 0.5))
        return rarity if have else rarity * _UNKNOWN_WEIGHT  # it may as well be a synonym


def _likeness(asked: Mapping[str, float], stored: Mapping[str, float], rarity: _Rarity) -> float:
    """How much of each is in the other, as a geometric mean."""
    common = sum(weight * rarity.of(part) for part, weight in asked.items() if part in stored)
    if not common:
        return 0.0
    sizes = [sum(weight * rarity.of(part) for part, weight in one.items()) for one in (asked, stored)]
    return common / sqrt(sizes[0] * sizes[1])


def _parts(question: str) -> dict[str, float]:
    """The stems and pairs of characters of a question, and how significant each is."""
    parts: dict[str, float] = {}
    for run in runs(normalize(question[:QUERY_CHARACTERS])):
        if run.is_gram:
            parts.update(_gram_parts(run))
        else:
            stemmed = stem(run.text)
            parts[stemmed] = _FUNCTION_WEIGHT if stemmed in _function_stems() else 1.0
    return parts


def _gram_parts(run: Run) -> dict[str, float]:
    pieces = _function_pieces()
    bare = without_particle([run])[0].text
    parts = dict.fromkeys(pieces.findall(bare), _FUNCTION_WEIGHT)
    for piece in filter(None, pieces.split(bare)):
        kept = without_particle([Run(piece, True)])[0].text
        parts.update(dict.fromkeys(pairs(kept)[:-1] or [kept], 1.0))
    return parts


def _words(part: str) -> Sequence[Word | Character]:
    """The words of the index that a stored question with this part has."""
    if has_stems(part):
        return [Word(part, "stem"), Word(part)]
    if runs(part)[0].is_gram:
        return [Word(pair) for pair in pairs(part)[:-1]] or [Character(part)]
    return [Word(part)]


@cache
def _function_stems() -> frozenset[str]:
    return frozenset(map(stem, WORDS.split()))


@cache
def _function_pieces() -> re.Pattern[str]:
    """The longest first, for a pattern takes the first that fits."""
    pieces = sorted(map(normalize, PIECES.split()), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, pieces)))
