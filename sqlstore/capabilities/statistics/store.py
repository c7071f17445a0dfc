"""Statistics as a method of a store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, tzinfo
from typing import ClassVar, Final

from sqlstore.capabilities.statistics.collecting import Collection, collect, section_queries
from sqlstore.capabilities.statistics.days import Period
from sqlstore.capabilities.statistics.rows import Counter
from sqlstore.capabilities.statistics.sections import Counters, Section, Statistics
from sqlstore.engine.clock import now, zone
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.queries import Queries

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 3_660
"""How many days can be counted by day: ten years."""
DEFAULT_TOP, MOST_TOP = 10, 1_000
_SIZES: Final = "sizes"


class CountedStore:
    """Base of Store, which has the attributes.

    - timezone: whose days statistics count and scheduled backups go by.
    """

    name: ClassVar[str]
    driver: Driver
    timezone: tzinfo = UTC
    _executor: Executor
    _queries: Queries

    async def statistics(
        self,
        days: int = DEFAULT_DAYS,
        *,
        timezone: str | None = None,
        top: int = DEFAULT_TOP,
        only: Sequence[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Statistics:
        """Count what the store's `statistics.sql` says, as it is at one moment; only reads.

        On a SQLite file and on PostgreSQL the store works on meanwhile; each section has the
        store's `timeout_s`.

        - days: how many days to count by day, today included; 1 to 3,660.
        - timezone: whose days, an IANA name; None means the store's own.
        - top: of kinds that can be any number (FAQs, agents, intents), how many to name; 1 to 1,000.
        - only: names of sections (of the queries in `statistics.sql`); None means all.

        Raises InvalidValue, ConfigurationError for an unknown timezone or a store without
        `statistics.sql`, and members of DatabaseError.
        """
        _check("days", days, MOST_DAYS)
        _check("top", top, MOST_TOP)
        made_at, place = now(), self.timezone if timezone is None else zone(timezone)
        period = Period(made_at.astimezone(place).date(), days, place)
        queries = section_queries(self._queries, self.name, only)
        async with self._at_one_moment() as executor:
            sections = await collect(Collection(executor, period, top), queries, on_progress)
        return Statistics(
            store=self.name,
            engine=self.driver.engine,
            database=self.driver.address,
            timezone=str(place),
            days=days,
            first_day=period.first,
            last_day=period.last,
            made_at=made_at,
            sections=[self._with_log(section) for section in sections],
        )

    def _at_one_moment(self) -> AbstractAsyncContextManager[Executor]:
        """What reads without getting in the way of the store's own calls; in a transaction, that one."""
        return nullcontext(self._executor) if self._executor is not self.driver else self.driver.snapshot()

    def _with_log(self, section: Section) -> Section:
        """The sizes, with what SQLite keeps beside the database file until it is written into it."""
        size = self.driver.wal_bytes()
        if size is None or section.name != _SIZES or not isinstance(section, Counters):
            return section
        log = Counter("write-ahead log", size, "bytes")
        return Counters(name=section.name, title=section.title, rows=[*section.rows, log])


def _check(parameter: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InvalidValue(f"must be from 1 to {most:,}", parameter=parameter)
