"""What a call that keeps something answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar
from uuid import UUID

T = TypeVar("T")

Durability = Literal["durable", "spooled", "volatile"]
"""
- durable: committed to the database.
- spooled: on this machine's disk, in the outbox; written to the database when that is back.
- volatile: in this process's memory only, because that was chosen (DATABASE_ENABLED=false).
"""


@dataclass(frozen=True, slots=True)
class Saved(Generic[T]):
    """What became of what was handed over. True where it outlives the process.

    - row: what is in the database now; None where it is not there yet.
    - overtaken: another writer's newer state was there and stands; of what was handed
      over only the messages were added. The state handed over is that newer one now.
    - ids: what was made here and not given, by the name of its parameter
      (`{"message_id": "018f…"}`): known before the row is there.
    """

    state: Durability
    row: T | None = None
    overtaken: bool = False
    ids: Mapping[str, str | UUID] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.state != "volatile"
