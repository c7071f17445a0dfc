"""What loaders of SQL files have been caught on: each case, with its verdict on each engine.

First what the scanner reads, then whole queries run on the databases, then files.
"""

import msgspec
import pytest

from sqlstore.engine.errors import QueryFileError
from sqlstore.engine.sqltext import ScanError, scan


class Row(msgspec.Struct, frozen=True):
    id: int


ROWS = {"Row": Row}


def names(sql, engine):
    return [token.text[1:] for token in scan(sql, engine) if token.kind == "parameter"]


BOTH = {
    # placeholders
    "cast function": ("CAST(:a AS int)", ["a"]),
    "no blank after a comma": ("VALUES (:id,:n)", ["id", "n"]),
    "arithmetic": (":a+2*:b", ["a", "b"]),
    "minus is not part of a name": (":age-5", ["age"]),
    "a name twice": (":a, :b, :a", ["a", "b", "a"]),
    "a name that begins another": (":user, :user_id", ["user", "user_id"]),
    "one letter at both ends": (":a=:b", ["a", "b"]),
    "before a semicolon": (":a;", ["a"]),
    "named argument with :=": ("f(x := :x)", ["x"]),
    "named argument with := and no blanks": ("f(x:=:x)", ["x"]),
    "named argument with =>": ("f(x => :x, y=>:y)", ["x", "y"]),
    "digits and underscores in a name": (":a_1,:_b", ["a_1", "_b"]),
    # strings and quotes
    "doubled quote": ("'it''s :x', :a", ["a"]),
    "empty string and backslashes": (r"f(:blah,'\\W','','g')", ["blah"]),
    "backslash at the end of a string": (r"'C:\' || :a", ["a"]),
    "string directly after a word": ("x LIKE'%:n%' AND :a", ["a"]),
    "a word that ends in e before a string": (r"entrée'\' || :a", ["a"]),
    "quoted identifiers": ('"a:b", "a"":b", :a', ["a"]),
    "dollars inside a word": ("col$2, a$x$, :a", ["a"]),
    "hexadecimal string": ("X'00', x'ff', :a", ["a"]),
    "adjacent literals joined by a newline": ("'a'\n':b' || :a", ["a"]),
    "JSON, time and URL in strings": ("""'{"a": ":b"}', '12:30:45', 'http://x', :a""", ["a"]),
    "a string of several lines": ("'\n-- it\n/* :x\n; :y\n-- name: z', :a", ["a"]),
    "triple quotes and braces": ("'\"\"\"', '''''', '{}', '\\d', :a", ["a"]),
    # comments
    "apostrophes in comments": ("-- don't\n:a -- won't\n, :b", ["a", "b"]),
    "colons in comments": ("-- note: this\n-- :id\n-- ;\n:a", ["a"]),
    "empty and long line comments": ("--\n------\n:a", ["a"]),
    "comment directly after a digit": ("5--:b\n, :a", ["a"]),
    "comment at the end without newline": (":a --:b", ["a"]),
    "CRLF after a comment": ("-- :b\r\n:a", ["a"]),
    "block comments": ("/* :id */ /* bar's */ /**/ /* -- */ :a", ["a"]),
    "block comment marks in line comments": ("-- /*\n:a\n-- */", ["a"]),
    "block comment marks in a string": ("'/*' || :a || '*/'", ["a"]),
    "stars in block comments": ("/***/ /* ** / */ /*/ :b */ :a", ["a"]),
    "hints": ("/*+ SeqScan(:t) */ SELECT :a", ["a"]),
    # operators
    "modulo and LIKE": (":a % 5, x LIKE 'a%' || :b", ["a", "b"]),
    "not equal": ("a <> :b, a<>:c", ["b", "c"]),
    "sign, parentheses, concatenation": ("-:n, (:a), :a||:b", ["n", "a", "a", "b"]),
    "arrows": ("d->:k, d ->> :k, d->>:k", ["k", "k", "k"]),
}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize(("sql", "expected"), BOTH.values(), ids=BOTH)
def test_both_engines_read(sql, expected, engine):
    assert names(sql, engine) == expected


POSTGRES = {
    "cast": (":a::int, :b :: int, x::text[], '1'::int, :c::\"char\"", ["a", "b", "c"]),
    "chain of casts": (":a::int::text", ["a"]),
    "array of a parameter": ("ARRAY[:v], ARRAY[1,:w]", ["v", "w"]),
    "slice of numbers": ("arr[1:2], arr[:2], arr[1:]", []),
    "slice up to a column": ("arr[1:n], arr[m:n], arr[f(x):n], arr[a[1]:n]", []),
    "slice from a parameter": ("arr[:lo:3], arr[:lo:n]", ["lo", "lo"]),
    "slice from a cast parameter": ("arr[:lo::int:3]", ["lo"]),
    "slice between parameters": ("arr[:lo : :hi]", ["lo", "hi"]),
    "parameters in a call inside brackets": ("arr[f(:lo, x):3]", ["lo"]),
    "escape string": (r"E'it\'s :x' || e'\\' || :a", ["a"]),
    "escape string with a doubled quote": ("E'it''s :x' || :a", ["a"]),
    "dollar quotes": ("$$ :x ' $$, $tag$ :x $$ $tag$, $été$ :x $été$, :a", ["a"]),
    "unicode and bit strings": ("U&'d\\0061t :x', B'01', U&\":x\", :a", ["a"]),
    "nested block comments": ("/* a /* :b */ :c */ :a", ["a"]),
    "key operators": ("d ? 'a' AND d ?| :keys AND d ?& array[:k]", ["keys", "k"]),
    "containment and path operators": ("d @> :a, d <@ :b, d #>> :c, d @? :d, d @@ :e", list("abcde")),
    "bare carriage return ends a comment": ("-- :b\r:a", ["a"]),
    "do block": ("DO $$ BEGIN PERFORM :x; END $$", []),
}


@pytest.mark.parametrize(("sql", "expected"), POSTGRES.values(), ids=POSTGRES)
def test_postgres_reads(sql, expected):
    assert names(sql, "postgres") == expected


SQLITE = {
    "backticks and brackets": ("`a:b`, [a:b], [c'd], :a", ["a"]),
    "block comments that do not nest": ("/* a /* b */ :a", ["a"]),
    "bare carriage return in a comment": ("-- :b\r:c\n:a", ["a"]),
}


@pytest.mark.parametrize(("sql", "expected"), SQLITE.values(), ids=SQLITE)
def test_sqlite_reads(sql, expected):
    assert names(sql, "sqlite") == expected


REFUSED = {
    "numbered colon": (":1", "sqlite postgres", r":1 is not a parameter here; write parameters as :name"),
    "colon, digit and letter": (":2a", "sqlite postgres", ":2 is not a parameter here"),
    "numbered dollar": ("$1", "sqlite postgres", r"\$1 is not a parameter here"),
    "numbered dollars that look like a tag": ("$1,$2", "sqlite postgres", r"\$1 is not a parameter here"),
    "question mark": ("x = ?", "sqlite", r"\? is not a parameter here"),
    "numbered question mark": ("?1", "sqlite", r"\?1 is not a parameter here"),
    "at sign": ("@a", "sqlite", "@a is not a parameter here"),
    "dollar name": ("$a", "sqlite postgres", r"\$a is not a parameter here"),
    "bare dollar at the end": ("1 $", "sqlite postgres", r"a lone \$"),
    "attribute": (":u.id", "sqlite postgres", ":u has no attributes"),
    "letter beyond ASCII": (":é", "sqlite postgres", "use ASCII letters"),
    "name in another script": (":名前", "sqlite postgres", "use ASCII letters"),
    "dollar in a name": (":a$b", "sqlite postgres", "use ASCII letters"),
    "escaped colon": (r"\:a", "sqlite postgres", "a backslash outside of strings"),
    "cast on SQLite": (":a::int", "sqlite", r"no casts with ::.*write CAST"),
    "spaced cast on SQLite": ("x :: int", "sqlite", r"no casts with ::"),
    "open string": ("'a", "sqlite postgres", "string is not closed"),
    "open escape string": (r"E'a\'", "postgres", "string is not closed"),
    "open identifier": ('"a', "sqlite postgres", "identifier is not closed"),
    "open dollar quote": ("$a$ $b$", "postgres", "dollar quote is not closed"),
    "open block comment": ("/* a", "sqlite postgres", "comment is not closed"),
    "open nested block comment": ("/* /* */", "postgres", "comment is not closed"),
}


@pytest.mark.parametrize(
    ("sql", "engine", "problem"),
    [(sql, engine, problem) for sql, engines, problem in REFUSED.values() for engine in engines.split()],
    ids=[f"{name}, {engine}" for name, (_, engines, _) in REFUSED.items() for engine in engines.split()],
)
def test_refused(sql, engine, problem):
    with pytest.raises(ScanError, match=problem):
        scan(sql, engine)


@pytest.fixture
def run(engine, load_query, fetch):
    """Run a `:value` query on the real engine and give its answer."""

    async def run(header, sql, *arguments):
        query = load_query(f"q{header}", sql, engine)
        return query.result(await fetch(query.sql, *query.encode(*arguments)), 0)

    return run


RUN_ON_BOTH = {
    "reused parameter": ("(a: int, b: int) :value int", "SELECT :a - :b + :a", (5, 3), 7),
    "prefix of another": (
        "(user: text, user_id: text) :value text",
        "SELECT :user_id || :user",
        ("a", "b"),
        "ba",
    ),
    "optional filter": ("(x: int?) :value bool", "SELECT :x IS NULL OR :x = 1", (None,), True),
    "list": ("(ids: int[]) :value bool", "SELECT 2 IN (:ids)", ([1, 2],), True),
    "list that lacks it": ("(ids: int[]) :value bool", "SELECT 2 IN (:ids)", ([1],), False),
    "empty list": ("(ids: int[]) :value bool", "SELECT 2 IN (:ids)", ([],), False),
    "not in": ("(ids: int[]) :value bool", "SELECT 2 NOT IN (:ids)", ([1, 2],), False),
    "not in an empty list": ("(ids: int[]) :value bool", "SELECT 2 NOT IN (:ids)", ([],), True),
    "texts": ("(names: text[]) :value bool", "SELECT 'it''s' IN (:names)", (["it's", '"', "\\"],), True),
    "list between other parameters": (
        "(a: int, ids: int[], b: int) :value bool",
        "SELECT :a IN (:ids) AND :b NOT IN (:ids) AND :a <> :b",
        (1, [1, 2], 3),
        True,
    ),
    "list after comments": (
        "(ids: int[]) :value bool",
        "SELECT 2 not /* (:no) */ in ( -- :no\n :ids ) -- IN (:ids)",
        ([1],),
        True,
    ),
    "apostrophes in comments": ("(a: int) :value int", "SELECT -- don't\n :a -- won't", (1,), 1),
    "name at the end": ("(a: int) :value int", "SELECT 1+:a", (1,), 2),
    "values": ("(id: int,n: int) :value int", "VALUES (:id+:n)", (1, 2), 3),
    "with": ("(a: int) :value int", "WITH x AS (SELECT :a AS a) SELECT a FROM x", (1,), 1),
    "row among CRLF": ("(a: int) :value text", "SELECT ':b' -- :c\r\n WHERE :a = 1", (1,), ":b"),
}


@pytest.mark.parametrize(("header", "sql", "arguments", "expected"), RUN_ON_BOTH.values(), ids=RUN_ON_BOTH)
async def test_both_engines_answer(run, header, sql, arguments, expected):
    assert await run(header, sql, *arguments) == expected


RUN_ON_POSTGRES = {
    "own cast": ("(a: int) :value text", "SELECT :a::int::text", (1,), "1"),
    "cast to a quoted type": ("(a: text) :value bool", "SELECT :a::\"char\" = 'x'", ("x",), True),
    "slices": (
        "(lo: int4, hi: int4) :value text",
        "SELECT ((ARRAY[1,2,3])[:lo : :hi] || (ARRAY[4,5])[:lo::int:2] || (ARRAY[6,7])[:1])::text",
        (1, 2),
        "{1,2,4,5,6}",
    ),
    "slice up to a column": (
        "(n: int4) :value text",
        "SELECT (ARRAY[1,2])[1:n]::text FROM (SELECT :n AS n) t",
        (1,),
        "{1}",
    ),
    "key operators": ("(k: text) :value bool", "SELECT '{\"a\": 1}'::jsonb ? :k", ("a",), True),
    "any key": ("(keys: text[]) :value bool", "SELECT '{\"a\": 1}'::jsonb ?| :keys", (["b", "a"],), True),
    "path": ("(k: text) :value text", "SELECT '{\"a\": 1}'::jsonb ->> :k", ("a",), "1"),
    "containment": ("(d: json) :value bool", "SELECT '{\"a\": 1}'::jsonb @> :d", ({"a": 1},), True),
    "named arguments": (
        "(y: int4, m: int4) :value text",
        "SELECT make_interval(years => :y, months := :m)::text",
        (1, 2),
        "1 year 2 mons",
    ),
    "list in unnest": (
        "(ids: int[]) :value int",
        "SELECT sum(id)::bigint FROM unnest(:ids) AS id",
        ([1, 2],),
        3,
    ),
    "list in parentheses, indexed": ("(ids: int[]) :value int", "SELECT (:ids)[2]", ([1, 2],), 2),
    "escape string": (r"(a: text) :value text", r"SELECT E'it\'s :x' || :a", ("!",), "it's :x!"),
    "dollar quote": ("(a: text) :value text", "SELECT $q$it's :x$q$ || :a", ("!",), "it's :x!"),
    "modulo": ("(a: int) :value int", "SELECT 7 % :a", (4,), 3),
}


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize(
    ("header", "sql", "arguments", "expected"), RUN_ON_POSTGRES.values(), ids=RUN_ON_POSTGRES
)
async def test_postgres_answers(run, header, sql, arguments, expected):
    assert await run(header, sql, *arguments) == expected


LOADED = {
    "insert with returning": (
        "q(a: int) :one Row",
        "WITH x AS (SELECT 1) INSERT INTO t VALUES (:a) RETURNING id",
    ),
    "upsert": (
        "q(a: int) :changed",
        "INSERT INTO t VALUES (:a) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
    ),
    "table": ("q() :many Row", "TABLE t"),
    "pragma": ("q() :value int", "PRAGMA user_version"),
    "explain": ("q() :many Row", "EXPLAIN SELECT 1"),
    "show": ("q() :value text", "SHOW search_path"),
    "listen": ("q() :changed", "LISTEN channel"),
    "case with end": ("q() :value int", "SELECT CASE WHEN 1=1 THEN 1 END;"),
    "semicolon in a string": ("q() :value text", "SELECT ';'"),
    "trailing semicolons and comments": ("q() :value int", "SELECT 1 ; ; -- done; really"),
    "words for transactions as names": ("q() :value int", 'SELECT "commit" FROM t AS rollback'),
}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize(("header", "sql"), LOADED.values(), ids=LOADED)
def test_the_kind_of_a_query_is_declared_and_not_guessed(load_query, header, sql, engine):
    query = load_query(header, sql, engine)
    assert query.kind == header.rsplit(" :", 1)[1].split()[0]
    assert scan(query.sql, engine, binds=False)[-1].kind not in ("space", "comment")
    assert not query.sql.endswith(";")


def test_a_hint_before_the_statement_stays(load_query):
    query = load_query("q() :value int", "\n/*+ SeqScan(t) */ SELECT 1 -- one", "postgres")
    assert query.sql == "/*+ SeqScan(t) */ SELECT 1"


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1; SELECT 2", "SELECT 1;\n-- more\nDELETE FROM t;", "SELECT 1; /* ; */ x"],
)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_query_is_one_statement(load_query, sql, engine):
    with pytest.raises(QueryFileError, match="several statements"):
        load_query("q() :changed", sql, engine)
