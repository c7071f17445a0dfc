"""What a call that keeps something answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Durability = Literal["durable", "volatile"]
"""
- durable: committed to the database.
- volatile: in this process's memory only. It is lost with the process, and written
  when the database is back before that.
"""


@dataclass(frozen=True, slots=True)
class Saved(Generic[T]):
    """What became of what was handed over. True where it is durable, as the old code answered.

    - row: what is in the database now; None where it is volatile.
    - overtaken: another writer's newer state was there and stands; of what was handed
      over only the messages were added. The state handed over is that newer one now.
    """

    state: Durability
    row: T | None = None
    overtaken: bool = False

    def __bool__(self) -> bool:
        return self.state == "durable"
