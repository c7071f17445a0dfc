"""Rows of the search index, their fields in the order of the columns in sql/search."""

from __future__ import annotations

from typing import Final

import msgspec

EVERYTHING: Final = -(2**63)
"""indexed_from of an index that has let all rows in."""


class Found(msgspec.Struct, frozen=True):
    """A row that the index gives, by the integer that orders its table."""

    id: int


class SearchState(msgspec.Struct, frozen=True):
    """How far the index of a table is.

    - source: the table.
    - version: of what made its words; "" while search is switched off.
    - indexed_from: rows from this id on are in the index, or pending.
    """

    source: str
    version: str
    indexed_from: int


class Waiting(msgspec.Struct, frozen=True):
    """A row that is pending, with the state of its index; or the state alone, where id is None.

    - mark: of the newest change.
    - text, scope: what is to be indexed now, text in UTF-8; None where the row is gone or has no text.
    - old_text, old_scope: what the index holds of it; None where that is nothing, or need not be known.
    """

    version: str
    indexed_from: int
    id: int | None
    mark: int | None
    text: bytes | None
    scope: str | None
    old_text: bytes | None
    old_scope: str | None


class SearchText(msgspec.Struct, frozen=True):
    """What the index should hold of a row; text: None where it has none."""

    id: int
    text: str | None
    scope: str


class SearchWord(msgspec.Struct, frozen=True):
    """A word in the index. column: body, stem or scope; number: how many rows it stands in."""

    column: str
    word: str
    number: int
