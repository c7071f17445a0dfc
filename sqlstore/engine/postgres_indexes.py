"""Indexes made CONCURRENTLY: a failure or a kill leaves one behind that is not valid, and is in the way."""

from __future__ import annotations

from typing import Final, Literal

import asyncpg

from sqlstore.engine.migration_session import ConcurrentIndex

IndexState = Literal["valid", "invalid", "absent"]

_FIND: Final = """
    SELECT indisvalid, format('%I.%I', nspname, relname)
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE indrelid = to_regclass($1) AND ARRAY[relname::text] = parse_ident($2)"""


async def index_state(connection: asyncpg.Connection, index: ConcurrentIndex) -> IndexState:
    """How an index is. Whoever asks must know that nobody is making it now."""
    found = await connection.fetchrow(_FIND, index.table, index.name)
    if found is None:
        return "absent"
    return "valid" if found[0] else "invalid"


async def drop_invalid(connection: asyncpg.Connection, index: ConcurrentIndex | None) -> None:
    """Drop an index that is there and not valid; outside transactions."""
    if index is None:
        return
    found = await connection.fetchrow(_FIND, index.table, index.name)
    if found is not None and not found[0]:
        await connection.execute(f"DROP INDEX CONCURRENTLY {found[1]}")
