"""Days of a time zone as ranges of time, the same for a database that knows no zones.

Where clocks are put forward or back a day has 23 or 25 hours, or is left out altogether.
Between two such days all are of one length, so that a query can number them by a division.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from typing import Final

_WIDEST_OFFSET_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Run:
    """Days of one length, one after the other.

    - since, until: where they begin and end, in UTC. day_s: how long each is, in seconds.
    """

    days: tuple[date, ...]
    since: datetime
    until: datetime
    day_s: int


@dataclass(frozen=True, slots=True)
class Period:
    """So many days of a time zone up to a last one, which is included."""

    last: date
    days: int
    timezone: tzinfo

    @property
    def first(self) -> date:
        """The first day."""
        return self.last - timedelta(days=self.days - 1)

    @property
    def since(self) -> datetime:
        """When the first day begins, in UTC."""
        return _time(day_start(self.first, self.timezone))

    @property
    def until(self) -> datetime:
        """When the last day ends, in UTC."""
        return _time(day_start(self.last + timedelta(days=1), self.timezone))

    def runs(self) -> Iterator[Run]:
        """All its days, in runs of one length; days that the zone left out are not among them."""
        days = [self.first + timedelta(days=number) for number in range(self.days + 1)]
        starts = [day_start(day, self.timezone) for day in days]
        lengths = [after - start for start, after in pairwise(starts)]
        for length, numbers in groupby(range(self.days), key=lengths.__getitem__):
            run: Sequence[int] = list(numbers)
            if length > 0:
                since, until = starts[run[0]], starts[run[-1] + 1]
                yield Run(tuple(days[number] for number in run), _time(since), _time(until), length)


def day_start(day: date, timezone: tzinfo) -> int:
    """The first second of a day, since 1970: the first that the zone's clocks do not call an earlier day."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    around = range(midnight - _WIDEST_OFFSET_S, midnight + _WIDEST_OFFSET_S + 1)
    return around[
        bisect_left(around, day, key=lambda second: datetime.fromtimestamp(second, timezone).date())
    ]


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
