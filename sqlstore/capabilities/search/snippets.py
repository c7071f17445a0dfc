"""The part of a text around what was found, and where in it that is."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlstore.capabilities.search.normalize import normalize, normalize_with_origins
from sqlstore.capabilities.search.segment import run_spans, spaced, stem_forms
from sqlstore.engine.search_terms import Item, SearchQuery

SNIPPET_LENGTH: Final = 160
"""In characters, without the … that says that something was left out."""
PLACES: Final = 16
"""How many places of each item are looked at."""

_LEAD: Final = 40
_PIECE: Final = 2_000
_OVERLAP: Final = 600
_OTHER_SPACE: Final = re.compile(r"[^\S ]")
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is shown of a text, composed (NFC), on one line.

    highlights: where what was found is, as (start, end), for text[start:end]; in order, apart.
    """

    text: str
    highlights: tuple[tuple[int, int], ...]


class _Place(NamedTuple):
    """Where in a text an item is; quick to make and to sort."""

    start: int
    end: int
    item: int


def snippet(query: SearchQuery, text: str, length: int = SNIPPET_LENGTH) -> Snippet:
    """The part of a text that has most of what was looked for; its beginning where nothing of it is found."""
    wanted = [item for item in query.items if not item.excluded]
    shown = unicodedata.normalize("NFC", text)
    offset = 0 if len(shown) <= _PIECE else _likely_piece(wanted, shown)
    places = sorted(_places(wanted, shown[offset : offset + _PIECE], offset))
    start, end = _window(places, shown, length)
    before, after = _CUT * (start > 0), _CUT * (end < len(shown))
    moved = len(before) - start
    marks = [
        (max(place.start, start) + moved, min(place.end, end) + moved)
        for place in places
        if place.start < end and place.end > start
    ]
    return Snippet(before + _OTHER_SPACE.sub(" ", shown[start:end]) + after, tuple(_merged(marks)))


def places_in(item: Item, runs_of_text: str) -> Iterator[tuple[int, int]]:
    """Where an item stands in spaced runs, without the spaces around it: the first PLACES."""
    if item.stem:
        yield from stem_forms(runs_of_text, item.stem)[:PLACES]
        return
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
        found = sum(any(True for _ in places_in(item, piece)) for item in wanted)
        if found > most:
            best, most = start, found
        if found == len(wanted):
            break
    return best


def _places(wanted: Sequence[Item], text: str, offset: int) -> Iterator[_Place]:
    """Where the items are in a piece of a text that begins at `offset` of it."""
    normalized, origins = normalize_with_origins(text)
    runs_of_text = spaced(normalized)
    spans = run_spans(normalized)
    for number, item in enumerate(wanted):
        for start, end in places_in(item, runs_of_text):
            last = _unspaced(runs_of_text, spans, end - 1)
            after = bisect_right(origins, origins[last])
            yield _Place(
                origins[_unspaced(runs_of_text, spans, start)] + offset,
                (origins[after] if after < len(origins) else len(text)) + offset,
                number,
            )


def _unspaced(runs_of_text: str, spans: Sequence[tuple[int, int]], place: int) -> int:
    """Where a character of spaced runs is in the normalized text; spans: of the runs there."""
    run = runs_of_text.count(" ", 0, place) - 1
    start_in_runs = runs_of_text.rindex(" ", 0, place) + 1
    return spans[run][0] + place - start_in_runs


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
