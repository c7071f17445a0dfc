"""Runs a store's `statistics.sql`, whole.

Each `:many` query there is a section. Its title is the first line below its header, its kind follows
from its rows: Counter, Tally, DayTally or Percentiles (`rows.py`). It may declare

since: timestamp, until: timestamp   the days asked for; for DayTally, days of one length
day_s: int                           how long each of those is, in seconds
top: int                             how many kinds to name, the largest first

A DayTally query whose name begins with `active_` counts different people; it is asked for the
last 7 and 30 days together, too. Other queries are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlstore.capabilities.statistics.days import Period
from sqlstore.capabilities.statistics.rows import Counter, DayTally, Percentiles, Tally
from sqlstore.capabilities.statistics.sections import Counters, DayCount, Days, Section, Spread, Table
from sqlstore.engine.driver import Executor
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.queries import Queries, Query

STATISTICS: Final = "statistics"
_ACTIVE: Final = "active_"
_KINDS: Final = (Counter, DayTally, Tally, Percentiles)
"""In the order in which their sections are shown."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What is counted: for which days, and how many kinds are named."""

    executor: Executor
    period: Period
    top: int

    async def section(self, query: Query) -> Section:
        """The section that a query makes."""
        name, title = query.header.name, query.doc.partition("\n")[0].rstrip(".")
        in_period = "since" in query.parameters
        if query.row is DayTally:
            return await self._days(query, title)
        rows = await self._rows(query, self._values(self.period))
        if query.row is Counter:
            return Counters(name=name, title=title, rows=rows)
        if query.row is Tally:
            return Table(name=name, title=title, in_period=in_period, rows=rows)
        return Spread(name=name, title=title, in_period=in_period, rows=rows)

    async def _days(self, query: Query, title: str) -> Days:
        counted: list[DayCount] = []
        for run in self.period.runs():
            rows = await self._rows(query, {"since": run.since, "until": run.until, "day_s": run.day_s})
            numbers = {row.day: row.number for row in rows}
            counted += [DayCount(day, numbers.get(number, 0)) for number, day in enumerate(run.days)]
        return Days(
            name=query.header.name,
            title=title,
            last_7_days=await self._together(query, 7),
            last_30_days=await self._together(query, 30),
            rows=counted,
        )

    async def _together(self, query: Query, days: int) -> int | None:
        if not query.header.name.startswith(_ACTIVE):
            return None
        values = self._values(Period(self.period.last, days, self.period.timezone))
        rows: list[DayTally] = await self._rows(query, values)
        return sum(row.number for row in rows)

    def _values(self, period: Period) -> Mapping[str, object]:
        """The days as one."""
        since, until = period.since, period.until
        return {
            "since": since,
            "until": until,
            "day_s": round((until - since).total_seconds()),
            "top": self.top,
        }

    async def _rows(self, query: Query, values: Mapping[str, object]) -> Any:
        unknown = [name for name in query.parameters if name not in values]
        if unknown:
            raise ConfigurationError(
                f"{query.source}: statistics have no {', '.join(unknown)}; "
                f"declare only {', '.join(values)}, or give the query a file of its own"
            )
        return await self.executor.call(query, *(values[name] for name in query.parameters))


def section_queries(queries: Queries, store: str, only: Sequence[str] | None) -> list[Query]:
    """The queries that make sections, those of one kind together.

    only: their names; None means all. Raises ConfigurationError for a name that is none, or
    where the store has no `statistics.sql`.
    """
    if STATISTICS not in queries.tables:
        raise ConfigurationError(f"the store {store} has no {STATISTICS}.sql, which says what to count")
    found = {
        query.header.name: query
        for query in queries.table(STATISTICS)
        if query.kind == "many" and query.row in _KINDS
    }
    for name in only or ():
        if name not in found:
            raise ConfigurationError(
                f"{name!r} is no section of the store {store}; these are: {', '.join(sorted(found))}"
            )
    wanted = [query for name, query in found.items() if only is None or name in only]
    return sorted(wanted, key=lambda query: _KINDS.index(query.row))


async def collect(
    collection: Collection, queries: Sequence[Query], on_progress: OnProgress | None = None
) -> list[Section]:
    """The sections that queries make, one after the other."""
    sections: list[Section] = []
    for query in queries:
        sections.append(await collection.section(query))
        if on_progress is not None:
            on_progress(len(sections), len(queries))
    return sections
