"""One spelling for texts that read the same: width, case, accents, composition.

The result is the same on every Python: which characters words consist of is taken from tables
of Unicode 14.0 (`unicode_ranges`), and how those are folded and composed never changes.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Final

from sqlstore.capabilities.search.unicode_ranges import COMPATIBLE_RANGES, IGNORED_RANGES, WORD_RANGES

_LAST_PLANES: Final = 0x20000
_BREVE: Final = "\u0306"
_ACCENT: Final = re.compile("(?<![Ии])\u0306|[\u0300-\u0305\u0307-\u036f]")
_SARA_AM: Final = re.compile("\u0e4d(?:([\u0e48-\u0e4b])\u0e32|\u0e32([\u0e48-\u0e4b]))")  # ำ is these two


def normalize(text: str) -> str:
    """The text as words are made of it: letters, digits and marks, and a space for anything else.

    Case, width and compatibility forms are folded (NFKC, casefold), accents (U+0300-U+036F)
    dropped but for й, format characters dropped, the rest composed (NFC). Thai เเ is แ, and a
    tone mark stands before ำ in whatever order they were typed.
    Never raises: NUL and lone surrogates are spaces.
    """
    return _tones_first(_composed(text.translate(_FOLDED)))


def normalize_with_origins(text: str) -> tuple[str, list[int]]:
    """The normalized text, and for each of its characters where in `text` it begins.

    Characters that were put together, or belong to one base character, begin where that begins.
    """
    folded_text = text.translate(_FOLDED)
    if _composed(folded_text) == folded_text:
        return _tones_first(folded_text), _origins(text, folded_text)
    pieces: list[str] = []
    origins: list[int] = []
    for start, folded in _clusters(text):
        piece = _composed(folded) if len(folded) > 1 or folded == _BREVE else folded
        pieces.append(piece)
        origins += [start] * len(piece)
    return _tones_first("".join(pieces)), origins


def _origins(text: str, folded_text: str) -> list[int]:
    """The origins where nothing was put together: each character became one, none, or several."""
    uneven, joining = _FOLDED.uneven, _FOLDED.joining
    origins: list[int] = []
    after = 0
    for place in [] if uneven.keys().isdisjoint(text) else range(len(text)):
        if text[place] in uneven:
            origins += [*range(after, place), *[place] * uneven[text[place]]]
            after = place + 1
    origins += range(after, len(text))
    for place in [] if joining.isdisjoint(folded_text) else range(1, len(origins)):
        if folded_text[place] in joining:
            origins[place] = origins[place - 1]
    return origins


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Folded pieces that are composed independently of each other, and where each begins."""
    start = 0
    cluster = ""
    for place, char in enumerate(text):
        folded = char.translate(_FOLDED)
        if cluster and folded and not _joins(folded[0], cluster[-1]):
            yield start, cluster
            start, cluster = place, folded
        else:
            start = start if cluster else place
            cluster += folded
    yield start, cluster


def _joins(char: str, last: str) -> bool:
    """Whether a folded character may be put together with what is before it."""
    is_jamo = "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7ff"
    return is_jamo or unicodedata.category(char)[0] == "M" or last == char == "เ"


def _composed(folded: str) -> str:
    """Folded characters, put together; nothing here reaches over a space."""
    if folded.isascii():
        return folded
    if _BREVE in folded:
        folded = folded.replace("и" + _BREVE, "й").replace(_BREVE, "")
    return unicodedata.normalize("NFC", folded).replace("เเ", "แ")


def _tones_first(composed: str) -> str:
    return _SARA_AM.sub("\\1\\2\u0e4d\u0e32", composed) if "\u0e4d" in composed else composed


class _Folded(dict[int, int | str]):
    """What each character becomes on its own, worked out when it is first met; one character as its code.

    Not kept for the nine hundred thousand codes that are no characters: texts full of them cost no memory.

    Of the characters met so far:
    - uneven: those that become none, or several, and how many.
    - joining: what others became and may be put together with what is before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.uneven: dict[str, int] = {}
        self.joining: set[str] = set()

    def __missing__(self, code: int) -> int | str:
        folded = _fold(chr(code))
        result = ord(folded) if len(folded) == 1 else folded
        if result is folded:
            self.uneven[chr(code)] = len(folded)
        self.joining.update(part for part in folded if _joins(part, ""))
        if code < _LAST_PLANES or folded != " ":
            self[code] = result
        return result


_FOLDED: Final = _Folded()


def _fold(char: str) -> str:
    if _is_in(IGNORED_RANGES, char):
        return ""
    if not _is_in(WORD_RANGES, char) and not _is_in(COMPATIBLE_RANGES, char):
        return " "
    folded = char
    while (next_form := _fold_once(folded)) != folded:
        folded = next_form
    return "".join(part if _is_in(WORD_RANGES, part) else " " for part in folded)


def _fold_once(text: str) -> str:
    if text == _BREVE:  # kept until it is known whether an и stands before it
        return text
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", plain.casefold())


def _is_in(ranges: str, char: str) -> bool:
    bounds = _bounds(ranges)
    return bisect_right(bounds, ord(char)) % 2 == 1


@cache
def _bounds(ranges: str) -> list[int]:
    """The first code of each range and the first after it, in turn."""
    ends = (part.partition("-") for part in ranges.split())
    return list(chain.from_iterable((int(low, 16), int(high or low, 16) + 1) for low, _, high in ends))
