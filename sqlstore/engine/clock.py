"""The one clock of the stores, and the ends of time that both databases can hold."""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def now() -> datetime:
    """The time of this process, in UTC."""
    return datetime.now(UTC)
