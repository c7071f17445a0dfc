"""The scanner: tokens, statements, errors and positions."""

import sqlite3

import pytest

from sqlstore.engine.sqltext import ScanError, line_and_column, scan, significant, split

ENGINES = ("sqlite", "postgres")


def tokens(sql, engine="postgres", **options):
    return [(token.kind, token.text) for token in significant(scan(sql, engine, **options))]


def statements(script, engine):
    return [script[start:end] for start, end in split(script, engine)]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_kind_of_token_is_told_from_the_others(engine):
    assert [token.kind for token in scan("SELECT\t\"a\" , 'b', 1.5e3, :c -- d\n/* e */", engine)] == [
        *("word", "space", "identifier", "space", "symbol", "space", "string", "symbol", "space"),
        *("number", "symbol", "space", "parameter", "space", "comment", "space", "comment"),
    ]


def test_a_token_knows_where_it_starts_and_ends():
    parameter = scan("SELECT :name;", "sqlite")[2]
    assert (parameter.text, parameter.start, parameter.end) == (":name", 7, 12)


def test_brackets_and_backticks_quote_identifiers_on_sqlite_alone():
    assert tokens("[a:b] `c``:d`", "sqlite") == [("identifier", "[a:b]"), ("identifier", "`c``:d`")]
    assert tokens("[:b]", "postgres") == [("symbol", "["), ("parameter", ":b"), ("symbol", "]")]


def test_unicode_and_bit_literals_are_single_tokens_on_postgres():
    assert tokens("U&\"x\" u&'x' B'01' x'ff'") == [
        ("identifier", 'U&"x"'),
        *(("string", text) for text in ("u&'x'", "B'01'", "x'ff'")),
    ]


def test_block_comments_nest_on_postgres_alone():
    nested = "/* a /* b */ :c */"
    assert tokens(nested, "postgres") == []
    assert ("parameter", ":c") in tokens(nested, "sqlite")


def test_a_carriage_return_ends_a_line_comment_on_postgres_alone():
    assert tokens("-- a\r:b", "postgres") == [("parameter", ":b")]
    assert tokens("-- a\r:b", "sqlite") == []


def test_an_escape_string_goes_on_in_the_literals_joined_to_it_by_a_newline():
    joined = "E'a' -- and\n  'it\\'s :x'"
    assert tokens(joined + ":y") == [("string", joined), ("parameter", ":y")]


def test_a_dollar_quote_ends_at_its_own_tag():
    assert tokens("$a$ $b$ :x $$ $a$ :y") == [("string", "$a$ $b$ :x $$ $a$"), ("parameter", ":y")]
    assert tokens("$été$ :x $été$") == [("string", "$été$ :x $été$")]


def test_placeholders_are_symbols_in_scripts_to_which_nothing_is_bound():
    assert tokens("RETURN $1 + :1", binds=False)[1] == ("symbol", "$1")
    assert tokens("SELECT ?1, @a, $b", "sqlite", binds=False)[1] == ("symbol", "?1")
    with pytest.raises(ScanError, match="dollar quote is not closed"):
        scan("SELECT $a$ x", "postgres", binds=False)


@pytest.mark.parametrize(
    ("engine", "sql", "offset", "problem"),
    [
        ("sqlite", "SELECT 'it''s", 7, "string is not closed"),
        ("postgres", "SELECT 'it''s", 7, "string is not closed"),
        ("postgres", r"SELECT E'it\'s", 7, "string is not closed"),
        ("postgres", "SELECT E'a'\n'b", 12, "string is not closed"),
        ("sqlite", 'SELECT "a""b', 7, 'identifier is not closed; end it with "'),
        ("sqlite", "SELECT `a", 7, "identifier is not closed; end it with `"),
        ("sqlite", "SELECT [a", 7, "identifier is not closed; end it with ]"),
        ("postgres", "SELECT $tag$ $x$ $$", 7, "dollar quote is not closed; end it with $tag$"),
        ("sqlite", "SELECT /* a", 7, "comment is not closed"),
        ("postgres", "SELECT /* /* a */", 7, "comment is not closed"),
        ("sqlite", "SELECT 1 \0", 9, "NUL"),
        ("postgres", "SELECT $", 7, "a lone $"),
        ("sqlite", "SELECT $$a$$", 7, "a lone $"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_start(engine, sql, offset, problem):
    with pytest.raises(ScanError) as caught:
        scan(sql, engine)
    assert caught.value.offset == offset
    assert problem in caught.value.problem


SQLITE_SCRIPTS = {
    "two statements": ["SELECT 1;", "SELECT 2;"],
    "semicolons in strings and names": ["SELECT ';', \";\", [;], `;`;", "SELECT 2;"],
    "semicolons in comments": ["SELECT 1 -- ;\n;", "SELECT /* ; */ 2;"],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;", "SELECT 1;"],
    "a temporary trigger": ["create temp trigger t insert on a begin select 1; end;", "SELECT 1;"],
    "a trigger with CASE … END": [
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; END;",
        "SELECT CASE 1 WHEN 1 THEN 2 END;",
    ],
    "a trigger with comments before END": [
        "CREATE TRIGGER t DELETE ON a BEGIN SELECT 1; -- end;\n /* end; */ END;",
        "SELECT 1;",
    ],
    "an explained trigger": [
        "EXPLAIN QUERY PLAN CREATE TRIGGER t DELETE ON a BEGIN SELECT 1; END;",
        "SELECT 1;",
    ],
    "a trigger with an empty statement": ["CREATE TRIGGER t DELETE ON a BEGIN SELECT 1;; END;", "SELECT 1;"],
    "a trigger where END does not end it": ["CREATE TRIGGER t DELETE ON a BEGIN SELECT 1; END x; END;"],
    "a table called trigger": ['CREATE TABLE "trigger" (a);', "SELECT 1;"],
    "END as a column's name": ['CREATE TRIGGER t DELETE ON a BEGIN SELECT 1; SELECT "end"; END;', "END;"],
}


@pytest.mark.parametrize("parts", SQLITE_SCRIPTS.values(), ids=SQLITE_SCRIPTS)
def test_sqlite_scripts_are_cut_where_sqlite_says_they_are_complete(parts):
    assert all(sqlite3.complete_statement(part) for part in parts)
    assert statements("\n".join(parts), "sqlite") == parts


POSTGRES_SCRIPTS = {
    "dollar quoted bodies": [
        "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; SELECT 2; $$ LANGUAGE sql;",
        "DO $do$ BEGIN PERFORM 1; END $do$;",
    ],
    "BEGIN ATOMIC … END": [
        "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;",
        "SELECT 1;",
    ],
    "a procedure with arguments": [
        'CREATE PROCEDURE p(a int, "begin" text) BEGIN ATOMIC DELETE FROM t; END;',
        "BEGIN;",
        "END;",
    ],
    "a rule with several actions": ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", "SELECT 3;"],
    "a table called function": ['CREATE TABLE "function" (a int);', "BEGIN;", "SELECT 1;"],
    "a parenthesis too many": ["SELECT 1);", "SELECT 2;"],
}


@pytest.mark.parametrize("parts", POSTGRES_SCRIPTS.values(), ids=POSTGRES_SCRIPTS)
def test_postgres_scripts_are_cut_where_psql_cuts_them(parts):
    assert statements("\n".join(parts), "postgres") == parts


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_statement_may_go_without_its_semicolon(engine):
    assert statements("SELECT 1;\nSELECT 2 -- end", engine) == ["SELECT 1;", "SELECT 2"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("script", ["", " \n", "-- only a comment", ";", " ; /* a */ ;; -- b"])
def test_a_script_without_statements_has_no_spans(engine, script):
    assert split(script, engine) == []


def test_lines_and_columns_are_counted_from_one_and_in_characters():
    text = "a\r\nété :b\n"
    assert line_and_column(text, 0) == (1, 1)
    assert line_and_column(text, text.index(":b")) == (2, 5)
    assert line_and_column(text, len(text)) == (3, 1)
