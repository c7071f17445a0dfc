"""What a finding is, and the codes that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from sqlstore.engine.sqltext import Token
from sqlstore.engine.values import Engine

_BOTH: Final[tuple[Engine, ...]] = ("sqlite", "postgres")
_POSTGRES: Final[tuple[Engine, ...]] = ("postgres",)
_SQLITE: Final[tuple[Engine, ...]] = ("sqlite",)

CODES: Final[Mapping[str, tuple[Engine, ...]]] = {
    "drop-table": _BOTH,
    "drop-column": _BOTH,
    "rename-table": _BOTH,
    "rename-column": _BOTH,
    "not-null-without-default": _BOTH,
    "volatile-default": _BOTH,
    "generated-column": _BOTH,
    "write-without-where": _BOTH,
    "column-type": _POSTGRES,
    "set-not-null": _POSTGRES,
    "check-without-not-valid": _POSTGRES,
    "foreign-key-without-not-valid": _POSTGRES,
    "validate-in-same-file": _POSTGRES,
    "unique-without-index": _POSTGRES,
    "exclusion-constraint": _POSTGRES,
    "unnamed-constraint": _POSTGRES,
    "index-not-concurrently": _POSTGRES,
    "enum-value-used": _POSTGRES,
    "several-tables-locked": _POSTGRES,
    "truncate": _POSTGRES,
    "table-rewrite": _POSTGRES,
    "lock-table": _POSTGRES,
    "disable-trigger": _POSTGRES,
    "rename-old-first": _SQLITE,
    "rebuild-loses-objects": _SQLITE,
    "unknown-allow": _BOTH,
    "unused-allow": _BOTH,
}
"""Each code, and on which engines it is looked for."""


class Finding(msgspec.Struct, frozen=True):
    """One thing to look at. line and column from 1. problem: the sentence names the safer way."""

    code: str
    path: str
    line: int
    column: int
    problem: str


class Problem(NamedTuple):
    """What a rule found, at which token."""

    code: str
    token: Token
    sentence: str
