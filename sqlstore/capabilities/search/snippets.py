"""The part of a text around what was found, and where in it that is."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from sqlstore.capabilities.search.normalize import normalize, normalize_with_origins
from sqlstore.capabilities.search.segment import Run, runs, spaced, stem
from sqlstore.engine.search_terms import Item, SearchQuery

SNIPPET_LENGTH: Final = 160
"""In characters, without the … that says that something was left out."""
PLACES: Final = 16
"""How many places of each item are looked at."""

_LEAD: Final = 40
_PIECE: Final = 2_000
_OVERLAP: Final = 600
_SPACE: Final = re.compile(r"\s")
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is shown of a text, composed (NFC), on one line.

    highlights: where what was found is, as (start, end), for text[start:end]; in order, apart.
    """

    text: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    start: int
    end: int
    item: int


def snippet(query: SearchQuery, text: str, length: int = SNIPPET_LENGTH) -> Snippet:
    """The part of a text that has most of what was looked for; its beginning where nothing of it is found."""
    wanted = [item for item in query.items if not item.excluded]
    shown = unicodedata.normalize("NFC", text)
    offset = 0 if len(shown) <= _PIECE else _likely_piece(wanted, shown)
    places = sorted(_places(wanted, shown[offset : offset + _PIECE]))
    places = [_Place(place.start + offset, place.end + offset, place.item) for place in places]
    start, end = _window(places, shown, length)
    before, after = _CUT * (start > 0), _CUT * (end < len(shown))
    moved = len(before) - start
    marks = [
        (max(place.start, start) + moved, min(place.end, end) + moved)
        for place in places
        if place.start < end and place.end > start
    ]
    return Snippet(before + _SPACE.sub(" ", shown[start:end]) + after, tuple(_merged(marks)))


def places_in(item: Item, runs_of_text: str) -> Iterator[tuple[int, int]]:
    """Where an item stands in spaced runs, without the spaces around it; other forms of a word do not count."""
    end = 0
    for _ in range(PLACES):
        start = runs_of_text.find(item.text, end)
        if start < 0:
            return
        end = start + len(item.text.rstrip())
        yield start + item.text.startswith(" "), end


def _likely_piece(wanted: Sequence[Item], text: str) -> int:
    """Where the first piece of a long text begins that has the most items."""
    best, most = 0, 0
    for start in range(0, len(text) - _OVERLAP, _PIECE - _OVERLAP):
        piece = spaced(normalize(text[start : start + _PIECE]))
        stems = {stem(word) for word in piece.split()} if any(item.stem for item in wanted) else set()
        found = sum(item.text in piece or item.stem in stems for item in wanted)
        if found > most:
            best, most = start, found
        if found == len(wanted):
            break
    return best


def _places(wanted: Sequence[Item], text: str) -> Iterator[_Place]:
    normalized, origins = normalize_with_origins(text)
    found = runs(normalized)
    runs_of_text = f" {' '.join(run.text for run in found)} "
    starts = list(accumulate((len(run.text) + 1 for run in found), initial=1))
    for number, item in enumerate(wanted):
        spans = [
            (_unspaced(found, starts, start), _unspaced(found, starts, end - 1))
            for start, end in places_in(item, runs_of_text)
        ]
        if item.stem:
            forms = [run for run in found if not run.is_gram and stem(run.text) == item.stem]
            spans += [(run.start, run.end - 1) for run in forms[:PLACES]]
        for first, last in spans:
            after = bisect_right(origins, origins[last])
            end = origins[after] if after < len(origins) else len(text)
            yield _Place(origins[first], end, number)


def _unspaced(found: Sequence[Run], starts: Sequence[int], place: int) -> int:
    """Where a character of spaced runs is in the normalized text; starts: of the runs, when spaced."""
    number = bisect_right(starts, place) - 1
    return found[number].start + place - starts[number]


def _window(places: Sequence[_Place], text: str, length: int) -> tuple[int, int]:
    """The part of the text to show: where the most items are near each other."""
    if len(text) <= length:
        return 0, len(text)
    first = max(places, key=lambda place: _items_from(place, places, length), default=None)
    start = 0 if first is None else max(0, min(first.start - _LEAD, len(text) - length))
    while start and start < len(text) and _goes_on(text, start):
        start -= 1
    end = min(len(text), start + length)
    while start < end < len(text) and _goes_on(text, end):
        end -= 1
    return start, end if end > start else min(len(text), start + length)


def _items_from(first: _Place, places: Sequence[_Place], length: int) -> int:
    """How many different items stand in a window that begins with this one."""
    last = first.start + length - _LEAD
    return len({place.item for place in places if first.start <= place.start and place.end <= last})


def _goes_on(text: str, place: int) -> bool:
    """Whether a character is shown as one with that before it."""
    return unicodedata.category(text[place])[0] == "M" or "\u200d" in (text[place], text[place - 1])


def _merged(marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in marks:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
