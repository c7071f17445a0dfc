"""Sections as people read them: a heading, columns, and every value in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlstore.capabilities.statistics.sections import Counters, Days, Section, Spread, Statistics, Table

LONGEST_LABEL: Final = 60
"""Characters of a label that are shown: questions and titles can be long."""
_BYTES: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_KIBI, _THOUSAND, _TOO_LONG = 1024, 1_000, 1e15


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to be shown. The first column holds labels, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def shown_title(section: Section, days: int) -> str:
    """The title of a section, and of how many days it is."""
    if isinstance(section, Table | Spread) and section.in_period:
        return f"{section.title}, {last_days(days)}"
    return section.title


def last_days(days: int) -> str:
    """`last 30 days`, `today`."""
    return "today" if days == 1 else f"last {days:,} days"


def shown_label(text: str, longest: int = LONGEST_LABEL) -> str:
    """A user's own words on one line, without what could move a terminal's cursor, cut where long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def figure(value: float, unit: str) -> str:
    """A value with its unit: `1.5 MiB`, `3 h 12 min`, `4.56 s`."""
    if unit == "bytes":
        return _bytes(value)
    if unit == "ms" and abs(value) >= _THOUSAND:
        return figure(value / _THOUSAND, "s")
    if unit == "s" and abs(value) >= _MINUTE_S:
        return _duration(value)
    return f"{_number(value)} {unit}".rstrip()


def _number(value: float) -> str:
    if value == int(value) and abs(value) < _TOO_LONG:
        return f"{int(value):,}"
    return f"{value:,.0f}" if _THOUSAND <= abs(value) < _TOO_LONG else f"{value:.3g}"


def _bytes(value: float) -> str:
    place = 0
    while value >= _KIBI and place < len(_BYTES) - 1:
        value, place = value / _KIBI, place + 1
    return f"{value:,.1f} {_BYTES[place]}" if place else f"{value:,.0f} bytes"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    for size_s, name, smaller_s, smaller in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if whole >= size_s:
            rest = whole % size_s // smaller_s
            return f"{whole // size_s:,} {name} {rest} {smaller}" if rest else f"{whole // size_s:,} {name}"
    return f"{whole} s"


def grid(section: Section, days: int) -> Grid:
    """One section as a table."""
    title = shown_title(section, days)
    if isinstance(section, Days):
        return day_grid([section], title)
    if isinstance(section, Spread):
        return _spread_grid(section, title)
    if isinstance(section, Counters):
        return Grid(title, ("", ""), [(row.label, figure(row.number, row.unit)) for row in section.rows])
    return Grid(title, ("", "number"), [(shown_label(row.label), f"{row.number:,}") for row in section.rows])


def day_grid(sections: Sequence[Days], title: str) -> Grid:
    """Several sections of the same days side by side; below them what the days are together."""
    numbers = [{row.day: row.number for row in section.rows} for section in sections]
    days = list(dict.fromkeys(day for each in numbers for day in each))
    rows = [(day.isoformat(), *(f"{each.get(day, 0):,}" for each in numbers)) for day in days]
    for label, together in (("last 7 days", 7), ("last 30 days", 30)):
        if any(section.last_7_days is not None for section in sections):
            rows.append((label, *(_together(section, together) for section in sections)))
    if any(section.last_7_days is None for section in sections):
        rows.append(("all these days", *(_sum(section) for section in sections)))
    return Grid(title, ("day", *(section.title.removesuffix(" per day") for section in sections)), rows)


def _together(section: Days, days: int) -> str:
    number = section.last_7_days if days == 7 else section.last_30_days  # noqa: PLR2004 - the other one is 30
    return "" if number is None else f"{number:,}"


def _sum(section: Days) -> str:
    """Different people on different days are not to be added up."""
    return f"{sum(row.number for row in section.rows):,}" if section.last_7_days is None else ""


def _spread_grid(section: Spread, title: str) -> Grid:
    rows = [
        (
            shown_label(row.label) or "all",
            f"{row.number:,}",
            *(figure(value, row.unit) for value in (row.p50, row.p95, row.p99)),
        )
        for row in section.rows
    ]
    return Grid(title, ("", "values", "p50", "p95", "p99"), rows)


def is_empty(statistics: Statistics) -> bool:
    """Whether the store counts its rows, and no table has one."""
    for section in statistics.sections:
        if section.name == "table_rows" and isinstance(section, Counters):
            return all(row.number == 0 for row in section.rows)
    return False
