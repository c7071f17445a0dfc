"""The scanner against SQL put together at random, noise, and both databases' own parsers."""

import gc
import sqlite3
import time
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sqlstore.engine.errors import QueryFileError
from sqlstore.engine.queries import load
from sqlstore.engine.sqltext import ScanError, scan, significant, split

RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# Every `:no` lies in something that hides it. COLUMNS makes the quoted names columns.
COLUMNS = 'FROM (SELECT 1 AS "q:no", 2 AS "q""no") AS t'
VALUES = [
    *(
        "'text'",
        "''",
        "'it''s :no'",
        "'-- :no'",
        "'/* :no'",
        "'C:\\'",
        '"q:no"',
        '"q""no"',
        "1",
        "2.5",
        "1e3",
    ),
    *("(1)", "CAST(1 AS TEXT)", "CASE WHEN 1 = 1 THEN 2 END", "1<>2", "5-+-3"),
]
SQLITE_VALUES = [*VALUES, "[q:no]", "`q:no`", "X'00'", "'{\"a\": \":no\"}' ->> 'a'"]
POSTGRES_VALUES = [
    *(*VALUES, r"E'it\'s :no'", "U&'d\\0061 :no'", "$$ :no ' $$", "$t$ :no $$ $t$", "1::int", "B'01'"),
    *("(ARRAY[1,2,3])[1:2]", "(ARRAY[1,2])[:2]", "'{\"a\": 1}'::jsonb ? 'a'", "E'a'\n'\\' :no'"),
]
GAPS = [" ", "\n", "\t", " -- it's :no\n", " /* :no ' */ ", " /* * / ** */ ", " --\n", "/**/ "]
POSTGRES_GAPS = [*GAPS, " /* a /* :no */ ' */ "]


@st.composite
def selects(draw, values, gaps):
    """A SELECT of values and parameters with gaps between, and its parameters in order."""
    sql, names, gap = "SELECT", [], st.sampled_from(gaps)
    for position in range(draw(st.integers(1, 6))):
        sql += f",{draw(st.just('') | gap)}" if position else draw(gap)
        if draw(st.booleans()):
            names.append(draw(st.sampled_from(("a", "b", "user", "user_id", "x9"))))
            sql += f":{names[-1]}"
        else:
            sql += draw(st.sampled_from(values))
        sql += draw(st.just("") | gap)
    return f"{sql} {COLUMNS}", names


sqlite_selects = selects(SQLITE_VALUES, GAPS)
postgres_selects = selects(POSTGRES_VALUES, POSTGRES_GAPS)


def parameters(sql, engine):
    return [token.text[1:] for token in scan(sql, engine) if token.kind == "parameter"]


def translated(folder: Path, sql, names, engine):
    declared = ", ".join(f"{name}: text?" for name in dict.fromkeys(names))
    (folder / "t.sql").write_text(f"-- About.\n\n-- name: q({declared}) :changed\n{sql}")
    return load(folder, engine, {}, store="test").table("t").q.sql


@RELAXED
@given(made=sqlite_selects)
def test_sqlite_finds_the_same_parameters(made):
    sql, names = made
    assert parameters(sql, "sqlite") == names
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(sql, dict.fromkeys(names)).fetchall()
        for name in set(names):
            with pytest.raises(sqlite3.ProgrammingError, match=rf":{name}\b"):
                connection.execute(sql, dict.fromkeys(set(names) - {name}))
    finally:
        connection.close()


@RELAXED
@given(made=sqlite_selects)
def test_sqlite_takes_a_value_for_each_placeholder_of_the_translation(made, tmp_path):
    sql, names = made
    connection = sqlite3.connect(":memory:")
    try:
        statement = translated(tmp_path, sql, names, "sqlite")
        connection.execute(statement, [None] * len(names)).fetchall()
        with pytest.raises(sqlite3.ProgrammingError, match=f"uses {len(names)}, and there are"):
            connection.execute(statement, [None] * (len(names) + 1))
    finally:
        connection.close()


@pytest.fixture
async def connection(postgres_server):
    connection = await asyncpg.connect(postgres_server)
    yield connection
    await connection.close(timeout=5)


@RELAXED
@given(made=postgres_selects)
async def test_postgres_finds_as_many_parameters(made, connection, tmp_path):
    sql, names = made
    assert parameters(sql, "postgres") == names
    statement = await connection.prepare(translated(tmp_path, sql, names, "postgres"))
    assert [parameter.name for parameter in statement.get_parameters()] == ["text"] * len(set(names))


@RELAXED
@given(
    made=st.one_of(
        st.tuples(st.just("sqlite"), sqlite_selects), st.tuples(st.just("postgres"), postgres_selects)
    )
)
def test_translation_changes_nothing_but_the_placeholders(made, tmp_path):
    engine, (sql, names) = made
    declared = list(dict.fromkeys(names))
    expected = "".join(
        token.text
        if token.kind != "parameter"
        else "?"
        if engine == "sqlite"
        else f"${declared.index(token.text[1:]) + 1}::text"
        for token in scan(sql, engine)
    )
    assert translated(tmp_path, sql, names, engine) == expected


NOISE = st.lists(
    st.sampled_from(
        [
            *(
                "'",
                '"',
                "`",
                "[",
                "]",
                "(",
                ")",
                "$",
                "$$",
                "$a$",
                "E'",
                "e'",
                "U&'",
                "X'",
                "\\",
                "\\'",
                ":",
                "::",
            ),
            *(
                ":a",
                ":1",
                ":é",
                "a",
                "é",
                "1",
                "1.",
                ".5",
                "?",
                "@",
                "#",
                "--",
                "/*",
                "*/",
                "\n",
                "\r",
                " ",
                ";",
            ),
            *("\0", "\ufeff", "CREATE TRIGGER ", "BEGIN ", "END", "CASE ", "CREATE FUNCTION ", "-- name: "),
            *("-- name: q() :changed\n", "(a: int) :value int\n", "\v", "😀", "IN (", ",", "."),
        ]
    ),
    max_size=30,
).map("".join)
ENGINES = st.sampled_from(("sqlite", "postgres"))


@settings(max_examples=500, deadline=None)
@given(text=NOISE | st.text(), engine=ENGINES, binds=st.booleans())
@example(text="E'a'\n'\\", engine="postgres", binds=True)
@example(text="/*/", engine="sqlite", binds=True)
def test_tokens_tile_any_text_that_can_be_read(text, engine, binds):
    try:
        tokens = scan(text, engine, binds=binds)
    except ScanError as error:
        assert 0 <= error.offset < len(text)
        return
    assert "".join(token.text for token in tokens) == text
    assert [token.start for token in tokens] == [
        sum(len(token.text) for token in tokens[:index]) for index in range(len(tokens))
    ]
    assert all(token.text for token in tokens)


@settings(max_examples=500, deadline=None)
@given(text=NOISE | st.text(), engine=ENGINES)
def test_between_statements_are_only_space_comments_and_semicolons(text, engine):
    try:
        spans = split(text, engine)
    except ScanError:
        return
    position = 0
    for start, end in [*spans, (len(text), len(text))]:
        assert position <= start <= end
        between = [token for token in scan(text, engine, binds=False) if position <= token.start < start]
        assert {token.text for token in significant(between)} <= {";"}
        position = end


WORDS = [
    "CREATE",
    "TEMP",
    "TEMPORARY",
    "TRIGGER",
    "EXPLAIN",
    "BEGIN",
    "END",
    ";",
    ";",
    "'a;'",
    "x",
    "CASE",
    "/* ; */",
]


@settings(max_examples=500, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=20))
def test_sqlite_agrees_with_every_cut(words):
    script = " ".join(words)
    spans = split(script, "sqlite")
    for start, end in spans:
        statement = script[start:end]
        cuts = [token.end for token in scan(statement, "sqlite") if token.text == ";"]
        complete = [cut for cut in cuts if sqlite3.complete_statement(statement[:cut])]
        assert complete == [len(statement)] or (not complete and end == spans[-1][1])


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=NOISE | NOISE.map("-- About.\n-- name: q(a: int) :changed\n{}".format) | st.text(), engine=ENGINES
)
def test_any_file_loads_or_says_where_it_is_wrong(text, engine, tmp_path):
    (tmp_path / "t.sql").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(tmp_path, engine, {}, store="test")
    except QueryFileError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert error.problem


@pytest.mark.parametrize(
    "piece",
    ["/*", "/**/(", "$a$b", "[a:b", "E'a'\n", "E'\\'", "'", "--\n", "(", "1.", ":a,"],
)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_time_grows_with_the_text_and_not_with_its_square(piece, engine):
    def seconds(length):
        text = piece * (length // len(piece))
        best = 60.0
        for _ in range(5):
            started = time.process_time()
            try:
                split(text, engine)
                scan(text, engine)
            except ScanError:
                pass
            best = min(best, time.process_time() - started)
        return best

    gc.disable()  # its own cost grows with what other tests left behind
    try:
        assert seconds(80_000) < 0.01 + 60 * seconds(8_000)  # ten times the text; its square would be 100
    finally:
        gc.enable()
