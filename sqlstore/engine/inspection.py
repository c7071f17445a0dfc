"""What a database says about a query without running it: its columns, parameters and plan.

Each engine answers in its own module (`<engine>_inspection.py`); what it cannot tell is None
or missing in the answer, never guessed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module

from sqlstore.engine.driver import Driver
from sqlstore.engine.query_header import Parameter
from sqlstore.engine.values import TypeName

Kinds = frozenset[TypeName]


@dataclass(frozen=True, slots=True)
class Question:
    """A query to be inspected.

    - sql: as the driver runs it; untyped_sql: the same without our casts.
    - parameters: as declared, in the order of PostgreSQL's numbers.
    """

    sql: str
    untyped_sql: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result.

    - type: in the database's words, `timestamptz`; "" where it does not tell.
    - kinds: the header types that read it; None where that is not known.
    - nullable: it is known to be NULL for some rows that the tables allow.
    """

    name: str
    type: str
    kinds: Kinds | None
    nullable: bool


@dataclass(frozen=True, slots=True)
class ParameterUse:
    """What the database takes a parameter for.

    - kinds: the header types that fit, None where that is not known; type: in its words.
    - is_list: an array is wanted.
    - column: `messages.text` where the parameter goes into it as it is, else "".
    - not_null: that column takes no NULL.
    """

    name: str
    type: str
    kinds: Kinds | None
    is_list: bool = False
    column: str = ""
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """whole_reads: the tables that every run may read whole, for want of an index."""

    columns: tuple[ResultColumn, ...]
    parameters: tuple[ParameterUse, ...]
    whole_reads: tuple[str, ...]


class Refused(Exception):
    """The database does not take the query. offset: where in `Question.sql`, from 0; None where unknown."""

    def __init__(self, problem: str, offset: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class Inspector(ABC):
    """Asks one database about queries, one after the other."""

    @abstractmethod
    async def inspect(self, question: Question) -> Answer:
        """Raises Refused for a query that does not fit the tables."""


def open_inspector(driver: Driver) -> AbstractAsyncContextManager[Inspector]:
    """An inspector of this driver's database, with a connection of its own."""
    module = import_module(f"sqlstore.engine.{driver.engine}_inspection")
    opened: AbstractAsyncContextManager[Inspector] = module.open_inspector(driver)
    return opened


def kinds_of(types: Mapping[str, TypeName], name: str) -> Kinds | None:
    """The one header type for a type of the database, as a set; None for a type that is not in the table."""
    return frozenset((types[name],)) if name in types else None
