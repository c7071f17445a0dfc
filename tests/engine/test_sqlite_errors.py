"""SQLite's errors as sqlstore's: every code, every class, the constraint's name, never a value."""

import sqlite3

import pytest

from sqlstore.engine import errors
from sqlstore.engine.errors import (
    CheckViolation,
    Conflict,
    CorruptDatabase,
    DatabaseError,
    DeadlineExceeded,
    ForeignKeyViolation,
    NotNullViolation,
    ReadOnlyDatabase,
    StatementError,
    StorageFull,
    TransactionAborted,
    Unavailable,
    UniqueViolation,
)
from sqlstore.engine.sqlite_errors import translate

from .sqlite_support import opened, statement

FAMILIES = [
    "ABORT",
    "AUTH",
    "BUSY",
    "CANTOPEN",
    "CONSTRAINT",
    "CORRUPT",
    "EMPTY",
    "ERROR",
    "FORMAT",
    "FULL",
    "INTERNAL",
    "INTERRUPT",
    "IOERR",
    "LOCKED",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "NOMEM",
    "NOTADB",
    "NOTFOUND",
    "NOTICE",
    "PERM",
    "PROTOCOL",
    "RANGE",
    "READONLY",
    "SCHEMA",
    "TOOBIG",
    "WARNING",
]
CODES = sorted(
    name
    for name in dir(sqlite3)
    if any(name == f"SQLITE_{family}" or name.startswith(f"SQLITE_{family}_") for family in FAMILIES)
)
MEANINGS = {
    "SQLITE_BUSY": Conflict,
    "SQLITE_BUSY_SNAPSHOT": Conflict,
    "SQLITE_LOCKED_SHAREDCACHE": Conflict,
    "SQLITE_FULL": StorageFull,
    "SQLITE_INTERRUPT": DeadlineExceeded,
    "SQLITE_ABORT_ROLLBACK": TransactionAborted,
    "SQLITE_IOERR_FSYNC": Unavailable,
    "SQLITE_IOERR_CORRUPTFS": CorruptDatabase,
    "SQLITE_CORRUPT_INDEX": CorruptDatabase,
    "SQLITE_NOTADB": CorruptDatabase,
    "SQLITE_CANTOPEN_ISDIR": Unavailable,
    "SQLITE_READONLY_DIRECTORY": ReadOnlyDatabase,
    "SQLITE_READONLY_DBMOVED": CorruptDatabase,
    "SQLITE_CONSTRAINT_TRIGGER": CheckViolation,
    "SQLITE_CONSTRAINT_VTAB": errors.ConstraintViolation,
    "SQLITE_SCHEMA": Conflict,
    "SQLITE_ERROR": StatementError,
}


def raised_by_sqlite(name, text="text with a secret"):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize("name", CODES)
def test_every_result_code_has_a_meaning_and_its_text_stays_out(name):
    error = translate(raised_by_sqlite(name), query="shop.items.add")
    assert isinstance(error, DatabaseError)
    assert type(error) is MEANINGS.get(name, type(error))
    assert error.code == name
    assert error.query == "shop.items.add"
    assert "secret" not in str(error)
    assert error.__cause__ is None


def test_the_table_names_every_family_itself():
    from sqlstore.engine.sqlite_errors import _MEANINGS

    assert len(CODES) > 90
    assert {f"SQLITE_{family}" for family in FAMILIES} <= set(_MEANINGS)


@pytest.mark.parametrize(
    "exception",
    [value for value in vars(sqlite3).values() if isinstance(value, type) and issubclass(value, Exception)],
)
def test_every_exception_class_of_the_driver_is_mapped(exception):
    error = translate(exception("a secret"))
    assert type(error) is StatementError
    assert "secret" not in str(error)


@pytest.mark.parametrize("exception", [OverflowError, UnicodeEncodeError, MemoryError, ValueError])
def test_what_python_raises_while_binding_is_mapped(exception):
    arguments = ("utf-8", "secret", 0, 1, "surrogate") if exception is UnicodeEncodeError else ("secret",)
    error = translate(exception(*arguments))
    assert type(error) is (Unavailable if exception is MemoryError else StatementError)
    assert "secret" not in str(error)


def test_without_bound_values_the_text_and_the_cause_are_kept():
    error = translate(raised_by_sqlite("SQLITE_ERROR", "no such table: goods"), bound=False)
    assert "no such table: goods" in str(error)
    assert isinstance(error.__cause__, sqlite3.OperationalError)


def test_a_code_of_a_newer_sqlite_falls_back_to_its_primary_code():
    error = sqlite3.OperationalError("?")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR | 99 << 8, "unknown"
    translated = translate(error)
    assert type(translated) is Unavailable
    assert translated.code == "SQLITE_IOERR"


SCHEMA = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, session_id TEXT UNIQUE, bot INTEGER, chat INTEGER,
    name TEXT NOT NULL, age INTEGER CONSTRAINT users_age_check CHECK (age > 0), size INTEGER CHECK (size > 0),
    UNIQUE (bot, chat)
) STRICT;
CREATE UNIQUE INDEX users_lower_name ON users (lower(name));
CREATE TABLE keys (code TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE pets (owner INTEGER REFERENCES users (id)) STRICT;
CREATE TRIGGER guard BEFORE DELETE ON users BEGIN SELECT RAISE(ABORT, 'users are kept'); END;
CREATE TRIGGER keep BEFORE DELETE ON keys
BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: keys_kept_check'); END;
INSERT INTO users VALUES (1, 'secret', 1, 1, 'secret', 1, 1);
INSERT INTO keys VALUES ('secret');
"""
ADD_USER = "INSERT INTO users (id, session_id, bot, chat, name, age, size) VALUES (?, ?, ?, ?, ?, ?, ?)"


@pytest.mark.parametrize(
    ("sql", "values", "meaning", "constraint", "code"),
    [
        (ADD_USER, (1, "x", 2, 2, "x", 1, 1), UniqueViolation, "users_pkey", "PRIMARYKEY"),
        (ADD_USER, (2, "secret", 2, 2, "x", 1, 1), UniqueViolation, "users_session_id_key", "UNIQUE"),
        (ADD_USER, (2, "x", 1, 1, "x", 1, 1), UniqueViolation, "users_bot_chat_key", "UNIQUE"),
        (ADD_USER, (2, "x", 2, 2, "SECRET", 1, 1), UniqueViolation, "users_lower_name", "UNIQUE"),
        (ADD_USER, (2, "x", 2, 2, None, 1, 1), NotNullViolation, "users_name_not_null", "NOTNULL"),
        (ADD_USER, (2, "x", 2, 2, "x", -99, 1), CheckViolation, "users_age_check", "CHECK"),
        (ADD_USER, (2, "x", 2, 2, "x", 1, -99), CheckViolation, None, "CHECK"),
        (ADD_USER, (2, "x", 2, 2, "x", "secret", 1), StatementError, None, "DATATYPE"),
        ("INSERT INTO keys VALUES (?)", ("secret",), UniqueViolation, "keys_pkey", "PRIMARYKEY"),
        ("INSERT INTO pets VALUES (?)", (99,), ForeignKeyViolation, None, "FOREIGNKEY"),
        ("DELETE FROM users WHERE id = ?", (1,), CheckViolation, None, "TRIGGER"),
        ("DELETE FROM keys WHERE code = ?", ("secret",), CheckViolation, "keys_kept_check", "TRIGGER"),
    ],
)
async def test_constraints_are_named_as_postgresql_would(tmp_path, sql, values, meaning, constraint, code):
    async with opened(tmp_path / "bot.db", SCHEMA) as driver:
        with pytest.raises(meaning) as caught:
            await driver.call(statement(sql, "changed"), *values)
        assert caught.value.constraint == constraint
        assert caught.value.code == f"SQLITE_CONSTRAINT_{code}"
        assert "secret" not in str(caught.value).lower()
        assert "99" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT json_extract('{}', ?)", ("secret path",)),
        ("SELECT * FROM words WHERE words MATCH ?", ('"secret',)),
        ("SELECT ?", (2**63,)),
        ("SELECT ?", (object(),)),
        ("SELECT ?", ("secret \ud800",)),
        ("SELECT ?, ?", ("secret",)),
    ],
)
async def test_no_value_gets_into_an_error(tmp_path, sql, values):
    async with opened(tmp_path / "bot.db", "CREATE VIRTUAL TABLE words USING fts5 (text)") as driver:
        with pytest.raises(StatementError) as caught:
            await driver.call(statement(sql), *values)
        shown = [
            str(caught.value),
            repr(caught.value),
            repr(caught.value.__cause__),
            repr(caught.value.__context__),
        ]
        assert "secret" not in " ".join(shown)
        assert str(2**63) not in " ".join(shown)
