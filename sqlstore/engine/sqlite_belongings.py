"""What hangs on SQLite tables that are replaced: triggers, indexes, the largest ids."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal

from sqlstore.engine.sqlite_errors import primary_code
from sqlstore.engine.sqltext import quoted

_OBJECTS: Final = (
    "SELECT name, sql FROM sqlite_schema WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL ORDER BY rowid"
)


def drop_all(connection: sqlite3.Connection, kind: Literal["trigger", "index"], table: str) -> dict[str, str]:
    """Drop the triggers or indexes of a table; gives the SQL that makes each again, by name."""
    found: dict[str, str] = dict(connection.execute(_OBJECTS, (kind, table)).fetchall())
    for name in found:
        connection.execute(f"DROP {kind} {quoted(name)}")
    return found


def continue_ids(connection: sqlite3.Connection, table: str, largest: int) -> None:
    """Ids of rows that were deleted long ago are not given again, where the old table knew them."""
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    if "AUTOINCREMENT" not in sql.upper():
        return
    (known,) = connection.execute(
        "SELECT max(seq) FROM (SELECT seq FROM sqlite_sequence WHERE name = ? UNION ALL SELECT 0)", (table,)
    ).fetchone()
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, max(known, largest)))


def can_make(connection: sqlite3.Connection, sql: str) -> bool:
    """Make an index, where the table takes it."""
    try:
        connection.execute(sql)
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_ERROR:
            raise
        return False
    except sqlite3.IntegrityError:
        return False
    return True
