"""A search agrees with what people mean, judged by others: a small part of bench/search_truth.py."""

import pytest

from bench import search_truth
from sqlstore.capabilities.search.segment import stem

pytestmark = pytest.mark.slow


def test_english_stems_agree_with_lemmas():
    found = search_truth.stems_and_lemmas(search_truth.english_texts(), "en", every=3)
    assert found.recall >= 0.975
    assert found.precision >= 0.92


def test_russian_stems_agree_with_lemmas():
    found = search_truth.stems_and_lemmas(search_truth.russian_texts()[::6], "ru", every=5)
    assert found.recall >= 0.91
    assert found.precision >= 0.84


def test_thai_words_come_before_what_is_inside_other_words():
    hits = search_truth.thai_words(search_truth.thai_sentences())
    share = search_truth.thai_precision(hits)
    assert len(hits) >= 20
    assert share["newest, by newmm"] < 0.5
    assert share["ranked, by newmm"] >= 0.84
    assert share["ranked, by hand"] >= 0.8


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("went", "goes"),
        ("children", "child"),
        ("bought", "buying"),
        ("сообщения", "сообщением"),
        ("ёлка", "ёлке"),
    ],
)
def test_forms_of_a_word(one, other):
    assert stem(one) == stem(other)
