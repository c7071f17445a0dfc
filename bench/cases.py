"""What is measured: each case is a method of the peers, called by so many tasks."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bench.peers.ours import IMPORTED_ROWS
from bench.peers.peer import BULK_ROWS, Engine, Synchronous

Group = Literal["calls", "histories"]
Measure = Literal["cpu", "wall"]


class Case(msgspec.Struct, frozen=True):
    """name: as it is shown. rows: that one call writes; figures are for a row."""

    name: str
    method: Literal["point", "latest", "append", "bulk", "lines", "remember", "recall"]
    tasks: int = 1
    synchronous: Synchronous = "full"
    rows: int = 1
    group: Group = "calls"


_MANY: Final = tuple(
    Case(f"{title}, {tasks} tasks", method, tasks)
    for method, title in (("point", "one by key"), ("latest", "last 50"), ("append", "append"))
    for tasks in (16, 64)
)
_ONE: Final = (Case("one by key", "point"), Case("last 50", "latest"), Case("append", "append"))
_BULK: Final = (
    Case("bulk insert, a row", "bulk", rows=BULK_ROWS),
    Case("import of JSON Lines, a row", "lines", rows=IMPORTED_ROWS),
)
_HISTORIES: Final = (
    Case("history: append", "remember", group="histories"),
    Case("history: last 50", "recall", group="histories"),
)
CASES: Final[dict[Engine, tuple[Case, ...]]] = {
    "sqlite": (
        *_ONE, *_MANY, *_BULK, Case("append, synchronous=NORMAL", "append", synchronous="normal"), *_HISTORIES,
    ),
    "postgres": (*_ONE, *_MANY, *_BULK, *_HISTORIES),
}  # fmt: skip
