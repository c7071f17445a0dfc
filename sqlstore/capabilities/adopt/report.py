"""What an adoption found and did."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MAX_LISTED: Final = 1000
"""How many problems a report lists; it counts all of them."""

State = Literal["adopted", "already adopted", "can be adopted", "refused"]
Part = Literal["table", "column", "index", "trigger", "function"]
Change = Literal["added", "changed", "kept", "put aside"]


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something in which the old database is not the store's own.

    - table: "" for a function. name: of the column, index, trigger or function; "" for the table itself.
    - change: added; changed; kept, though the store does not know it; put aside, that is
      not in the database any more.
    - old, new: its definition, or the SQL that makes it again; "" where there is none.
    """

    part: Part
    table: str
    name: str
    change: Change
    old: str = ""
    new: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A row that the store's tables would refuse.

    - row: its primary key as text, else the database's own number of the row.
    - column: "" where the row as a whole is meant. reason: never holds a value.
    """

    table: str
    row: str
    column: str
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an adoption found and did.

    - state: "adopted" and "already adopted": the database is the store's own now.
      "can be adopted" and "refused": nothing was changed; rows were refused where it says so.
    - database: where it is, without a password. timezone: which times without a zone are in.
    - rows: how many rows each table has, those of the old database.
    - problems: the first MAX_LISTED of `problem_count` rows that the tables refuse.
    - backup: the copy that was made before; None for none.
    """

    store: str
    database: str
    state: State
    timezone: str = "UTC"
    rows: dict[str, int] = {}
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    backup: str | None = None
