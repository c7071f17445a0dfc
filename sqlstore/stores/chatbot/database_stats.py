"""The statistics that the old bot asked for, in its words."""

from __future__ import annotations

from typing import Any, Final, Protocol

from sqlstore.capabilities.statistics import MOST_TOP, Counters, Days, Statistics, Table
from sqlstore.engine.values import Engine

STATISTICS_DAYS: Final = 30
"""How many days back messages are counted by day."""
DATABASE_TYPES: Final[dict[Engine, str]] = {"sqlite": "sqlite", "postgres": "postgresql"}
"""What `get_database_stats` calls the engines: the old bot's DB_TYPE."""
_SECTIONS: Final = ("table_rows", "sizes", "faq_use", "users_per_platform", "messages_per_day")


class _Counted(Protocol):
    async def statistics(self, days: int, *, top: int, only: tuple[str, ...]) -> Statistics: ...


async def database_stats(store: _Counted) -> dict[str, Any]:
    """Counts under the old names, see `Chatbot.get_database_stats`."""
    found = await store.statistics(STATISTICS_DAYS, top=MOST_TOP, only=_SECTIONS)
    rows, size, faqs = (_numbers(found, name) for name in ("table_rows", "sizes", "faq_use"))
    days = found.section("messages_per_day")
    assert isinstance(days, Days)  # noqa: S101 - its query gives DayTally
    return {
        "total_users": rows["users"],
        "total_messages": rows["messages"],
        "total_faqs": rows["faqs"],
        "total_logs": rows["audit_logs"],
        "database_type": DATABASE_TYPES[found.engine],
        "database_path": found.database,
        "rows": rows,
        "users_per_platform": dict(sorted(_numbers(found, "users_per_platform").items())),
        "messages_per_day": {each.day.isoformat(): each.number for each in days.rows if each.number},
        "faq_hits": next(iter(faqs.values())),
        "file_size": next(iter(size.values())),
    }


def _numbers(found: Statistics, name: str) -> dict[str, int]:
    section = found.section(name)
    assert isinstance(section, Counters | Table)  # noqa: S101 - its query gives Counter or Tally
    return {row.label: row.number for row in section.rows}
