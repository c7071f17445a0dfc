"""Scripts of migrations on PostgreSQL: sent whole, and where they failed."""

from __future__ import annotations

import re
import time
from typing import Final

import asyncpg

from sqlstore.engine.errors import Unavailable
from sqlstore.engine.migration_session import Script, ScriptError
from sqlstore.engine.postgres_errors import LOST_TO_ANOTHER, translate

RETRYABLE: Final = LOST_TO_ANOTHER | {"55P03"}
"""Other sessions were in the way; 55P03: for longer than lock_timeout."""
SAVEPOINT: Final = "sqlstore_migration"
"""Set before a script: as long as it is there, the transaction is the same."""
_NOT_ALLOWED: Final = re.compile(r"permission denied for (schema|database) (.+)")
_SEARCH_LIMIT_S: Final = 5.0


async def execute(connection: asyncpg.Connection, script: Script, start: int, end: int) -> str:
    """Run a part of a script, and give its command tag. Raises ScriptError; what is RETRYABLE as it is."""
    if not script.statements:  # asyncpg does not understand the answer to an empty query
        return ""
    try:
        tag: str = await connection.execute(script.sql[start:end])
    except asyncpg.PostgresError as error:
        if error.sqlstate in RETRYABLE and script.transaction:
            raise
        offset = _offset(error, start, [cut for cut, _ in script.statements if start <= cut < end])
        raise script_error(error, offset, rolled_back=script.transaction) from None
    return tag


async def execute_whole(connection: asyncpg.Connection, script: Script, *, counted: bool) -> int | None:
    """Run a script as the file has it, behind SAVEPOINT. Raises as `execute` does.

    counted: one statement at a time, to give how many rows they changed.
    """
    if counted:
        tags = [await execute(connection, script, start, end) for start, end in script.statements]
        return sum(_rows_changed(tag) for tag in tags)
    started = time.monotonic()
    try:
        await execute(connection, script, 0, len(script.sql))
    except ScriptError as error:
        if error.offset is None and time.monotonic() - started < _SEARCH_LIMIT_S:
            error.offset = await _find_failing(connection, script, error.code)
        raise
    return None


def _rows_changed(tag: str) -> int:
    """What `INSERT 0 5`, `UPDATE 5` and `DELETE 5` say; 0 for what changes no rows."""
    command, *numbers = tag.split()
    return int(numbers[-1]) if command in ("INSERT", "UPDATE", "DELETE", "MERGE") else 0


async def _find_failing(connection: asyncpg.Connection, script: Script, code: str | None) -> int | None:
    """Where a script failed, if the server did not tell: its statements are tried one by one.

    All of it is rolled back by the caller. None where it cannot be told in the time.
    """
    if not connection.is_in_transaction():
        return None
    limit_ms = round(_SEARCH_LIMIT_S * 1000)
    await connection.execute(f"ROLLBACK TO {SAVEPOINT}; SET LOCAL statement_timeout = {limit_ms}")
    for start, end in script.statements:
        try:
            await connection.execute(script.sql[start:end])
        except asyncpg.PostgresError as found:
            return start if found.sqlstate == code else None
    return None


def _grant(sentence: str) -> str | None:
    """What to run where a role may not make tables, as is the rule in `public` since PostgreSQL 15."""
    found = _NOT_ALLOWED.match(sentence)
    return found and f"as its owner run GRANT CREATE ON {found[1].upper()} {found[2]} TO the role of the URL"


def _offset(error: asyncpg.PostgresError, start: int, statements: list[int]) -> int | None:
    """Where it failed: the server tells for some errors; of a single statement it is plain."""
    position = getattr(error, "position", None)  # in characters, from 1
    if position:
        return start + int(position) - 1
    return statements[0] if len(statements) == 1 else None


def script_error(
    error: asyncpg.PostgresError, offset: int | None = None, *, rolled_back: bool = True
) -> Exception:
    """A ScriptError; Unavailable where it is the connection that failed."""
    translated = translate(error)
    if isinstance(translated, Unavailable):
        return translated
    return ScriptError(_problem(error), code=error.sqlstate, offset=offset, rolled_back=rolled_back)


def _problem(error: asyncpg.PostgresError) -> str:
    """The server's own sentence, except in class 22, where it quotes the value."""
    sentence = str(getattr(error, "message", "") or type(error).__name__)
    if str(error.sqlstate).startswith("22"):
        sentence = f"a value cannot be used as it is: {type(error).__name__}"
    hint = getattr(error, "hint", None) or _grant(sentence)
    return f"{sentence} (hint: {hint})" if hint else sentence
