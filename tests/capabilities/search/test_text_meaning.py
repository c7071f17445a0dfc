"""A query means the same three times: by its tree on an index's words, by `matches`, by a plain oracle."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.search.grammar import QUERY_CHARACTERS, QUERY_ITEMS, matches, parse
from sqlstore.capabilities.search.segment import segment
from tests.capabilities.search import oracle
from tests.capabilities.search.oracle import Wish

WORDS = [
    "run", "runs", "running", "runner", "generally", "general", "message", "messages", "a", "i", "gpt", "4",
    "2023", "42", "outrun", "cafe", "x" * 63, "x" * 64, "x" * 70, "and", "or", "not", "near", "работа", "работы", "работу",
    "йод", "елка", "день", "я", "strasse", "σισυφοσ", "שלום", "مرحبا", "नमस्ते",
]  # fmt: skip
GRAMS = [
    "มา", "มาก", "ไทย", "แม่", "ก", "ร้าน", "พฤหัส", "파일", "파일을", "가", "고양이", "한국어", "김치찌개",
    "日本", "日本語", "東京都", "中", "中文", "北京", "がっこう", "カタカナ", "ー", "ລາວ", "ខ្មែរ", "မြန်မာ",
]  # fmt: skip
HOSTILE = ['"', "*", "-", "(", ")", "'", "“", "”", "„", "«", "»", ":", "^", "\\", "\0", "\ud800", "_", "|",
           "&", "!", "<->", "=", "#", "{", "}", "\u200b", "\u200d", "\ufe0f", "\u0301", "\u0306", "\u0e49",
           "\u3099", "👩‍👩‍👧", "1️⃣", "﷽", "ﬁ", "ｶﾞ", "①", "\u202e", "NEAR", " AND ", " OR ", " NOT "]  # fmt: skip
BETWEEN = [" ", ", ", "-", "_", "/", " «", "\n", "\0", "👍", ""]

words = st.sampled_from(WORDS)
grams = st.sampled_from(GRAMS)
old_characters = st.characters().filter(lambda char: unicodedata.ucd_3_2_0.category(char) != "Cn")
pieces = st.one_of(words, grams, st.sampled_from(HOSTILE), st.text(old_characters, max_size=4))
mixtures = st.lists(pieces, max_size=12).map("".join)
spaced_mixtures = st.lists(pieces, max_size=10).map(" ".join)
texts = st.one_of(
    st.lists(st.tuples(st.one_of(words, grams), st.sampled_from(BETWEEN)), max_size=9).map(
        lambda parts: "".join(map("".join, parts))
    ),
    mixtures,
    spaced_mixtures,
)


@st.composite
def row(draw) -> tuple[list[str], str]:
    """Runs, and what stands between them; nothing only where their scripts part them."""
    found = draw(st.lists(st.one_of(words, grams), min_size=1, max_size=3))
    kinds = [oracle.is_gram(run[0]) for run in found]
    apart = all(one != other for one, other in pairwise(kinds))
    return found, draw(st.sampled_from(["", "-", "/"] if apart else ["-", "/"]))


@st.composite
def wishes(draw) -> list[Wish]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        excluded = draw(st.integers(0, 3)) == 0
        kind = draw(st.sampled_from(["word", "prefix", "chunk", "quoted"]))
        if kind in ("word", "prefix"):
            made.append(Wish(kind, [draw(words)], excluded))
        else:
            found, between = draw(row())
            quotes = draw(st.sampled_from([('"', '"'), ("“", "”"), ("„", "“"), ("«", "»")]))
            if kind == "quoted":
                made.append(Wish("form", found, excluded, " ", quotes))
            elif len(found) > 1 or oracle.is_gram(found[0][0]):
                made.append(Wish("form", found, excluded, between))
    return [wish for wish in made if wish.quotes or not re.search("[가-힣]$", wish.runs[-1])]


@settings(max_examples=300, deadline=None)
@given(wishes(), texts)
def test_matches_agrees_with_the_oracle(asked, text):
    query = parse(oracle.written(asked))
    assert matches(query, text) == oracle.is_hit(asked, text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(mixtures, spaced_mixtures, wishes().map(oracle.written)), texts)
def test_the_tree_agrees_with_matches(words, text):
    query = parse(words)
    found = matches(query, text)
    assert found == (not query.is_empty and oracle.holds(query.terms, segment(text)))
    if found:  # an index without positions gives too much, never too little
        assert oracle.holds(query.terms, segment(text), positions=False)


@settings(max_examples=200, deadline=None)
@given(texts, st.data())
def test_any_piece_of_a_gram_run_is_found(text, data):
    found = [run for run in oracle.runs(text) if oracle.is_gram(run[0])]
    for run in found:
        start = data.draw(st.integers(0, len(run) - 1))
        piece = run[start : start + data.draw(st.integers(1, 4))]
        query = parse(f'"{piece}"')
        assert matches(query, text), piece
        assert oracle.holds(query.terms, segment(text)), piece


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=600))
def test_any_text_is_a_query(text):
    query = parse(text)
    assert len(query.items) <= QUERY_ITEMS
    matches(query, text)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_queries_are_read_and_bounded(piece):
    query = parse(piece * 512)
    assert query.is_empty or len(query.items) <= QUERY_ITEMS
    words = [word for item in query.items for word in item.text.split()]
    assert sum(map(len, words)) <= 40 * QUERY_CHARACTERS
