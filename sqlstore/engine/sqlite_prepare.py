"""What is done once: the settings of a fresh connection, and the checks of a statement."""

from __future__ import annotations

import itertools
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from sqlstore.engine.driver import Statement
from sqlstore.engine.errors import ConfigurationError, StatementError
from sqlstore.engine.sqlite_errors import primary_code, translate
from sqlstore.engine.sqlite_files import DatabaseFile

Synchronous = Literal["full", "normal"]

WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Size to which SQLite cuts the write-ahead log after a checkpoint."""
MAPPED_BYTES: Final = 1024 * 1024 * 1024
"""How much of the file is read through mmap: the whole of most databases."""
_PAUSE_S: Final = 0.01
_explained: Final = itertools.count()

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\]   # strings and quoted names
        | --[^\n]* | /\*.*?\*/                                    # comments
        | \w+ | \S""",
    re.VERBOSE | re.DOTALL,
)

_NAME = r"""(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|\w+)"""
_TARGET = re.compile(
    rf"(?:\b(?:INSERT|REPLACE)(?: OR \w+)? INTO|\bUPDATE(?: OR \w+)?|\bDELETE FROM)"
    rf" (?P<table>{_NAME}(?: \. {_NAME})?(?: AS {_NAME})?)",
    re.IGNORECASE,
)


def configure(
    connection: sqlite3.Connection,
    *,
    writer: bool,
    file: DatabaseFile | None,
    synchronous: Synchronous,
    until: float,
) -> None:
    """Set a fresh connection up. until: on time.monotonic()'s clock, for the switch to WAL.

    file: None for a database in memory.
    """
    if file is not None and writer:
        _switch_to_wal(connection, until)
    for setting in (
        f"synchronous = {synchronous.upper()}",
        "foreign_keys = ON",
        "recursive_triggers = ON",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        f"mmap_size = {MAPPED_BYTES}",
        "temp_store = MEMORY",
        f"query_only = {'OFF' if writer else 'ON'}",
    ):
        connection.execute(f"PRAGMA {setting}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # reads the header: is it a database?
    if file is not None and writer:
        file.watch_log()


def _switch_to_wal(connection: sqlite3.Connection, until: float) -> None:
    """Retried by hand: SQLite does not use its busy timeout for this switch."""
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            break
    if mode != "wal":
        raise ConfigurationError(
            "this file system cannot share memory, so write-ahead logging does not work; use a local disk"
        )


def examine(
    connection: sqlite3.Connection, statements: Iterable[Statement[Any]]
) -> dict[Statement[Any], bool]:
    """Compile each statement and compare its columns; gives whether it writes, as SQLite says.

    Raises StatementError naming the first query that does not fit the tables.
    """
    return {statement: _examine(connection, statement) for statement in statements}


def _examine(connection: sqlite3.Connection, statement: Statement[Any]) -> bool:
    try:
        program = with_nulls(connection, _explain(statement.sql)).fetchall()
        writes = any(opcode == "Transaction" and p2 != 0 for _, opcode, _, p2, *_ in program)
        if statement.columns is not None:
            _compare_columns(statement, columns_of(connection, statement.sql, writes=writes))
    except sqlite3.Error as error:
        raise _refused(error, statement) from None
    return writes


def _explain(sql: str) -> str:
    """EXPLAIN, never the same text twice: sqlite3 keeps what it has compiled by its text, and an EXPLAIN
    that is run again after the tables changed reads memory that was freed (seen: garbage, a crash).
    """
    return f"EXPLAIN {sql}\n-- {next(_explained)}"


def _refused(error: sqlite3.Error, statement: Statement[Any]) -> Exception:
    refused = translate(error, query=statement.name, bound=False)
    refused.add_note(f"the query stands in {statement.source}")
    return refused


def _compare_columns(statement: Statement[Any], found: tuple[str, ...]) -> None:
    declared = statement.columns or ()
    if found == declared:
        return
    raise StatementError(
        f"{statement.source} gives the columns ({', '.join(found)}) but ({', '.join(declared)}) "
        "are declared; make the two lists the same",
        query=statement.name,
    )


def columns_of(connection: sqlite3.Connection, sql: str, *, writes: bool) -> tuple[str, ...]:
    """The names of the rows' columns, without running the statement."""
    source = returning_as_select(sql) if writes else f"SELECT * FROM ({sql.rstrip().rstrip(';')}\n)"
    if source is None:
        return ()
    cursor = with_nulls(connection, f"{source} LIMIT 0")
    return tuple(column[0] for column in cursor.description)


def returning_as_select(sql: str) -> str | None:
    """`INSERT INTO t … RETURNING a, b` as `SELECT a, b FROM t`, which has the same columns."""
    tokens = list(_outside_parentheses(sql))
    returning = [token for token in tokens if token[0].upper() == "RETURNING"]
    target = _TARGET.search(" ".join(token[0] for token in tokens))
    if not returning or not target:
        return None
    return f"SELECT {sql[returning[-1].end() :]}\nFROM {target['table']}"


def _outside_parentheses(sql: str) -> Iterator[re.Match[str]]:
    """The tokens that stand outside of comments and parentheses."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0 and not token[0].startswith(("--", "/*")):
            yield token


def with_nulls(connection: sqlite3.Connection, sql: str) -> sqlite3.Cursor:
    """Run SQL with NULL for each placeholder; a `?` in a string is found to be none by trying."""
    for count in range(sql.count("?"), -1, -1):
        try:
            return connection.execute(sql, (None,) * count)
        except sqlite3.ProgrammingError:
            if count == 0:
                raise
    raise AssertionError("unreachable")
