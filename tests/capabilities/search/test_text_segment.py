"""The words that an index keeps of a text."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.search.english_forms import FORMS
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.segment import INDEX_VERSION, Tokens, segment, spaced, stem, stem_forms
from sqlstore.demo.dialogues import load_dialogues
from tests.capabilities.search.test_text_meaning import HOSTILE, mixtures


@pytest.mark.parametrize(
    ("text", "body", "stems", "characters"),
    [
        ("The engines STARTED.", ["the", "engines", "started"], ["engin", "start"], ""),
        ("не заводятся", ["не", "заводятся"], ["завод"], ""),
        ("東京都", ["東京", "京都", "都"], [], "東京都"),
        ("茶", ["茶"], [], "茶"),
        ("มาก", ["มา", "าก", "ก"], [], "มาก"),
        ("PDF파일2", ["pdf", "파일", "일", "2"], [], "파일"),
        ("ｶﾞｽ ㎏ ﬁn", ["ガス", "ス", "kg", "fin"], [], "ガス"),
        ("naïve_user", ["naive", "user"], ["naiv"], ""),
        ("x" * 100, ["x" * 64], [], ""),
        ("שלום नमस्ते مرحبا", ["שלום", "नमस्ते", "مرحبا"], [], ""),
        ("👩‍👩‍👧 ?!\0\ud800", [], [], ""),
        ("", [], [], ""),
    ],
)
def test_words(text, body, stems, characters):
    assert segment(text) == Tokens(body, stems, list(characters))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), mixtures))
def test_words_are_letters_digits_and_marks(text):
    tokens = segment(text)
    for word in tokens.body + tokens.stems + tokens.characters:
        assert word
        assert normalize(word) == word
        assert not set(word) & set(" \t\n'\"\\*:&|!()-=#<>")
        assert len(word) <= 64
    assert len(tokens.stems) <= len(tokens.body)


def test_hostile_texts_are_cut():
    for piece in HOSTILE:
        segment(piece * 1_000)


def test_the_version_says_who_made_the_words():
    ours, *stemmers = INDEX_VERSION.split("-")
    assert ours.isdigit()
    assert stemmers[0] == "snowball"


def test_stems_in_several_threads_at_once_are_the_same():
    words = [f"{beginning}{ending}" for beginning in ("abcdefgh"[i:j] for i in range(7) for j in range(i + 1, 8))
             for ending in ("ing", "ational", "izations", "fulness", "ed")] * 4  # fmt: skip
    uncached = stem.__wrapped__
    alone = list(map(uncached, words))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(uncached, words)) == alone
    finally:
        sys.setswitchinterval(interval)


def test_the_forms_of_a_stem_are_found_as_if_every_word_were_stemmed():
    texts = [text for dialogue in load_dialogues() for _, text in dialogue.turns][::7]
    words = spaced(normalize(" ".join([FORMS, *texts]))).split()
    runs_of_text = f" {' '.join(words)} "
    places: dict[str, list[tuple[int, int]]] = {}
    start = 1
    for word in words:
        for name in {word, stem(word)}:
            places.setdefault(name, []).append((start, start + len(word)))
        start += len(word) + 1
    stems = {stem(word) for word in words if stem(word) != word}
    assert len(stems) > 800
    for name in stems:
        assert stem_forms(runs_of_text, name) == places[name], name
