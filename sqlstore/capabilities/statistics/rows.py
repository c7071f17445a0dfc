"""Rows of the queries in `statistics.sql`; which of them a query gives says what is made of it."""

from __future__ import annotations

import msgspec


class Counter(msgspec.Struct, frozen=True):
    """One number of the store, now.

    - unit: `bytes`, or "" for what the label names itself, such as rows of `users`.
    """

    label: str
    number: int
    unit: str


class Tally(msgspec.Struct, frozen=True):
    """How many there are of a kind; the label may be a user's own words."""

    label: str
    number: int


class DayTally(msgspec.Struct, frozen=True):
    """How many there are on a day.

    - day: from 0, the first day that begins at `since`; each has `day_s` seconds.
    """

    day: int
    number: int


class Percentiles(msgspec.Struct, frozen=True):
    """Nearest-rank percentiles: of so many values, the one at rank ceil(number x p / 100).

    - label: of what; "" where there is one kind only.
    - unit: `s`, `ms`, or "" where nobody knows.
    """

    label: str
    unit: str
    number: int
    p50: float
    p95: float
    p99: float
