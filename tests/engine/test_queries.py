"""The loader: what a folder of query files gives."""

import msgspec
import pytest

from sqlstore.engine.errors import ConfigurationError, QueryFileError
from sqlstore.engine.query_header import Parameter

ENGINES = ("sqlite", "postgres")


class User(msgspec.Struct, frozen=True):
    id: int
    name: str | None


ROWS = {"User": User}
USERS = """\
-- People.

-- name: get(id: int) :one User
-- One user.
--
--   Indented.

-- not documentation
SELECT id, name FROM users WHERE id = :id;

-- ---- lists ----

-- name: named(name: text?, ids: int[]) :many User
SELECT id, name FROM users
WHERE name = :name OR id IN (:ids) OR :name IS NULL
"""


def test_a_query_says_where_it_is_and_what_it_declares(load_files):
    query = load_files(users=USERS).table("users").get
    assert (query.name, query.source) == ("chatbot.users.get", "sql/chatbot/users.sql:3")
    assert (query.table, query.path, query.line) == ("users", "sql/chatbot/users.sql", 3)
    assert query.doc == "One user.\n\n  Indented."
    assert (query.kind, query.row, query.columns) == ("one", User, ("id", "name"))
    assert query.parameters == ("id",)
    assert query.header.parameters == (Parameter("id", "int", nullable=False, is_list=False),)
    assert [(field.name, field.type, field.nullable) for field in query.fields] == [
        ("id", "int", False),
        ("name", "text", True),
    ]


def test_nullable_and_list_parameters_are_declared_with_their_marks(load_files):
    assert load_files(users=USERS).table("users").named.header.parameters == (
        Parameter("name", "text", nullable=True, is_list=False),
        Parameter("ids", "int", nullable=False, is_list=True),
    )


def test_placeholders_are_written_for_each_engine(load_files):
    assert load_files("sqlite", users=USERS).table("users").named.sql == (
        "SELECT id, name FROM users\nWHERE name = ? OR id IN (SELECT value FROM json_each(?)) OR ? IS NULL"
    )
    assert load_files("postgres").table("users").named.sql == (
        "SELECT id, name FROM users\nWHERE name = $1::text OR id = ANY ($2::bigint[]) OR $1::text IS NULL"
    )


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("sqlite", "SELECT x IN (SELECT id FROM t, json_each(?)) AND f(?, (1)) OR x IN (SELECT ?)"),
        (
            "postgres",
            "SELECT x IN (SELECT id FROM t, json_each($1::bigint[])) AND f($1::bigint[], (1)) OR x IN (SELECT $1::bigint[])",
        ),
    ],
)
def test_a_list_is_passed_as_it_is_outside_of_in(load_query, engine, expected):
    sql = "SELECT x IN (SELECT id FROM t, json_each(:ids)) AND f(:ids, (1)) OR x IN (SELECT :ids)"
    assert load_query("q(ids: int[]) :value bool", sql, engine).sql == expected


def test_not_in_becomes_all_on_postgres(load_query):
    sql = load_query("q(a: text[]) :value bool", "SELECT 'x' NOT IN (:a)", "postgres").sql
    assert sql == "SELECT 'x' <> ALL ($1::text[])"


@pytest.mark.parametrize(
    ("declared", "cast"),
    [
        *(("int", "bigint"), ("int4", "int"), ("float", "float8"), ("text", "text"), ("bool", "boolean")),
        *(("bytes", "bytea"), ("json", "jsonb"), ("timestamp", "timestamptz"), ("uuid", "uuid")),
        *(("int[]", "bigint[]"), ("timestamp[]?", "timestamptz[]")),
    ],
)
def test_parameters_are_cast_to_their_declared_type_on_postgres(load_query, declared, cast):
    assert load_query(f"q(a: {declared}) :changed", "SELECT :a", "postgres").sql == f"SELECT $1::{cast}"


def test_iteration_gives_each_query_in_the_order_of_tables_and_files(load_files):
    queries = load_files(
        users=USERS,
        chats="-- Chats.\n-- name: all() :many User\nSELECT 1",
        chats__sqlite="-- S.\n-- name: one() :value int\nSELECT 1",
        chats__postgres="-- P.\n-- name: one() :value int\nSELECT 2",
    )
    assert queries.tables == ("chats", "users")
    assert [query.name for query in queries] == [
        *("chatbot.chats.all", "chatbot.chats.one", "chatbot.users.get", "chatbot.users.named")
    ]
    assert [query.name for query in queries.table("chats")] == ["chatbot.chats.all", "chatbot.chats.one"]
    assert "one" in queries.table("chats")
    assert "named" not in queries.table("chats")


def test_a_query_that_is_not_there_is_answered_with_near_misses_and_the_file(load_files):
    users = load_files(users=USERS).table("users")
    with pytest.raises(AttributeError, match=r"sql/chatbot/users.sql: .* query gett; did you mean get\?"):
        users.gett  # noqa: B018
    with pytest.raises(AttributeError, match="there are get, named"):
        users.xyz  # noqa: B018
    assert not hasattr(users, "__wrapped__")


def test_a_table_that_is_not_there_is_answered_with_near_misses(load_files):
    with pytest.raises(ConfigurationError, match=r"chatbot has no query file user.sql; did you mean users\?"):
        load_files(users=USERS).table("user")


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_runs_its_own_file(load_files, engine):
    queries = load_files(
        engine,
        t__sqlite="-- S.\n-- name: q(a: int) :value int\nSELECT :a",
        t__postgres="-- P.\n\n-- name: q(a: int) :value int\nSELECT :a::int",
    )
    assert queries.table("t").q.source == f"sql/chatbot/t.{engine}.sql:{2 if engine == 'sqlite' else 3}"


def test_files_that_are_not_queries_are_left_alone(load_files, folder):
    (folder / ".hidden.sql").write_text("nonsense")
    (folder / "README.md").write_text("nonsense")
    (folder / "users.sql~").write_text("nonsense")
    (folder / "__pycache__").mkdir()
    (folder / ".git").mkdir()
    (folder / ".git" / "x.sql").write_text("nonsense")
    assert load_files(users=USERS).tables == ("users",)


def test_a_symbolic_link_is_a_file(load_files, folder, tmp_path):
    (tmp_path / "elsewhere.txt").write_text(USERS)
    (folder / "people.sql").symlink_to(tmp_path / "elsewhere.txt")
    assert load_files().table("people").get.source == "sql/chatbot/people.sql:3"


def test_lines_are_right_after_comments_and_strings_of_several_lines(load_files):
    text = "-- About.\n/* a\n\nb */\n-- name: a() :value text\nSELECT '\n-- name: x\n'\n\n-- name: b() :changed\nx"
    assert [query.line for query in load_files(t=text)] == [5, 10]


def test_windows_line_ends_are_kept_out_of_headers_and_documentation(load_files):
    query = load_files(users=USERS.replace("\n", "\r\n")).table("users").get
    assert (query.doc, query.kind, query.line) == ("One user.\n\n  Indented.", "one", 3)


def test_many_queries_load(load_files):
    text = "-- Many.\n" + "".join(f"-- name: q{n}() :value int\nSELECT {n};\n" for n in range(2_000))
    queries = list(load_files(t=text))
    assert (queries[-1].sql, queries[-1].line) == ("SELECT 1999", 2 + 2 * 1999)


@pytest.mark.parametrize("name", ["q", "close", "match", "table", "items", "x1_y"])
def test_a_query_may_have_any_name_python_lets_pass(load_files, name):
    table = load_files(t=f"-- About.\n-- name: {name}() :value int\nSELECT 1").table("t")
    assert getattr(table, name).name == f"chatbot.t.{name}"
    assert [query.header.name for query in table] == [name]


@pytest.mark.parametrize(
    "comment",
    [
        "-- the name: of the user",
        "-- name comment",
        "-- names: a, b",
        "-- rename: x",
        "/* name: x */",
        "-- name",
    ],
)
def test_ordinary_comments_may_contain_the_word(load_files, comment):
    text = f"-- About.\n{comment}\n-- name: q() :value int\nSELECT 1 -- name: as typed\n{comment}\n+ 1"
    assert load_files(t=text).table("t").q.sql.endswith("+ 1")


# Streams

STREAM = "q(after_id: int?, page_size: int) :stream User"
PAGE = "SELECT id, name FROM users WHERE :after_id IS NULL OR id > :after_id ORDER BY id LIMIT :page_size"


def test_a_stream_query_gives_one_page(load_query):
    query = load_query(STREAM, PAGE)
    assert query.parameters == ("after_id", "page_size")
    assert query.result([(1, "a"), (2, None)], 0) == [User(1, "a"), User(2, None)]


@pytest.mark.parametrize(
    ("header", "sql", "problem"),
    [
        (
            STREAM.replace(", page_size: int", ""),
            PAGE.replace(":page_size", "9"),
            "declares `page_size: int`",
        ),
        (STREAM.replace("page_size: int", "page_size: int?"), PAGE, "declares `page_size: int`"),
        (STREAM.replace("after_id: int?, ", ""), "SELECT :page_size", "for the last row of the page before"),
        (STREAM.replace("int?", "int"), PAGE, r"after_id of a :stream may be None \(`after_id: int\?`\)"),
        (STREAM.replace("_id", "_key"), PAGE.replace("_id", "_key"), "named for a field of User"),
    ],
)
def test_a_stream_that_cannot_be_paged_is_refused(load_query, header, sql, problem):
    with pytest.raises(QueryFileError, match=problem):
        load_query(header, sql)
