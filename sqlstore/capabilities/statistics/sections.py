"""Statistics as they are answered: sections of four kinds, from which tables, JSON and pages are made."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from sqlstore.capabilities.statistics.rows import Counter, Percentiles, Tally
from sqlstore.engine.values import Engine


class _Section(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What one query counted.

    - name: the query's. title: what it counts, in a sentence without its full stop.
    """

    name: str
    title: str


class Counters(_Section, frozen=True, kw_only=True, tag="counters"):
    """Numbers of the store, now."""

    rows: list[Counter]


class Table(_Section, frozen=True, kw_only=True, tag="table"):
    """How many there are of each kind.

    - in_period: of the days asked for; False for everything that is there.
    """

    in_period: bool
    rows: list[Tally]


class DayCount(msgspec.Struct, frozen=True):
    """How many there are on one day of the timezone."""

    day: date
    number: int


class Days(_Section, frozen=True, kw_only=True, tag="days"):
    """How many there are on each day of the timezone; days without any have 0.

    - last_7_days, last_30_days: different ones in so many days together, today included; None
      where a sum over the days says it.
    """

    last_7_days: int | None = None
    last_30_days: int | None = None
    rows: list[DayCount]


class Spread(_Section, frozen=True, kw_only=True, tag="percentiles"):
    """How long something takes, or how large it is, in percentiles.

    - in_period: as in Table.
    """

    in_period: bool
    rows: list[Percentiles]


Section = Counters | Days | Table | Spread


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a store counted.

    - database: where it is, without a password.
    - timezone: whose days they are, an IANA name. first_day, last_day: the days counted by day,
      both included; the last one is today, which is not over.
    - made_at: in UTC.
    """

    store: str
    engine: Engine
    database: str
    timezone: str
    days: int
    first_day: date
    last_day: date
    made_at: datetime
    sections: list[Section]

    def section(self, name: str) -> Section:
        """The section that a query of that name made. Raises KeyError."""
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)
