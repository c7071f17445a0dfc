"""What queries take and give: arguments to what is bound, what a database gives to rows."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from sqlstore.engine.errors import InvalidValue, StatementError, TooManyRows
from sqlstore.engine.queries import load
from sqlstore.engine.values import Json

ENGINES = ("sqlite", "postgres")


class User(msgspec.Struct, frozen=True):
    id: int
    name: str | None


class Everything(msgspec.Struct, frozen=True):
    number: int
    ratio: float
    name: str
    role: Literal["user", "model"]
    flag: bool
    data: bytes
    document: Json
    tags: list[str]
    details: dict[str, Any]
    moment: datetime
    key: UUID
    checked: Annotated[int, "positive"]
    maybe: datetime | None
    perhaps: Literal["a"] | None


ROWS = {"User": User, "Everything": Everything}

# What queries take

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NOW_TEXT = "2024-05-06T07:08:09.123456Z"


def test_arguments_are_bound_in_the_order_of_placeholders(load_query):
    header, sql = "q(a: int, b: text?) :changed", "SELECT :b, :a, :b"
    assert load_query(header, sql).encode(1, "x") == ("x", 1, "x")
    assert load_query(header, sql, "postgres").encode(1, "x") == (1, "x")


def test_arguments_may_be_given_by_name(load_query):
    query = load_query("q(a: int, b: text?) :changed", "SELECT :a, :b")
    assert query.encode(b=None, a=1) == (1, None)
    assert load_query("q() :changed").encode() == ()


def test_values_go_through_the_gate_of_the_engine(load_query):
    header = "q(m: timestamp, f: bool, ids: int[], k: uuid?) :changed"
    arguments = (NOW.astimezone(timezone(timedelta(hours=7))), True, (1, 2), UUID(int=5))
    sql = "SELECT :m, :f, :ids, :k"
    assert load_query(header, sql).encode(*arguments) == (
        *("2024-05-06T07:08:09.123456Z", 1, "[1,2]", "00000000-0000-0000-0000-000000000005"),
    )
    assert load_query(header, sql, "postgres").encode(*arguments) == (NOW, True, [1, 2], UUID(int=5))


def test_a_wrong_number_of_arguments_is_a_type_error_that_names_the_query(load_query):
    query = load_query("q(a: int, b: text?) :changed", "SELECT :a, :b")
    with pytest.raises(TypeError, match=r"chatbot.t.q\(\) missing 1 required positional argument: 'b'"):
        query.encode(1)
    with pytest.raises(TypeError, match=r"chatbot.t.q\(\)"):
        query.encode(1, "x", 2)
    with pytest.raises(TypeError, match=r"chatbot.t.q\(\)"):
        query.encode(1, c="x")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_that_is_refused_names_query_and_parameter_and_not_itself(load_query, engine):
    query = load_query("q(a: int, b: text?, c: text) :changed", "SELECT :c, :a, :b, :c", engine)
    with pytest.raises(InvalidValue) as caught:
        query.encode(1, None, "canary\0")
    assert (caught.value.query, caught.value.parameter) == ("chatbot.t.q", "c")
    assert "canary" not in str(caught.value)
    with pytest.raises(InvalidValue, match="'b' must be str, not int"):
        query.encode(1, 2, None)
    with pytest.raises(InvalidValue, match="'c' must be str, not None"):
        query.encode(1, None, None)


# What queries give

EVERYTHING = {
    "sqlite": """SELECT 1 AS number, 2 AS ratio, 'ü' AS name, 'user' AS role, 1 AS flag, X'00FF' AS data,
        '{"a": [1, null]}' AS document, '["x"]' AS tags, '{"a": {"b": 1.5}}' AS details,
        '2024-05-06T07:08:09.123456Z' AS moment, '00000000-0000-0000-0000-000000000005' AS key, 7 AS checked,
        NULL AS maybe, NULL AS perhaps""",
    "postgres": r"""SELECT 1::bigint AS number, 2::int AS ratio, 'ü' AS name, 'user' AS role, true AS flag,
        '\x00FF'::bytea AS data, '{"a": [1, null]}'::jsonb AS document, '["x"]'::jsonb AS tags,
        '{"a": {"b": 1.5}}'::jsonb AS details, '2024-05-06 09:08:09.123456+02'::timestamptz AS moment,
        '00000000-0000-0000-0000-000000000005'::uuid AS key, 7::bigint AS checked, NULL::timestamptz AS maybe,
        NULL::text AS perhaps""",
}


async def test_a_row_has_the_same_values_on_both_engines(engine, load_query, fetch):
    query = load_query("q() :many Everything", EVERYTHING[engine], engine)
    (row,) = query.result(await fetch(query.sql), 0)
    assert row == Everything(
        *(
            1,
            2.0,
            "ü",
            "user",
            True,
            b"\x00\xff",
            {"a": [1, None]},
            ["x"],
            {"a": {"b": 1.5}},
            NOW,
            UUID(int=5),
            7,
        ),
        maybe=None,
        perhaps=None,
    )
    assert (type(row.ratio), type(row.flag), row.moment.utcoffset()) == (float, bool, timedelta())


async def test_none_stays_none_even_where_the_field_says_otherwise(engine, load_query, fetch):
    columns = ", ".join(f"NULL AS {name}" for name in Everything.__struct_fields__)
    query = load_query("q() :one Everything", f"SELECT {columns}", engine)
    row = query.result(await fetch(query.sql), 0)
    assert [getattr(row, name) for name in Everything.__struct_fields__] == [None] * 14


VALUES = {
    "int": ({"sqlite": "5", "postgres": "5::bigint"}, 5),
    "float": ({"sqlite": "5", "postgres": "5::float8"}, 5.0),
    "bool": ({"sqlite": "0", "postgres": "false"}, False),
    "timestamp?": ({"sqlite": f"'{NOW_TEXT}'", "postgres": f"'{NOW_TEXT}'::timestamptz"}, NOW),
    "json": ({"sqlite": "'[1]'", "postgres": "'[1]'::jsonb"}, [1]),
    "text?": ({"sqlite": "NULL", "postgres": "NULL"}, None),
}


@pytest.mark.parametrize("declared", VALUES)
async def test_a_value_is_decoded_by_its_type(engine, load_query, fetch, declared):
    selected, expected = VALUES[declared]
    query = load_query(f"q() :value {declared}", f"SELECT {selected[engine]}", engine)
    given = query.result(await fetch(query.sql), 0)
    assert (given, type(given)) == (expected, type(expected))
    assert query.columns is None


@pytest.mark.parametrize("kind", ["one User", "value int"])
def test_no_row_is_none(load_query, kind):
    assert load_query(f"q() :{kind}").result([], 0) is None


def test_one_row_is_given_as_itself(load_query):
    assert load_query("q() :one User").result([(1, "a")], 0) == User(1, "a")


@pytest.mark.parametrize("kind", ["one User", "value int"])
def test_a_second_row_is_an_error_that_names_the_query(load_query, kind):
    query = load_query(f"q() :{kind}")
    with pytest.raises(TooManyRows, match=f"chatbot.t.q: gave more than one row, .* :{query.kind}"):
        query.result([(1,), (2,)], 0)


def test_many_gives_a_list_and_changed_a_number(load_query):
    many = load_query("q() :many User")
    assert many.result([], 0) == []
    assert many.result([(1, "a"), (2, None)], 0) == [User(1, "a"), User(2, None)]
    assert load_query("q() :changed").result([], 3) == 3


@pytest.mark.parametrize(
    ("kind", "row", "problem"),
    [
        ("value timestamp", ("canary",), "column value holds something else than timestamp"),
        ("value json", ("{canary",), "column value holds something else than json"),
        ("value uuid", ("canary",), "column value holds something else than uuid"),
        ("value int", (1, "canary"), "gave 2 columns where 1 are declared"),
        ("one User", ("canary",), "gave 1 columns where 2 are declared"),
        ("one User", (1, "canary", 3), "gave 3 columns where 2 are declared"),
        (
            "one Everything",
            (1, 2, "", "", 0, b"", "1", "canary", *[None] * 6),
            "column tags holds something else",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_that_does_not_quote_it(load_query, kind, row, problem):
    with pytest.raises(StatementError, match=f"chatbot.t.q: {problem}") as caught:
        load_query(f"q() :{kind}").result([row], 0)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_columns_may_have_names_that_mean_something_in_python(load_files, folder):
    odd = msgspec.defstruct(
        "Odd", [("self", int), ("rows", bool), ("conn", int), ("count", int)], frozen=True
    )
    (folder / "t.sql").write_text("-- About.\n-- name: q(self: int, rows: int) :one Odd\nSELECT :self, :rows")
    query = load(folder, "sqlite", {"Odd": odd}, store="chatbot").table("t").q
    assert query.result([(1, 0, 3, 4)], 0) == odd(1, False, 3, 4)
    assert query.encode(self=1, rows=2) == (1, 2)
