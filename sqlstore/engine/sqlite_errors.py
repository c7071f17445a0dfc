"""SQLite's result codes as sqlstore's errors.

One table over https://www.sqlite.org/rescode.html: an extended code that is not
listed falls back to its primary code. SQLite's own text is passed on only where
no value was bound: `fts5: syntax error near "…"` and `bad JSON path` quote it.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from sqlstore.engine.errors import (
    CheckViolation,
    Conflict,
    ConstraintViolation,
    CorruptDatabase,
    DatabaseError,
    DeadlineExceeded,
    ForeignKeyViolation,
    NotNullViolation,
    ReadOnlyDatabase,
    StatementError,
    StorageFull,
    StoreError,
    TransactionAborted,
    Unavailable,
    UniqueViolation,
)

_Meaning = tuple[type[DatabaseError], str]

_LOCKED: Final = "another connection holds the lock on the database; nothing was written, try again"
_CHANGED: Final = "the database changed meanwhile; run the whole transaction again"
_WRONG: Final = "SQLite refuses the statement; compare it with the tables that are there"
_CLASHES: Final = "a row with this key is there already"
_FULL: Final = "the disk, or the size allowed to the database, is full; make room"
_DAMAGED: Final = "the database file is damaged; restore a backup"
_BROKEN_DISK: Final = "the disk or file system failed; look at the system log and at free space"

_MEANINGS: Final[dict[str, _Meaning]] = {
    "SQLITE_ERROR": (StatementError, _WRONG),
    "SQLITE_ERROR_SNAPSHOT": (Conflict, _CHANGED),
    "SQLITE_INTERNAL": (StatementError, _WRONG),
    "SQLITE_PERM": (Unavailable, "access to the database file is denied; check its owner and mode"),
    "SQLITE_ABORT": (DeadlineExceeded, "the statement was stopped; nothing was written"),
    "SQLITE_ABORT_ROLLBACK": (TransactionAborted, "the transaction was rolled back under the statement"),
    "SQLITE_BUSY": (Conflict, _LOCKED),
    "SQLITE_BUSY_SNAPSHOT": (Conflict, _CHANGED),
    "SQLITE_LOCKED": (Conflict, _LOCKED),
    "SQLITE_NOMEM": (Unavailable, "SQLite ran out of memory; nothing was written"),
    "SQLITE_READONLY": (ReadOnlyDatabase, "the database does not take writes"),
    "SQLITE_READONLY_DBMOVED": (CorruptDatabase, "the database file was moved or deleted while it was open"),
    "SQLITE_INTERRUPT": (DeadlineExceeded, "time was up and the statement was stopped; nothing was written"),
    "SQLITE_IOERR": (Unavailable, _BROKEN_DISK),
    "SQLITE_IOERR_SHMSIZE": (StorageFull, _FULL),
    "SQLITE_IOERR_CORRUPTFS": (CorruptDatabase, _DAMAGED),
    "SQLITE_CORRUPT": (CorruptDatabase, _DAMAGED),
    "SQLITE_NOTFOUND": (StatementError, _WRONG),
    "SQLITE_FULL": (StorageFull, _FULL),
    "SQLITE_CANTOPEN": (Unavailable, "the database file cannot be opened; check the path and its folder"),
    "SQLITE_PROTOCOL": (Conflict, _LOCKED),
    "SQLITE_EMPTY": (StatementError, _WRONG),
    "SQLITE_SCHEMA": (Conflict, _CHANGED),
    "SQLITE_TOOBIG": (StatementError, "a value or a row is larger than SQLite takes"),
    "SQLITE_CONSTRAINT": (ConstraintViolation, "the tables refuse this row"),
    "SQLITE_CONSTRAINT_CHECK": (CheckViolation, "a CHECK constraint refuses a value of the row"),
    "SQLITE_CONSTRAINT_TRIGGER": (CheckViolation, "a trigger refuses the row"),
    "SQLITE_CONSTRAINT_FOREIGNKEY": (
        ForeignKeyViolation,
        "the row points at one that does not exist, or is still pointed at",
    ),
    "SQLITE_CONSTRAINT_NOTNULL": (NotNullViolation, "a column that must have a value got None"),
    "SQLITE_CONSTRAINT_UNIQUE": (UniqueViolation, _CLASHES),
    "SQLITE_CONSTRAINT_PRIMARYKEY": (UniqueViolation, _CLASHES),
    "SQLITE_CONSTRAINT_ROWID": (UniqueViolation, _CLASHES),
    "SQLITE_CONSTRAINT_DATATYPE": (
        StatementError,
        "a value's type does not fit its column; compare the parameter's type with the table",
    ),
    "SQLITE_MISMATCH": (StatementError, "a value's type does not fit its column"),
    "SQLITE_MISUSE": (StatementError, _WRONG),
    "SQLITE_NOLFS": (StorageFull, "the file system cannot hold a file this large"),
    "SQLITE_AUTH": (StatementError, "the statement does what is not allowed here"),
    "SQLITE_FORMAT": (StatementError, _WRONG),
    "SQLITE_RANGE": (StatementError, _WRONG),
    "SQLITE_NOTADB": (CorruptDatabase, "the file is not a SQLite database"),
    "SQLITE_NOTICE": (StatementError, _WRONG),
    "SQLITE_WARNING": (StatementError, _WRONG),
}
_CONSTRAINT_DATATYPE: Final = sqlite3.SQLITE_CONSTRAINT | 12 << 8  # the sqlite3 module has no name for it
_NAMES: Final[dict[int, str]] = {getattr(sqlite3, name, _CONSTRAINT_DATATYPE): name for name in _MEANINGS}

_COLUMNS = re.compile(r"constraint failed: (?P<table>[^.]+)\.(?P<columns>.+)")
_INDEX = re.compile(r"constraint failed: index '(?P<name>.+)'")
_CHECK = re.compile(r"constraint failed: (?P<name>\w+)$")


def primary_code(error: BaseException) -> int | None:
    """The primary result code (`sqlite3.SQLITE_BUSY`) of an error of sqlite3, else None."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def translate(error: BaseException, *, query: str | None = None, bound: bool = True) -> Exception:
    """The error of sqlstore for one that sqlite3, or the making of the answer, raised.

    bound: whether values were bound; then SQLite's own text and the cause stay out.
    What is one of sqlstore's already comes back as it is, with the query's name.
    """
    if isinstance(error, StoreError):
        if isinstance(error, DatabaseError):
            error.query = error.query or query
        return error
    if isinstance(error, MemoryError):
        meaning, text = _MEANINGS["SQLITE_NOMEM"]
        return meaning(text, query=query, code="SQLITE_NOMEM")
    if not isinstance(error, sqlite3.Error | sqlite3.Warning):
        return StatementError(
            f"the values or rows do not fit what the query declares ({type(error).__name__})", query=query
        )
    translated = _translate_sqlite(error, query, bound=bound)
    if not bound:
        translated.__cause__ = error.with_traceback(None)
    return translated


def constraint_name(error: BaseException) -> str | None:
    """The violated constraint as PostgreSQL would name it by default, None where SQLite does not tell."""
    text, name = str(error), _code_name(error)
    index = _INDEX.search(text)
    if index:
        return index["name"]
    if name in (
        "SQLITE_CONSTRAINT_CHECK",
        "SQLITE_CONSTRAINT_TRIGGER",
    ):  # a trigger may speak as a CHECK does
        check = _CHECK.search(text)
        return check["name"] if check else None
    place = _COLUMNS.search(text)
    if not place:
        return None
    table = place["table"]
    columns = [column.removeprefix(f"{table}.") for column in place["columns"].split(", ")]
    if name == "SQLITE_CONSTRAINT_UNIQUE":
        return "_".join([table, *columns, "key"])
    if name == "SQLITE_CONSTRAINT_NOTNULL":
        return "_".join([table, *columns, "not_null"])
    return f"{table}_pkey"


def _translate_sqlite(error: BaseException, query: str | None, *, bound: bool) -> DatabaseError:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:  # the module's own complaint: a wrong number or type of values, two statements
        text = "the values do not fit the statement's placeholders" if bound else str(error)
        return StatementError(text, query=query)
    meaning, text = _MEANINGS[_NAMES.get(code) or _NAMES.get(code & 0xFF) or "SQLITE_ERROR"]
    constraint = constraint_name(error) if code & 0xFF == sqlite3.SQLITE_CONSTRAINT else None
    if not bound:
        text = f"{text}: {error}"
    return meaning(text, query=query, code=_code_name(error), constraint=constraint)


def _code_name(error: BaseException) -> str | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    name: str = getattr(error, "sqlite_errorname", "unknown")
    return name if name != "unknown" else _NAMES.get(code) or _NAMES.get(code & 0xFF)
