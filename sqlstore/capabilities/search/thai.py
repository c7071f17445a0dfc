"""Whether a short Thai word stands in a text as a word of its own, or inside a longer one.

Thai is written without spaces, and most places where มา (come) is found are in words such as
สามารถ (can). Three things tell: the neighbours (a vowel sign belongs to the consonant before it), the end
of the run, and whether a longer known word lies over the place (`thai_words.txt`: frequent words that have
a word of two characters in them).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

LONGEST_SHORT_WORD: Final = 3
"""In characters of a normalized text. What is longer is rarely inside another word by chance."""

THAI: Final = re.compile("[\u0e00-\u0e7f]+")
_LEADING_VOWELS: Final = "เแโใไ"
_DEPENDENT: Final = re.compile("[ะ\u0e31าำ\u0e34-\u0e3aๅ\u0e47-\u0e4e]")
_UNLIKELY: Final = 0.1
_LIKELY: Final = 0.7
_POSSIBLE: Final = 0.3


def word_likelihood(text: str, start: int, end: int) -> float:
    """How likely text[start:end] is a word of its own, 0 to 1; text: normalized."""
    likelihood = _begins(text, start) * _ends(text, end)
    if likelihood and _is_inside_known_word(text, start, end):
        likelihood *= _UNLIKELY
    return likelihood


def _begins(text: str, start: int) -> float:
    """How likely a word begins here."""
    if start == 0 or not THAI.match(text, start - 1):
        return 1.0
    if _DEPENDENT.match(text, start) or text[start - 1] in _LEADING_VOWELS:
        return 0.0
    return _LIKELY if text[start] in _LEADING_VOWELS else _POSSIBLE


def _ends(text: str, end: int) -> float:
    """How likely a word ends here: not before a silenced consonant, and not before a vowel sign."""
    if end == len(text) or not THAI.match(text, end):
        return 1.0
    if _DEPENDENT.match(text, end) or text[end - 1] in _LEADING_VOWELS or text[end + 1 : end + 2] == "\u0e4c":
        return 0.0
    return _LIKELY if text[end] in _LEADING_VOWELS else _POSSIBLE


def _is_inside_known_word(text: str, start: int, end: int) -> bool:
    longer = _longer_words(text[start:end])
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return any(
        text.startswith(word, start - offset)
        for neighbours in {(before, after), (before, ""), ("", after)}
        for word, offset in longer.get(neighbours, ())
        if offset <= start
    )


@lru_cache(maxsize=1024)
def _longer_words(short: str) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """The known words that have a shorter one in them, and where, by its neighbours in them."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for word in _known_words():
        for match in re.finditer(f"(?={re.escape(short)})", word):
            offset, after = match.start(), match.start() + len(short)
            neighbours = (word[max(0, offset - 1) : offset], word[after : after + 1])
            found.setdefault(neighbours, []).append((word, offset))
    found.pop(("", ""), None)  # the word itself
    return found


@cache
def _known_words() -> tuple[str, ...]:
    return tuple(Path(__file__).with_name("thai_words.txt").read_text("utf-8").split())
