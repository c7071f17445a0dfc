"""What a store holds, counted: numbers, kinds, days and percentiles.

found = await desk.statistics(days=30)
found.section("tickets_per_status").rows
"""

from sqlstore.capabilities.statistics.rows import Counter, DayTally, Percentiles, Tally
from sqlstore.capabilities.statistics.sections import (
    Counters,
    DayCount,
    Days,
    Section,
    Spread,
    Statistics,
    Table,
)
from sqlstore.capabilities.statistics.store import (
    DEFAULT_DAYS,
    DEFAULT_TOP,
    MOST_DAYS,
    MOST_TOP,
    CountedStore,
)

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_TOP",
    "MOST_DAYS",
    "MOST_TOP",
    "CountedStore",
    "Counter",
    "Counters",
    "DayCount",
    "DayTally",
    "Days",
    "Percentiles",
    "Section",
    "Spread",
    "Statistics",
    "Table",
    "Tally",
]
