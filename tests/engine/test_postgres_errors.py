"""Every error that asyncpg can raise means something to us, on purpose."""

import asyncio

import asyncpg
import pytest

from sqlstore.engine import errors
from sqlstore.engine.postgres_errors import client_meaning_of, ends_connection, meaning_of, translate

EXPORTED = [
    value
    for name in dir(asyncpg.exceptions)
    if isinstance(value := getattr(asyncpg.exceptions, name), type) and issubclass(value, BaseException)
]
SERVER = [
    kind for kind in EXPORTED if issubclass(kind, asyncpg.PostgresError) and getattr(kind, "sqlstate", None)
]
CLIENT = [
    kind for kind in EXPORTED if not issubclass(kind, asyncpg.PostgresError) and not issubclass(kind, Warning)
]
WITHOUT_CODE = {"PostgresError", "FatalPostgresError", "UnknownPostgresError"}


def test_the_enumeration_finds_what_asyncpg_has():
    assert len(SERVER) > 200
    assert {kind.__name__ for kind in CLIENT} >= {
        "InterfaceError",
        "InternalClientError",
        "OutdatedSchemaCacheError",
    }
    rest = {
        kind.__name__ for kind in EXPORTED if kind not in SERVER + CLIENT and not issubclass(kind, Warning)
    }
    assert rest == WITHOUT_CODE


@pytest.mark.parametrize("kind", SERVER, ids=lambda kind: kind.__name__)
def test_every_code_has_a_meaning(kind):
    assert meaning_of(kind.sqlstate) is not None


@pytest.mark.parametrize("kind", CLIENT, ids=lambda kind: kind.__name__)
def test_every_client_error_has_a_meaning(kind):
    assert client_meaning_of(kind) is not None


def server_error(code, **fields):
    letters = {"constraint_name": "n", "table_name": "t", "column_name": "c", "server_source_function": "R"}
    given = {letters[name]: value for name, value in fields.items()}
    return asyncpg.PostgresError.new(
        {"C": code, "M": "CANARY", "D": "Key (mail)=(CANARY)", **given}, query="CANARY"
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("08006", errors.Unavailable),
        ("22P02", errors.StatementError),
        ("23000", errors.ConstraintViolation),
        ("23001", errors.ForeignKeyViolation),
        ("23502", errors.NotNullViolation),
        ("23503", errors.ForeignKeyViolation),
        ("23505", errors.UniqueViolation),
        ("23514", errors.CheckViolation),
        ("23P01", errors.ConstraintViolation),
        ("25006", errors.ReadOnlyDatabase),
        ("25P02", errors.TransactionAborted),
        ("28P01", errors.AuthenticationFailed),
        ("40001", errors.Conflict),
        ("40P01", errors.Conflict),
        ("40003", errors.OutcomeUnknown),
        ("42P01", errors.StatementError),
        ("42501", errors.StatementError),
        ("53100", errors.StorageFull),
        ("53300", errors.Overloaded),
        ("55P03", errors.Conflict),
        ("57014", errors.DeadlineExceeded),
        ("57P01", errors.Unavailable),
        ("57P03", errors.Unavailable),
        ("58030", errors.Unavailable),
        ("P0001", errors.CheckViolation),
        ("XX001", errors.CorruptDatabase),
        ("ZZ999", errors.StatementError),
    ],
)
def test_a_code_becomes_our_error_without_the_servers_words(code, kind):
    error = translate(server_error(code), query="a.b.c")
    assert type(error) is kind
    assert (error.code, error.query) == (code, "a.b.c")
    assert "CANARY" not in str(error) + repr(error)


def test_a_constraint_is_named():
    assert translate(server_error("23505", constraint_name="users_key")).constraint == "users_key"
    made = translate(server_error("23502", table_name="users", column_name="name"))
    assert made.constraint == "users_name_not_null"
    given = translate(server_error("23502", table_name="t", column_name="c", constraint_name="mine"))
    assert given.constraint == "mine"


def test_an_outdated_statement_is_a_conflict():
    assert type(translate(server_error("0A000"))) is errors.StatementError
    outdated = server_error("0A000", server_source_function="RevalidateCachedQuery")
    assert type(translate(outdated)) is errors.Conflict


def test_what_the_server_said_before_it_hung_up_counts():
    lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    assert translate(lost).code is None
    assert type(translate(lost)) is errors.Unavailable
    lost.__cause__ = server_error("25P03")
    assert translate(lost).code == "25P03"


@pytest.mark.parametrize(
    "error", [OSError("CANARY"), ConnectionResetError("CANARY"), asyncio.IncompleteReadError(b"CANARY", 9)]
)
def test_a_network_error_is_unavailable(error):
    assert type(translate(error)) is errors.Unavailable
    assert "CANARY" not in str(translate(error))


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (server_error("23505"), False),
        (server_error("57014"), False),
        (server_error("53100"), False),
        (server_error("25006"), True),
        (server_error("57P01"), True),
        (server_error("08006"), True),
        (asyncpg.ConnectionDoesNotExistError("gone"), True),
        (OSError(), True),
        (asyncio.CancelledError(), True),
    ],
)
def test_which_errors_end_a_connection(error, ends):
    assert ends_connection(error) is ends
