"""The one clock of the stores, and the ends of time that both databases can hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlstore.engine.errors import ConfigurationError

EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


_moment: ContextVar[datetime | None] = ContextVar("sqlstore_moment", default=None)


def now() -> datetime:
    """The time of this process, in UTC; inside a block of `made_at`, when the write was made."""
    return _moment.get() or datetime.now(UTC)


def moment_made() -> datetime | None:
    """When the write that runs now was made, where that may be long ago; else None."""
    return _moment.get()


@contextmanager
def made_at(moment: datetime) -> Iterator[None]:
    """A block that writes what was handed over at that moment: its `now()` stands still there."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name, such as "Asia/Bangkok". Raises ConfigurationError."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)  # UTC needs no zone files
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            "the timezone is not known here; give a name such as UTC or Asia/Bangkok, "
            "and install the package tzdata where the system has no time zones"
        ) from None
