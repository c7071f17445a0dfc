"""What PostgreSQL's and asyncpg's errors mean, in one table.

Messages are ours: the server's own text and DETAIL quote rows ("Key (mail)=(…)"),
so they are never passed on; code and constraint are. The one exception is a
statement that is only prepared, to which no value is bound yet.

Codes: PostgreSQL documentation, appendix A.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

import asyncpg

from sqlstore.engine.errors import (
    AuthenticationFailed,
    CheckViolation,
    Conflict,
    ConstraintViolation,
    CorruptDatabase,
    DatabaseError,
    DeadlineExceeded,
    ForeignKeyViolation,
    NotNullViolation,
    OutcomeUnknown,
    Overloaded,
    ReadOnlyDatabase,
    StatementError,
    StorageFull,
    TransactionAborted,
    Unavailable,
    UniqueViolation,
)


class Meaning(NamedTuple):
    """Our error for a code, and its message."""

    error: type[DatabaseError]
    message: str


_WRONG = Meaning(StatementError, "PostgreSQL refuses the statement")
_LOST = Meaning(Unavailable, "the connection to PostgreSQL was lost")
_MEANINGS: Final[dict[str, Meaning]] = {
    # A whole class of two characters, or one code of five, which goes first.
    "00": _WRONG,
    "01": _WRONG,
    "02": _WRONG,
    "03": _WRONG,
    "08": _LOST,
    "09": _WRONG,
    "0A": Meaning(StatementError, "PostgreSQL does not support what the statement asks for"),
    "0B": _WRONG,
    "0F": _WRONG,
    "0L": _WRONG,
    "0P": _WRONG,
    "0Z": _WRONG,
    "10": _WRONG,
    "20": _WRONG,
    "21": Meaning(StatementError, "the statement meets more rows than it can take, or one row twice"),
    "22": Meaning(StatementError, "a value does not fit what the statement does with it"),
    "23": Meaning(ConstraintViolation, "the tables refuse this row"),
    "23001": Meaning(ForeignKeyViolation, "the row is still pointed at"),
    "23502": Meaning(NotNullViolation, "a column that must have a value got None"),
    "23503": Meaning(
        ForeignKeyViolation, "the row points at one that does not exist, or is still pointed at"
    ),
    "23505": Meaning(UniqueViolation, "a row with this key is there already"),
    "23514": Meaning(CheckViolation, "a CHECK constraint refuses a value of the row"),
    "24": _WRONG,
    "25": Meaning(StatementError, "the statement does not fit the state of the transaction"),
    "25006": Meaning(ReadOnlyDatabase, "the server takes no writes now; it may be a standby"),
    "25P02": Meaning(TransactionAborted, "a statement failed in this transaction before"),
    "25P03": Meaning(Unavailable, "the transaction was idle for too long and was rolled back"),
    "25P04": Meaning(DeadlineExceeded, "the transaction took too long and was rolled back"),
    "26": Meaning(
        StatementError, "the prepared statement is gone; behind PgBouncer add ?pgbouncer=true to the URL"
    ),
    "27": _WRONG,
    "28": Meaning(AuthenticationFailed, "the server rejects this user, password or certificate"),
    "2B": _WRONG,
    "2D": _WRONG,
    "2F": _WRONG,
    "34": _WRONG,
    "38": _WRONG,
    "39": _WRONG,
    "3B": _WRONG,
    "3D": Meaning(StatementError, "the database does not exist"),
    "3F": Meaning(StatementError, "the schema does not exist"),
    "40": Meaning(Conflict, "another transaction was first"),
    "40002": Meaning(ConstraintViolation, "the tables refuse what the transaction wrote"),
    "40003": Meaning(OutcomeUnknown, "the server does not know whether the statement was completed"),
    "42": Meaning(StatementError, "the statement does not fit the tables that are there"),
    "42501": Meaning(StatementError, "the database role lacks a privilege that the statement needs"),
    "44": Meaning(CheckViolation, "a view's WITH CHECK OPTION refuses the row"),
    "53": Meaning(Overloaded, "the server has no resources left for this"),
    "53100": Meaning(StorageFull, "the server's disk is full"),
    "53300": Meaning(Overloaded, "the server takes no more connections"),
    "53400": Meaning(StorageFull, "a limit set on the server is reached"),
    "54": Meaning(StatementError, "the statement goes beyond a limit of PostgreSQL"),
    "55": Meaning(StatementError, "an object is not in the state that the statement needs"),
    "55P03": Meaning(Conflict, "another transaction holds the lock"),
    "57": Meaning(Unavailable, "the server is going away, or not ready yet"),
    "57014": Meaning(
        DeadlineExceeded, "the server cancelled the statement: time was up; nothing was written"
    ),
    "58": Meaning(Unavailable, "the server cannot read or write its files"),
    "72": Meaning(Conflict, "the snapshot is too old"),
    "F0": Meaning(Unavailable, "the server's configuration is damaged"),
    "HV": Meaning(StatementError, "a foreign table failed"),
    "P0": Meaning(StatementError, "a function of the database failed"),
    "P0001": Meaning(CheckViolation, "a trigger or function refuses this"),
    "P0004": Meaning(CheckViolation, "an assertion in a function failed"),
    "XX": Meaning(StatementError, "PostgreSQL met an internal error"),
    "XX001": Meaning(CorruptDatabase, "a table is damaged"),
    "XX002": Meaning(CorruptDatabase, "an index is damaged"),
}
_CLIENT_MEANINGS: Final[dict[type[BaseException], Meaning]] = {
    # Errors that asyncpg or the system raise without a word of the server; the first that fits.
    asyncpg.OutdatedSchemaCacheError: Meaning(StatementError, "a type changed while the statement ran"),
    asyncpg.TargetServerAttributeNotMatched: Meaning(Unavailable, "no server takes writes"),
    asyncpg.InternalClientError: _LOST,
    asyncpg.InterfaceError: Meaning(StatementError, "the statement does not fit its arguments"),
    asyncio.IncompleteReadError: _LOST,
    OSError: _LOST,
}
_UNREADABLE = Meaning(StatementError, "the answer holds a value that Python cannot hold")
_OUTDATED = Meaning(Conflict, "the tables were changed under a prepared statement")
LOST_TO_ANOTHER: Final = frozenset(("40001", "40P01"))
"""Rolled back for another transaction: serialization, deadlock."""
_CONNECTION_CODES: Final = ("08", "57P", "25006", "25P03", "25P04", "53300", "F0")


def meaning_of(code: str) -> Meaning | None:
    """What a SQLSTATE means to us; None for one that is not in the table."""
    return _MEANINGS.get(code) or _MEANINGS.get(code[:2])


def client_meaning_of(kind: type[BaseException]) -> Meaning | None:
    """What an error without SQLSTATE means to us; None for one that is not in the table."""
    return next((meaning for base, meaning in _CLIENT_MEANINGS.items() if issubclass(kind, base)), None)


def server_error(error: BaseException) -> asyncpg.PostgresError | None:
    """What the server said: the error, or what it said before it closed the connection."""
    causes: Iterator[BaseException | None] = iter((error, error.__cause__))
    return next(
        (said for said in causes if isinstance(said, asyncpg.PostgresError) and said.sqlstate != "08003"),
        None,
    )


def ends_connection(error: BaseException) -> bool:
    """Whether the connection should not be used again after this error."""
    return not isinstance(error, asyncpg.PostgresError) or str(error.sqlstate).startswith(_CONNECTION_CODES)


def lost_to_another(failure: DatabaseError) -> bool:
    """Whether a transaction was rolled back for another one: it can run again as a whole."""
    return failure.code in LOST_TO_ANOTHER


def translate(error: BaseException, *, query: str | None = None) -> DatabaseError:
    """Our error for one of asyncpg or of the system. It holds no text of the other.

    query: the name of the named query that ran, or None.
    """
    said = server_error(error)
    if said is None:
        if isinstance(error, asyncpg.ConnectionDoesNotExistError):
            return _LOST.error(_LOST.message, query=query)
        meaning = client_meaning_of(type(error)) or _UNREADABLE
        return meaning.error(meaning.message, query=query)
    code = str(said.sqlstate)
    meaning = meaning_of(code) or _WRONG
    if isinstance(said, asyncpg.InvalidCachedStatementError):
        meaning = _OUTDATED
    return meaning.error(meaning.message, query=query, code=code, constraint=_constraint(said, code))


def translate_prepare(error: Exception, *, query: str, source: str) -> StatementError:
    """Why a statement cannot be prepared, in the server's words: no value is bound yet."""
    said = str(getattr(error, "message", None) or type(error).__name__)
    position = getattr(error, "position", None)
    place = f" at character {position}" if position else ""
    return StatementError(f"{source}: {said}{place}", query=query, code=getattr(error, "sqlstate", None))


def _constraint(said: asyncpg.PostgresError, code: str) -> str | None:
    """The constraint's name; NOT NULL's is made as PostgreSQL 18 names it."""
    if code == "23502" and not said.constraint_name and said.table_name and said.column_name:
        return f"{said.table_name}_{said.column_name}_not_null"
    return said.constraint_name or None
