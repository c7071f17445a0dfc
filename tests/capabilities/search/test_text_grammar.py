"""What people type, and what it finds: each rule of the grammar by example."""

import pytest

from sqlstore.capabilities.search.grammar import QUERY_CHARACTERS, QUERY_ITEMS, matches, parse
from sqlstore.engine.search_terms import AllOf, AnyOf, Character, Phrase, Without, Word

FOUND = [
    # a bare word: every word with its stem
    ("run", "she RUNS"),
    ("goes", "we went"),
    ("машину", "Машины не заводятся"),
    ("cafe", "a Café"),
    ("елка", "ЁЛКИ"),
    ("2023", "in 2023."),
    # every item
    ("engine start", "the start of an engine"),
    ("engine AND start", "and so the engines started"),
    # the very forms
    ('"does not start"', "it does not, START"),
    ("“two words”", "two words"),
    ("„zwei Worte“", "zwei Worte"),
    ("«два слова»", "два слова"),
    ('say "two words', "two words, they said"),
    ('x"y z"', "x, y z"),
    # prefix
    ("invo*", "invoices"),
    ("сообщ*", "сообщение"),
    ("GPT-4*", "gpt 4o"),
    ("มา*", "มาก"),
    # inside a run, however short
    ("มา", "สามารถ"),
    ("京都", "東京都"),
    ("都", "東京都"),
    ("น้ำ", "แม่นํ้า"),
    ("ㅋ", "ㅋㅋㅋ"),
    # Korean particles
    ("파일을", "파일이 있다"),
    ("파일에서는", "이 파일"),
    ("학교", "학교에서"),
    ("PDF를", "the PDF"),
    ("PDF파일을", "pdf 파일"),
    # several runs
    ("GPT-4", "gpt 4"),
    ("PDF파일", "PDF 파일들"),
    ("example.com/a", "see example.com/a!"),
    ("don't", "I don't"),
    # without
    ("engine -start", "the engine"),
    ("-start engine", "the engine"),
    ('engine -"not start"', "the engine starts"),
    ("engine - start", "start the engine"),
    ("well-known", "a well-known fact"),
]
NOT_FOUND = [
    ("run", "a trunk"),
    ("running*", "we run"),
    ('"run"', "she runs"),
    ('"run"', "we outrun"),
    ('"run 4"', "outrun 4"),
    ('"run 4"', "run 42"),
    ('"two words"', "two other words"),
    ("engine start", "engine"),
    ("invo", "invoice"),
    ("GPT-4", "gpt 3, then 4"),
    ("GPT-4", "gpt 4o"),
    ("PDF파일", "pdf 그 파일"),
    ("йод", "иод"),
    ("京阪", "東京 阪"),
    ('"파일을"', "파일이"),
    ("나는", "나의"),
    ("engine -start", "the engine starts"),
    ("engine -start*", "the engine has a starter"),
    ("engine -파일", "engine 파일을"),
    ("x OR y", "x"),
    ("a", "ab"),
    ("-start", "nothing at all"),
    ("", ""),
    ("?! 👍", "?! 👍"),
]


@pytest.mark.parametrize(("query", "text"), FOUND)
def test_found(query, text):
    assert matches(parse(query), text)


@pytest.mark.parametrize(("query", "text"), NOT_FOUND)
def test_not_found(query, text):
    assert not matches(parse(query), text)


@pytest.mark.parametrize(
    "query", ["", "  ", "-", "*", '"', '""', "-x", '-"x y" -z', "👩‍👩‍👧 ❤️", "\0", "\ud800", "(*)"]
)
def test_a_query_with_nothing_to_look_for_is_empty(query):
    assert parse(query).is_empty


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("running", AnyOf((Word("run", "stem"), Word("run")))),
        ("2023", Word("2023")),
        ("invo*", Word("invo", prefix=True)),
        ('"one two"', Phrase((Word("one"), Word("two")))),
        ("日本語", Phrase((Word("日本"), Word("本語")))),
        ("日本", Word("日本")),
        ("日", Character("日")),
        ("파일을", Word("파일")),
        ("PDF파일", Phrase((Word("pdf"), Word("파일")))),
        ("파일PDF", Phrase((Word("파일"), Word("일"), Word("pdf")))),
        ("12 34 -56", Without(AllOf((Word("12"), Word("34"))), Word("56"))),
        ("x" * 70 + "*", Word("x" * 64, prefix=True)),
    ],
)
def test_trees(query, terms):
    assert parse(query).terms == terms


def test_limits():
    many = parse(" ".join(f"{number}" for number in range(QUERY_ITEMS + 5)))
    assert len(many.items) == QUERY_ITEMS
    assert matches(many, " ".join(map(str, range(QUERY_ITEMS))))
    long = "a " + "." * (QUERY_CHARACTERS - 2) + "b"
    assert parse(long).terms == parse("a").terms
