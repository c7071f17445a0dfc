"""What comes first, and what of it is shown."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.search.grammar import matches, parse
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.ranking import score, snippet
from sqlstore.capabilities.search.snippets import SNIPPET_LENGTH
from sqlstore.capabilities.search.thai import word_likelihood
from tests.capabilities.search.oracle import written
from tests.capabilities.search.test_text_meaning import mixtures, texts, wishes

DAY_S = 86_400.0


def best(query: str, *texts: str) -> str:
    """The text that comes first, all of the same age."""
    return max(texts, key=lambda text: score(parse(query), text, 0))


@pytest.mark.parametrize(
    ("query", "first", "second"),
    [
        ("run", "a run", "a runner runs"),
        ("running", "we are running", "we run"),
        ("invo*", "your invo", "your invoice"),
        ("мама", "мама мыла раму", "маму видели вчера"),
        ("มา", "เขามาแล้ว", "สามารถทำได้"),
        ("มา", "มา ดู", "อร่อยมาก"),
        ("ตา", "ตาแดง", "ตามหา"),
        ("กา", "กา ดำ", "การบ้าน"),
        ("한국", "한국에서 왔어요", "대한국민"),
        ("고양이", "고양이를 봤다", "고양시에 산다"),
        ("京都", "京都に行く", "東京都に行く"),
        ("日", "その日は", "日本語"),
    ],
)
def test_words_of_their_own_and_typed_forms_come_first(query, first, second):
    assert best(query, second, first) == first


def test_more_often_shorter_and_newer_come_first():
    query = parse("pump")
    assert best("pump", "pump and more words here", "pump and pump words here").count("pump") == 2
    assert best("pump", "the pump " + "is long " * 40, "the pump is short") == "the pump is short"
    assert (
        score(query, "pump", 0) > score(query, "pump", 30 * DAY_S) > score(query, "pump", 3_000 * DAY_S) > 0
    )
    often = score(query, "pump " * 1_000, 0)
    assert often < 3 * score(query, "pump", 0)  # saturated


@pytest.mark.parametrize(
    ("text", "start", "is_word"),
    [
        ("มา", 0, True),
        ("เขามาแล้ว", 3, True),
        ("สามารถ", 2, False),
        ("มาก", 0, False),
        ("เมาแล้ว", 1, False),
        ("มาร์ค", 0, False),
    ],
)
def test_thai_words(text, start, is_word):
    assert (word_likelihood(text, start, start + 2) > 0.05) is is_word


def shown(query: str, text: str, **options: int) -> list[str]:
    """The highlighted parts of a snippet."""
    made = snippet(parse(query), text, **options)
    return [made.text[start:end] for start, end in made.highlights]


@pytest.mark.parametrize(
    ("query", "text", "highlighted"),
    [
        ("run", "He runs, I ran, we are RUNNING.", ["runs", "ran", "RUNNING"]),
        ("cafe", "the CAFE\u0301 there", ["CAFÉ"]),
        ("ёлка", "Ёлки и ЕЛКА", ["Ёлки", "ЕЛКА"]),
        ("invo*", "an invoice", ["invo"]),
        ('"does not start"', "it Does -- not start!", ["Does -- not start"]),
        ("แม่", "เเม่ของฉัน", ["เเม่"]),
        ("파일을", "그 파일이 없다", ["파일"]),
        ("PDF파일", "내 pdf 파일은", ["pdf 파일"]),
        ("京都 -大阪", "東京都と京都", ["京都", "京都"]),
        ("ガ", "ｶﾞｽ", ["ｶﾞ"]),
        ("kg", "5 ㎏ of it", ["㎏"]),
        ("日本", "日本日本", ["日本日本"]),
        ("x -y", "nothing here", []),
    ],
)
def test_what_is_found_is_highlighted(query, text, highlighted):
    assert shown(query, text) == highlighted


def test_a_long_text_is_cut_around_what_is_found():
    text = "begin " + "word " * 3_000 + "the needle\nis here " + "word " * 3_000 + "needle"
    made = snippet(parse("needle here"), text)
    assert "the needle is here" in made.text
    assert made.text[0] == made.text[-1] == "…"
    assert len(made.text) <= SNIPPET_LENGTH + 2
    assert [made.text[start:end] for start, end in made.highlights] == ["needle", "here"]


def test_nothing_found_shows_the_beginning():
    assert snippet(parse("zebra"), "short").text == "short"
    made = snippet(parse("zebra"), "long " * 100, 20)
    assert made.text == "long long long long …"
    assert made.highlights == ()


def test_a_cut_does_not_part_what_is_shown_as_one():
    text = "ก" + "ที่" * 100 + " needle " + "ที่" * 100
    for length in range(50, 60):
        made = snippet(parse("needle"), text, length).text.strip("…")
        assert unicodedata.category(made[0])[0] != "M"
        assert made[-1] != "ท"


@settings(max_examples=300, deadline=None)
@given(st.one_of(mixtures, wishes().map(written)), texts, st.integers(10, 200))
def test_snippets_hold_what_they_say(words, text, length):
    query = parse(words)
    composed = unicodedata.normalize("NFC", text)
    made = snippet(query, text, length)
    inner = made.text.removeprefix("…").removesuffix("…") if len(composed) > length else made.text
    assert len(inner) <= length
    assert inner in "".join(" " if char.isspace() else char for char in composed)
    end = 0
    for start, stop in made.highlights:
        assert end <= start < stop <= len(made.text)
        end = stop
        assert normalize(made.text[start:stop]).strip()
    found = score(query, text, 0)
    assert 0 <= found <= 2
    if matches(query, text) and len(composed) <= length:
        assert found > 0
        assert made.highlights


@pytest.mark.parametrize(
    "text", ["a" * 256_000, "word " * 50_000, "มา" * 60_000, "한 " * 100_000, "\u0301" * 100_000]
)
def test_a_large_text_takes_no_more_than_its_length(text):
    query = parse("a word มา 한 -zebra")
    started = time.process_time()
    for _ in range(2):
        matches(query, text)
        score(query, text, 0)
        snippet(query, text)
    whole = time.process_time() - started
    started = time.process_time()
    for _ in range(2):
        for piece in range(8):
            part = text[piece * len(text) // 8 : (piece + 1) * len(text) // 8]
            matches(query, part)
            score(query, part, 0)
            snippet(query, part)
    assert whole < 4 * (time.process_time() - started)
