"""Everything sqlstore raises, the same on SQLite and PostgreSQL.

    StoreError
    ├── ConfigurationError          a URL, path or setting that cannot work; nothing was tried
    ├── QueryFileError              a .sql file that cannot be loaded: file, line, column
    ├── MigrationError              see sqlstore.migrations.errors for its members
    ├── UsageError                  a call made the wrong way: closed store, store used inside its own transaction
    ├── InvalidValue                refused before any I/O: no database could keep this value faithfully
    └── DatabaseError               what a database answered, or did not
        ├── ConstraintViolation     the tables refuse this row
        │   ├── UniqueViolation
        │   ├── ForeignKeyViolation
        │   ├── CheckViolation
        │   └── NotNullViolation
        ├── TooManyRows             a `:one` or `:value` query met a second row
        ├── StatementError          the SQL itself is wrong, or does not fit the tables
        ├── TransactionAborted      a statement failed inside this transaction; it can only be left
        ├── Conflict                another transaction was first; running the whole again can help
        ├── DeadlineExceeded        time was up; nothing was written
        ├── OutcomeUnknown          the answer was lost while COMMIT was in flight: written, or not
        ├── Unavailable             the database cannot be reached, or is going away
        │   ├── AuthenticationFailed
        │   └── Overloaded          too much is waiting already
        ├── ReadOnlyDatabase
        ├── StorageFull
        └── CorruptDatabase         damaged, or not a database

Every error but OutcomeUnknown means: nothing was written. No message ever holds
a bound value, a row or a password; details are attributes.
"""

from __future__ import annotations

from typing import ClassVar


class StoreError(Exception):
    """Base of everything that sqlstore raises on purpose."""


class ConfigurationError(StoreError):
    """A URL, path or setting that cannot work. Nothing was tried or changed."""


class QueryFileError(StoreError):
    """A .sql file that cannot be loaded.

    Attributes: path (str), line and column (int, from 1).
    """

    def __init__(self, path: str, line: int, column: int, problem: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {problem}")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem


class MigrationError(StoreError):
    """Base of what the migration runner raises."""


class UsageError(StoreError):
    """A call made the wrong way; the message says how to make it right."""


class InvalidValue(StoreError):
    """A value refused before any I/O.

    Attributes: parameter (str, the parameter's name; "" while not yet known),
    reason (str, never holds the value), query (str or None).
    """

    def __init__(self, reason: str, *, parameter: str = "", query: str | None = None) -> None:
        super().__init__(reason, parameter, query)
        self.reason = reason
        self.parameter = parameter
        self.query = query

    def __str__(self) -> str:
        place = f"{self.query}: " if self.query else ""
        subject = f"parameter {self.parameter!r} " if self.parameter else ""
        return f"{place}{subject}{self.reason}"


class DatabaseError(StoreError):
    """What a database answered, or did not.

    Attributes
    - query: the named query (`chatbot.users.get`), or None outside one.
    - code: SQLSTATE (`23505`) or SQLite result name (`SQLITE_BUSY`), or None.
    - constraint: the constraint's name where the database tells it, else None.
    - retryable: True when running the whole transaction again can help.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        query: str | None = None,
        code: str | None = None,
        constraint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.query = query
        self.code = code
        self.constraint = constraint

    def __str__(self) -> str:
        message = str(self.args[0])
        details = ", ".join(detail for detail in (self.constraint, self.code) if detail)
        place = f"{self.query}: " if self.query else ""
        return f"{place}{message} ({details})" if details else f"{place}{message}"


class ConstraintViolation(DatabaseError):
    """The tables refuse this row."""


class UniqueViolation(ConstraintViolation):
    """A row with this key is there already."""


class ForeignKeyViolation(ConstraintViolation):
    """The row points at one that does not exist, or is still pointed at."""


class CheckViolation(ConstraintViolation):
    """A CHECK constraint or a trigger refuses a value of the row."""


class NotNullViolation(ConstraintViolation):
    """A column that must have a value got None."""


class TooManyRows(DatabaseError):
    """A query declared to give at most one row gave a second one."""


class StatementError(DatabaseError):
    """The SQL is wrong, or does not fit the tables that are there."""


class TransactionAborted(DatabaseError):
    """A statement failed in this transaction: leave it, or use a savepoint next time."""


class Conflict(DatabaseError):
    """Another transaction was first. Run the whole transaction again (`store.run`)."""

    retryable = True


class DeadlineExceeded(DatabaseError):
    """Time was up before anything was written."""


class OutcomeUnknown(DatabaseError):
    """The answer was lost while COMMIT was in flight: it was written, or it was not.

    Ask the database, or repeat with a key of your own and ON CONFLICT.
    """


class Unavailable(DatabaseError):
    """The database cannot be reached, refuses connections, or is going away."""


class AuthenticationFailed(Unavailable):
    """The server rejects this user, password or certificate."""


class Overloaded(Unavailable):
    """Too much is waiting already; this call was turned away."""


class ReadOnlyDatabase(DatabaseError):
    """The file, folder or server does not take writes."""


class StorageFull(DatabaseError):
    """The disk, or a limit set on the database, is full."""


class CorruptDatabase(DatabaseError):
    """The file is damaged, or is not a database."""
