"""How an outbox is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlstore.engine.errors import ConfigurationError

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """Where an outbox is, and its limits; every default serves.

    - path: a SQLite file, made where it is missing (0600). One process has it open at a time.
    - most_records, most_bytes: of what waits and what was put aside together; then `save`
      raises Overloaded.
    - patience_s: how long `save` waits for a database that does not answer, in seconds,
      before the write goes to the outbox; while it is known to be away nobody waits.
    - most_tries: after as many failures of its own a record is put aside; one that the
      tables refuse is put aside at once.
    - first_pause_s, longest_pause_s: how long until a database that is away is tried again.
    - applied_days: how long `outbox_applied` remembers, in days.

    Raises ConfigurationError for limits that make no sense.
    """

    path: Path
    most_records: int = 100_000
    most_bytes: int = 256 * _MIB
    patience_s: float = 5.0
    most_tries: int = 10
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    applied_days: float = 7.0

    def __post_init__(self) -> None:
        for name in ("most_records", "most_bytes", "most_tries"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} of an outbox must be 1 or more")
        for name in ("patience_s", "first_pause_s", "longest_pause_s", "applied_days"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} of an outbox must be more than 0")

    @classmethod
    def of(cls, given: OutboxSettings | Path | str) -> OutboxSettings:
        """Settings, or the defaults for a path."""
        return given if isinstance(given, OutboxSettings) else cls(Path(given))
