"""Which hits come first, and what of them is shown: the same on both databases.

A score is saturated term frequency x length x age, where an item that stands inside a longer word counts
less; whether it is a word of its own, and in the very form that was typed, counts beside that.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.segment import spaced, stem_forms
from sqlstore.capabilities.search.snippets import Snippet, places_in, snippet
from sqlstore.capabilities.search.thai import LONGEST_SHORT_WORD, THAI, word_likelihood
from sqlstore.engine.search_terms import Item, SearchQuery

__all__ = ["Snippet", "score", "score_runs", "snippet"]

_SATURATION: Final = 1.2
"""How many times a word must stand in a text of usual length for half of the most it can count."""
_USUAL_LENGTH: Final = 100
"""In characters: of a chat message."""
_LENGTH_WEIGHT: Final = 0.4
_HALF_LIFE_S: Final = 90 * 86_400.0
_AGELESS_PART: Final = 0.75
"""What is left of a score however old the text is."""

_HANGUL: Final = re.compile("[\u1100-\u11ff\uac00-\ud7ff]")
_KINDS: Final = (re.compile("[\u3040-\u309f]"), re.compile("[\u30a0-\u30ff]"), re.compile("[\u3400-\u9fff]"))


def score(query: SearchQuery, text: str, age_s: float) -> float:
    """How well a text that matches fits a query, 0 to 2. age_s: how old it is, in seconds."""
    return score_runs(query, spaced(normalize(text)), age_s)


def score_runs(query: SearchQuery, runs: str, age_s: float) -> float:
    """The same of a text's spaced runs."""
    length = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * min(20.0, len(runs) / _USUAL_LENGTH)
    fits = [_item_score(item, runs, length) for item in query.items if not item.excluded]
    freshness: float = 0.5 ** (age_s / _HALF_LIFE_S)
    return sum(fits) / max(1, len(fits)) * (_AGELESS_PART + (1 - _AGELESS_PART) * freshness)


def _item_score(item: Item, runs: str, length: float) -> float:
    """As often as it stands there, what is likely no word of its own counting less; and in which form."""
    if item.stem:
        frequency, likelihood = float(len(stem_forms(runs, item.stem))), 1.0
    else:
        likelihoods = [_word_likelihood(runs, *place) for place in places_in(item, runs)]
        frequency = sum(likelihoods)
        likelihood = max(likelihoods, default=0.0)
    typed = 1.0 if item.typed in runs else 0.5
    return typed * frequency / (frequency + _SATURATION * length) + likelihood


def _word_likelihood(runs: str, start: int, end: int) -> float:
    """How likely runs[start:end] is a word of its own, or a row of such."""
    before, after = runs[start - 1], runs[end]
    if before == after == " ":
        return 1.0
    found = runs[start:end]
    script = _script(found)
    if script == "thai":
        return word_likelihood(runs, start, end) if len(found) <= LONGEST_SHORT_WORD else 0.5
    if script == "hangul":
        return 0.9 if before == " " else 0.3  # what follows may be a particle
    return 0.3 + 0.3 * (_is_edge(before, found[0]) + _is_edge(found[-1], after))


@lru_cache(maxsize=1024)
def _script(found: str) -> str:
    """The script that tells how words begin and end: of the whole, or for Hangul of its beginning."""
    if THAI.fullmatch(found):
        return "thai"
    return "hangul" if _HANGUL.match(found) else ""


@lru_cache(maxsize=8192)
def _is_edge(left: str, right: str) -> bool:
    """Whether two characters are of different kinds: kana, kanji, anything else."""
    return " " in (left, right) or [bool(kind.match(left)) for kind in _KINDS] != [
        bool(kind.match(right)) for kind in _KINDS
    ]
