"""Cuts a text into the words that an index keeps, the same for both databases.

A *gram run* is a piece in a script that is written without spaces between words, or whose words
carry endings as Korean's do: every two characters in a row are a word of the index, and so is the
run's last character alone. (SQLite's index has each character alone too.) A *word run* is any other
piece of letters and digits: it is one word, and beside it the index has its stem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from operator import add
from typing import Final

import msgspec
from snowballstemmer.english_stemmer import EnglishStemmer
from snowballstemmer.russian_stemmer import RussianStemmer

from sqlstore.capabilities.search.english_forms import FORMS
from sqlstore.capabilities.search.normalize import normalize

WORD_LENGTH: Final = 64
"""How many characters of a word are kept; words that begin with the same 64 are the same."""
INDEX_VERSION: Final[str] = f"3-snowball-{version('snowballstemmer')}"
"""Of the words that are made of a text; texts that were cut by another version are cut anew."""

GRAM_CHARACTERS: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"  # ideographic numbers and repeat signs
    "\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana, bopomofo
    "\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_GRAM: Final = re.compile(f"[{GRAM_CHARACTERS}]")
_RUN: Final = re.compile(f"([{GRAM_CHARACTERS}]+)|([^ {GRAM_CHARACTERS}]+)")
_EITHER_RUN: Final = re.compile(f"[{GRAM_CHARACTERS}]+|[^ {GRAM_CHARACTERS}]+")
_ENGLISH: Final = re.compile("[a-z]+")
_RUSSIAN: Final = re.compile("[\u0400-\u052f]+")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text, in order; they consist of letters, digits and marks.

    - body: words, and pairs of characters; a phrase is a row of them.
    - stems: of those words whose stem is another than the word itself.
    - characters: of the gram runs, each alone.
    """

    body: list[str]
    stems: list[str]
    characters: list[str]


class Run(msgspec.Struct, frozen=True):
    """A piece of a normalized text; a word of more than WORD_LENGTH is shortened."""

    text: str
    is_gram: bool


def segment(text: str) -> Tokens:
    """What an index keeps of a text; never raises."""
    body: list[str] = []
    stems: list[str] = []
    characters: list[str] = []
    for gram, word in _RUN.findall(normalize(text)):
        if gram:
            body += pairs(gram)
            characters += gram
            continue
        kept = word[:WORD_LENGTH]
        body.append(kept)
        if (stemmed := stem(kept)) != kept:
            stems.append(stemmed)
    return Tokens(body, stems, characters)


def runs(normalized: str) -> list[Run]:
    """The runs of a normalized text, in order."""
    return [
        Run(match[1], True) if match[1] else Run(match[2][:WORD_LENGTH], False)
        for match in _RUN.finditer(normalized)
    ]


def run_spans(normalized: str) -> list[tuple[int, int]]:
    """Where the runs of a normalized text are, in order."""
    return [match.span() for match in _EITHER_RUN.finditer(normalized)]


def pairs(gram: str) -> list[str]:
    """Every two characters in a row, and the last one alone."""
    return [*map(add, gram, gram[1:]), gram[-1]]


def spaced(normalized: str) -> str:
    """The runs of a normalized text with one space before and after each.

    So a row of runs is in a text where its own spaced form is in the text's.
    """
    found = normalized.split() if _GRAM.search(normalized) is None else _EITHER_RUN.findall(normalized)
    if max(map(len, found), default=0) > WORD_LENGTH:
        found = [run.text for run in runs(normalized)]
    return f" {' '.join(found)} "


def has_stems(word: str) -> bool:
    """Whether a word is of a language whose endings are known."""
    return bool(_ENGLISH.fullmatch(word) or _RUSSIAN.fullmatch(word))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """What is left of a word without its endings: a-z as English, Cyrillic as Russian, else itself.

    A word that was met before takes 0.1 µs; any other 50 to 150 µs in pure Python.
    """
    stemmed = word
    if _ENGLISH.fullmatch(word):
        regular = _irregular_forms().get(word, word)
        stemmed = EnglishStemmer().stemWord(regular)  # a stemmer is not for several threads at once
    elif _RUSSIAN.fullmatch(word):
        stemmed = RussianStemmer().stemWord(word)
    return stemmed


def stem_forms(runs_of_text: str, stemmed: str) -> list[tuple[int, int]]:
    """Where in spaced runs the words are that are this stem or have it."""
    return [
        match.span(1)
        for match in _may_have(stemmed).finditer(runs_of_text)
        if (word := match[1]) == stemmed or stem(word) == stemmed
    ]


@lru_cache(maxsize=1024)
def _may_have(stemmed: str) -> re.Pattern[str]:
    """What finds words that may have a stem, so that few are stemmed: no ending is a word's first letter."""
    irregular = [
        f"{form}(?= )"
        for form, word in _irregular_forms().items()
        if form[0] != word[0] and stem(word) == stemmed
    ]
    return re.compile(f" ({'|'.join([f'{stemmed[0]}[^ ]*', *irregular])})")


@cache
def _irregular_forms() -> dict[str, str]:
    """The word that each irregular form is one of."""
    return {form: line.split()[0] for line in FORMS.split("\n") for form in line.split()[1:]}
