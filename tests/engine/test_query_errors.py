"""The loader: everything that is wrong in a query file or folder is refused at load, with its place."""

import msgspec
import pytest

from sqlstore.engine.errors import ConfigurationError, QueryFileError
from sqlstore.engine.queries import load

ENGINES = ("sqlite", "postgres")


class User(msgspec.Struct, frozen=True):
    id: int
    name: str | None


class KeywordOnly(msgspec.Struct, frozen=True, kw_only=True):
    id: int


class Unknown(msgspec.Struct, frozen=True):
    id: complex


class Mixed(msgspec.Struct, frozen=True):
    id: int | str


class Empty(msgspec.Struct, frozen=True):
    pass


class Unresolved(msgspec.Struct, frozen=True):
    id: "Nowhere"  # noqa: F821


ROWS = {kind.__name__: kind for kind in (User, KeywordOnly, Unknown, Mixed, Empty, Unresolved)}

# What is wrong in a file

HEADERS = {
    "nothing after the colon": ("-- name:", 1, "not a header"),
    "blank after the colon": ("-- name: ", 1, "not a header"),
    "two words": ("-- name: a b", 1, "not a header"),
    "no blank": ("--name x", 1, "not a header"),
    "no blanks": ("--name:x", 1, "not a header"),
    "blank before the colon": ("-- name : q() :changed", 1, "not a header"),
    "no colon": ("-- name q() :changed", 1, "not a header"),
    "no blank after the colon": ("-- name:q() :changed", 1, "not a header"),
    "tab": ("--\tname: q() :changed", 1, "not a header"),
    "three dashes": ("--- name: q() :changed", 1, "not a header"),
    "capital": ("-- Name: q() :changed", 1, "not a header"),
    "indented": ("  -- name: q() :changed", 3, "beginning of its line"),
    "no parentheses": ("-- name: q :changed", 1, "not a header"),
    "open parenthesis": ("-- name: q(a: int :changed", 1, "not a header"),
    "no kind": ("-- name: q()", 1, "not a header"),
    "text at the end": ("-- name: q() :one User please", 1, "not a header"),
    "directive of another loader": ("-- name: q(a)^", 1, "not a header"),
    "digit first": ("-- name: 1st() :changed", 10, "1st is not a query's name"),
    "dash": ("-- name: foo-bar() :changed", 10, "foo-bar is not a query's name"),
    "dollar": ("-- name: one$garbage() :changed", 10, "not a query's name"),
    "underscore first": ("-- name: _q() :changed", 10, "_q is not a query's name"),
    "letter beyond ASCII": ("-- name: naïve() :changed", 10, "not a query's name"),
    "keyword": ("-- name: class() :changed", 10, "class is a keyword of Python"),
    "unknown kind": ("-- name: q() :two", 15, "unknown kind :two; use one of :one, :many"),
    "row missing": ("-- name: q() :one", 18, ":one is followed by a row type"),
    "type missing": ("-- name: q() :value", 20, ":value is followed by a type"),
    "row too many": ("-- name: q() :changed User", 23, ":changed is followed by nothing"),
    "unknown row": ("-- name: q() :one Usr", 1, r"unknown row type Usr; did you mean User\?"),
    "nullable row": ("-- name: q() :one User?", 1, "unknown row type User"),
    "unknown value type": ("-- name: q() :value integer", 21, "unknown type integer; use one of int, int4"),
    "list value": ("-- name: q() :value int[]", 21, r"unknown type int\[\]"),
    "parameter without type": ("-- name: q(a) :changed", 12, "a parameter reads `name: type`"),
    "empty parameter": ("-- name: q(a: int, ) :changed", 19, "a parameter reads"),
    "unknown parameter type": ("-- name: q(a: int, b: string) :changed", 23, "unknown type string"),
    "mark before the list": ("-- name: q(a: int?[]) :changed", 12, "a parameter reads"),
    "keyword as parameter": ("-- name: q(from: int) :changed", 12, "from is a keyword of Python"),
    "underscore first in parameter": ("-- name: q(_a: int) :changed", 12, "_a is not a parameter's name"),
    "parameter twice": ("-- name: q(a: int, a: text) :changed", 19, "a is declared twice"),
    "list of bytes": ("-- name: q(a: bytes[]) :changed", 15, "no lists of bytes"),
    "list of json": ("-- name: q(a: json[]) :changed", 15, "no lists of json"),
    "keyword-only row": ("-- name: q() :one KeywordOnly", 1, "KeywordOnly has keyword-only fields"),
    "row of an unknown type": ("-- name: q() :one Unknown", 1, "Unknown.id has a type no column has"),
    "row of two types": ("-- name: q() :one Mixed", 1, "Mixed.id has a type no column has"),
    "row without fields": ("-- name: q() :one Empty", 1, "Empty has no fields"),
    "row of a name that is nowhere": (
        "-- name: q() :one Unresolved",
        1,
        "fields of Unresolved cannot be read",
    ),
}


@pytest.mark.parametrize(("header", "column", "problem"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_is_wrong_is_refused_where_it_is_wrong(load_files, header, column, problem):
    with pytest.raises(QueryFileError, match=problem) as caught:
        load_files(t=f"-- About.\n\n{header}\nSELECT 1\n")
    assert (caught.value.path, caught.value.line, caught.value.column) == ("sql/chatbot/t.sql", 3, column)


Q = "-- name: q() :changed\n"
FILES = {
    "empty": ("", 1, 1, "begin the file with comment lines"),
    "no comment about the file": (f"\n\n{Q}SELECT 1", 1, 1, "begin the file with comment lines"),
    "empty comment about the file": (f"--\n{Q}SELECT 1", 1, 1, "begin the file with comment lines"),
    "block comment about the file": (f"/* About. */\n{Q}SELECT 1", 1, 1, "begin the file with comment lines"),
    "no query": ("-- About.\n", 2, 1, "holds no query"),
    "text before the first header": (
        f"-- About.\nSELECT 1;\n{Q}SELECT 1",
        2,
        1,
        "text before the first header",
    ),
    "no SQL": (f"-- About.\n{Q}", 2, 1, "q has no SQL"),
    "comments alone": (f"-- About.\n{Q}-- doc\n\n/* more */", 2, 1, "q has no SQL"),
    "semicolon alone": (f"-- About.\n{Q};", 2, 1, "q has no SQL"),
    "header after header": (f"-- About.\n{Q}-- name: r() :changed\nSELECT 1", 2, 1, "q has no SQL"),
    "two statements": (f"-- About.\n{Q}SELECT 1;\n  SELECT 2;", 4, 3, "q has several statements"),
    "same name twice": (f"-- About.\n{Q}SELECT 1;\n{Q}SELECT 2", 4, 1, "q is at sql/chatbot/t.sql:2 already"),
    "open string": (f"-- About.\n{Q}SELECT 'a\n", 3, 8, "string is not closed"),
    "other placeholder": (f"-- About.\n{Q}SELECT\n  $1", 4, 3, r"\$1 is not a parameter here"),
    "byte order mark": (f"\ufeff-- About.\n{Q}SELECT 1", 1, 1, "save it as UTF-8 without BOM"),
    "NUL": (f"-- About.\n{Q}SELECT '\0'", 3, 9, "NUL"),
    "carriage returns alone": (f"-- About.\r{Q}SELECT 1", 1, 10, "save with LF"),
    "not UTF-8": (b"-- About.\n-- caf\xe9\n", 2, 7, "byte 16 is not UTF-8"),
    "UTF-16": ("-- About.".encode("utf-16"), 1, 1, "byte 0 is not UTF-8"),
}


@pytest.mark.parametrize(("content", "line", "column", "problem"), FILES.values(), ids=FILES)
def test_a_file_that_is_wrong_is_refused_where_it_is_wrong(load_files, content, line, column, problem):
    with pytest.raises(QueryFileError, match=problem) as caught:
        load_files(t=content)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_parameter_that_is_not_declared_is_refused_at_its_use(load_query):
    problem = r"q declares \(id\) but uses \(id, now\); make the two lists the same"
    with pytest.raises(QueryFileError, match=problem) as caught:
        load_query("q(id: int) :changed", "UPDATE t\nSET a = :id, b = :now WHERE id = :id")
    assert (caught.value.line, caught.value.column) == (5, 18)


def test_a_parameter_that_is_not_used_is_refused_at_the_header(load_query):
    with pytest.raises(QueryFileError, match=r"q declares \(id, now\) but uses \(id\)") as caught:
        load_query("q(id: int, now: timestamp) :changed", "DELETE FROM t WHERE id = :id -- :now")
    assert (caught.value.line, caught.value.column) == (3, 1)


@pytest.mark.parametrize(
    "sql", ["SELECT 1 IN (:a, :ids)", "SELECT 1 IN (:ids, :a)", "SELECT 1 in (f(:a), :ids)"]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_among_other_members_of_in_is_refused(load_query, sql, engine):
    with pytest.raises(QueryFileError, match=r"a list stands alone in IN \(:ids\)"):
        load_query("q(a: int, ids: int[]) :changed", sql, engine)


def test_an_indexed_parameter_is_refused_on_postgres(load_query):
    with pytest.raises(QueryFileError, match=r"write \(:ids\)\[…\]"):
        load_query("q(ids: int[]) :changed", "SELECT :ids[1]", "postgres")


TRANSACTIONS = [
    *("BEGIN", "commit", "ROLLBACK TO x", "SAVEPOINT x", "RELEASE x", "END", "START TRANSACTION", "ABORT"),
    *("PREPARE TRANSACTION 'x'", "/* a */ -- b\n COMMIT PREPARED 'x'", "SET CONSTRAINTS ALL DEFERRED"),
    *(
        "SET TRANSACTION READ ONLY",
        "INSERT OR ROLLBACK INTO t VALUES (1)",
        "UPDATE or /**/ rollback t SET a = 1",
    ),
    *("CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)", "SELECT raise(ROLLBACK, 'no')"),
    "CREATE TABLE t (a REFERENCES b DEFERRABLE)",
]


@pytest.mark.parametrize("sql", TRANSACTIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_ends_or_changes_the_transaction_is_refused(load_query, sql, engine):
    with pytest.raises(QueryFileError, match="transaction"):
        load_query("q() :changed", sql, engine)


# What is wrong in a folder

ONE = "-- About.\n-- name: q(a: int) :value int\nSELECT :a"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("files", "path", "problem"),
    [
        ({"t__sqlite": ONE}, "t.sqlite.sql", "has no twin t.postgres.sql"),
        ({"t__postgres": ONE, "t": ONE}, "t.postgres.sql", "has no twin t.sqlite.sql"),
        ({"t__mysql": ONE}, "t.mysql.sql", "name it table.sql"),
        ({"T": ONE}, "T.sql", "name it table.sql"),
        ({"a-b": ONE}, "a-b.sql", "name it table.sql"),
        ({"1": ONE}, "1.sql", "name it table.sql"),
    ],
)
def test_a_file_that_has_no_place_in_the_folder_is_refused(load_files, engine, files, path, problem):
    with pytest.raises(QueryFileError, match=problem) as caught:
        load_files(engine, **files)
    assert caught.value.path == f"sql/chatbot/{path}"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "other",
    [
        "-- name: q(a: text) :value int\nSELECT :a",
        "-- name: q(a: int?) :value int\nSELECT :a",
        "-- name: q(b: int) :value int\nSELECT :b",
        "-- name: q(a: int) :value int?\nSELECT :a",
        "-- name: q(a: int) :one User\nSELECT :a",
        "-- name: q(a: int) :changed\nSELECT :a",
    ],
)
def test_twins_declare_the_same_signature(load_files, engine, other):
    problem = (
        rf"q has another signature at sql/chatbot/t.{'postgres' if engine == 'sqlite' else 'sqlite'}.sql:2"
    )
    with pytest.raises(QueryFileError, match=problem):
        load_files(engine, t__sqlite=ONE, t__postgres=f"-- P.\n{other}")


def test_the_order_of_parameters_is_part_of_the_signature(load_files):
    with pytest.raises(QueryFileError, match="another signature"):
        load_files(
            t__sqlite="-- S.\n-- name: q(a: int, b: int) :value int\nSELECT :a + :b",
            t__postgres="-- P.\n-- name: q(b: int, a: int) :value int\nSELECT :a + :b",
        )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("longer", ENGINES)
def test_twins_declare_the_same_queries(load_files, engine, longer):
    shorter = "postgres" if longer == "sqlite" else "sqlite"
    files = {f"t__{longer}": f"{ONE};\n-- name: r() :changed\nSELECT 1", f"t__{shorter}": ONE}
    with pytest.raises(QueryFileError, match=rf"r is missing in sql/chatbot/t.{shorter}.sql") as caught:
        load_files(engine, **files)
    assert (caught.value.path, caught.value.line) == (f"sql/chatbot/t.{longer}.sql", 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_twin_of_the_other_engine_is_checked_too(load_files, engine):
    with pytest.raises(QueryFileError, match="no casts with ::"):
        load_files(engine, t__sqlite=ONE.replace(":a", ":a::int"), t__postgres=ONE)


@pytest.mark.parametrize("engine", ENGINES)
def test_names_are_unique_over_all_files_of_a_table(load_files, engine):
    with pytest.raises(QueryFileError, match=r"q is at sql/chatbot/t.sql:2 already") as caught:
        load_files(engine, t=ONE, t__sqlite=ONE, t__postgres=ONE)
    assert caught.value.path == f"sql/chatbot/t.{engine}.sql"


def test_tables_may_have_queries_of_the_same_name(load_files):
    assert len(list(load_files(t=ONE, u=ONE))) == 2


def test_a_folder_in_the_folder_is_refused_if_it_holds_queries(load_files, folder):
    (folder / "nested").mkdir()
    (folder / "nested" / "x.sql").write_text(ONE)
    with pytest.raises(QueryFileError, match=r"sql/chatbot/nested/x.sql:1:1: .* move it up"):
        load_files(t=ONE)


def test_a_file_that_cannot_be_read_is_refused(load_files, folder):
    (folder / "t.sql").symlink_to(folder / "nowhere")
    with pytest.raises(QueryFileError, match=r"sql/chatbot/t.sql:1:1: cannot be read: No such file"):
        load_files()


def test_a_folder_that_is_missing_or_empty_is_refused(load_files, folder, tmp_path):
    with pytest.raises(ConfigurationError, match=r"sql/chatbot holds no .sql file"):
        load_files()
    with pytest.raises(ConfigurationError, match="there is no folder of queries"):
        load(tmp_path / "nowhere", "sqlite", {}, store="chatbot")
