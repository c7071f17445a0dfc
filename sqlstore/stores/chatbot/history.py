"""What saving a history changes, worked out without a database.

A bot keeps a list in memory and hands it over after each turn: the whole
history, or its last part. Compared with what is stored, by role and text,

(a) it continues the end of what is stored: the rest is appended;
(b) it starts like what is stored, or like its end, and then differs (a
    regenerated answer): it replaces what is stored from the first difference on;
(c) it has nothing in common with it: all of it is appended.

System items that stand first, context and summaries, are left aside: bots
exchange them. Where several of these fit, the longest agreement decides, then
the one that touches the least of what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Item: TypeAlias = tuple[str, str]
"""Role and text."""
DIGEST_MODULUS: Final = 2**256


@dataclass(frozen=True, slots=True)
class Change:
    """What to do: keep so many stored items and drop the later ones, append the list from `start` on."""

    keep: int
    start: int


def compare(stored: Sequence[Item], history: Sequence[Item]) -> Change:
    """How a handed-over list changes what is stored; the rules are at the top of this file.

    Of what is stored the first and the last `len(history)` items are enough: no
    other item can decide anything.
    """
    first = leading_system_items(stored)
    aside = leading_system_items(history)
    stored_length = len(stored) - first
    if stored_length and history[aside : aside + stored_length] == stored[first:]:
        return Change(len(stored), aside + stored_length)
    position, agreed = _longest_agreement(stored, first, history[aside:])
    if agreed == 0:
        return Change(len(stored), _overlap(stored, history[:aside]))
    if agreed == len(history) - aside:
        return Change(len(stored), len(history))
    return Change(position + agreed, aside + agreed)


def leading_system_items(items: Iterable[Item]) -> int:
    """How many items stand before the first that is no system item."""
    count = 0
    for role, _ in items:
        if role != "system":
            break
        count += 1
    return count


def digest_of(items: Iterable[Item], position: int = 0) -> int:
    """A digest of items that stand at `position` and after it.

    Digests add up: that of a history is the sum of those of its parts modulo
    DIGEST_MODULUS, so that items can be appended, or taken off the end, without
    the others. Each item counts as the SHA-256 of its position, role and text.
    """
    digests = [
        hashlib.sha256(f"{number} {role} {text}".encode()).digest()
        for number, (role, text) in enumerate(items, position)
    ]
    return sum(map(int.from_bytes, digests))


def _longest_agreement(stored: Sequence[Item], first: int, spoken: Sequence[Item]) -> tuple[int, int]:
    """Where in what is stored the list starts, and for how many items both agree.

    The list can start where what is stored starts, or so near its end that it
    covers the end. Of equal agreements the last is taken: it keeps the most.
    """
    agreements = _agreements(spoken, stored)
    starts = {first, *range(max(first, len(stored) - len(spoken)), len(stored))}
    agreed, position = max(
        ((agreements[start], start) for start in starts if start < len(stored)), default=(0, 0)
    )
    return position, agreed


def _agreements(pattern: Sequence[Item], items: Sequence[Item]) -> list[int]:
    """For every position in items: how long items agree with the pattern's start from there on.

    The Z algorithm (Gusfield 1997): linear, whatever repeats.
    """
    joined: list[Item | None] = [*pattern, None, *items]
    lengths = [0] * len(joined)
    left = right = 0
    for place in range(1, len(joined)):
        length = min(right - place, lengths[place - left]) if place < right else 0
        while place + length < len(joined) and joined[length] == joined[place + length]:
            length += 1
        lengths[place] = length
        if place + length > right:
            left, right = place, place + length
    return lengths[len(pattern) + 1 :]


def _overlap(stored: Sequence[Item], system_items: Sequence[Item]) -> int:
    """How many of the list's leading system items what is stored ends with already."""
    for length in range(min(len(stored), len(system_items)), 0, -1):
        if stored[-length:] == system_items[:length]:
            return length
    return 0
