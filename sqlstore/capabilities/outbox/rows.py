"""Rows of an outbox, their fields in the order of the columns in sql/outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec


@dataclass(frozen=True, slots=True)
class Write:
    """A call that is to be kept. moment: when it was made; the rest as in Record."""

    id: str
    store: str
    method: str
    keys: frozenset[str]
    arguments: Mapping[str, object]
    moment: datetime


class Record(msgspec.Struct, frozen=True):
    """A write that waits.

    - seq: its place in the order. id: made by the client; what `outbox_applied` knows it by.
    - store, method: `support`, `messages.append`.
    - keys: JSON list of what it is about. arguments: JSON object by parameter, see `packing`.
    - size: bytes of both. created_at: when the method was called.
    - tries: how often it failed.
    """

    seq: int
    id: str
    store: str
    method: str
    keys: str
    arguments: str
    size: int
    created_at: datetime
    tries: int


class DeadLetter(Record, frozen=True):
    """A write that the database refused. error: the class and place of what it said."""

    error: str
    buried_at: datetime


class Totals(msgspec.Struct, frozen=True):
    """How many dead letters there are, and their size together, in bytes."""

    number: int
    size: int


class Waiting(msgspec.Struct, frozen=True):
    """A record without its content."""

    seq: int
    id: str
    store: str
    keys: str
    size: int
    created_at: datetime
