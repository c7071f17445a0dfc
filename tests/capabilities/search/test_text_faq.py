"""Questions in words of their own find the stored question that they mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.search.faq import FAQ_THRESHOLD, faq_scores, faq_terms
from sqlstore.capabilities.search.segment import segment
from tests.capabilities.search import faq_table, oracle

EVERY_STORED = [
    one["question"]
    for subject in faq_table.QUESTIONS.values()
    for table in subject.values()
    for one in table["stored"]
]


@pytest.mark.parametrize(("subject", "least"), [("shop", 0.92), ("school", 0.92)])
def test_paraphrases_are_answered_and_unrelated_questions_are_not(subject, least):
    found = faq_table.outcome(subject)
    asked = found.right + found.wrong + found.none
    assert found.right / asked >= least, found
    assert found.wrong / asked <= 0.04, found
    assert found.unrelated_answered / found.unrelated <= 0.03, found


def test_a_stored_question_answers_itself():
    for question in EVERY_STORED:
        scores = faq_scores(question.upper(), EVERY_STORED)
        assert max(scores) == pytest.approx(1) == scores[EVERY_STORED.index(question)]


def test_words_that_every_question_has_do_not_answer():
    stored = ["How do I reset my password?", "How do I cancel my order?"]
    assert max(faq_scores("How do I ride a horse?", stored)) < FAQ_THRESHOLD
    assert faq_scores("Hello", []) == []
    assert faq_scores("?!", stored) == [0.0, 0.0]


def test_a_question_of_function_words_alone_still_finds_its_like():
    stored = ["Who are you?", "What is your name?", "Where are you?"]
    scores = faq_scores("who are you", stored)
    assert scores.index(max(scores)) == 0
    assert oracle.holds(faq_terms("who are you"), segment(stored[0]))


def test_rare_words_count_more():
    stored = ["order a pizza", "order a taxi", "order a ticket", "taxi rank"]
    scores = faq_scores("taxi order", stored)
    assert scores[1] == max(scores)
    assert faq_scores("taxi", stored)[1] > faq_scores("order", stored)[1]


def test_nothing_to_look_for():
    assert faq_terms("?! 👍") is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.sampled_from(EVERY_STORED), st.integers(0, 30), st.integers(1, 20))
def test_what_scores_is_among_the_candidates(noise, stored, start, length):
    question = noise + " " + stored[start : start + length]
    score = faq_scores(question, [stored], 50)[0]
    assert 0 <= score <= 1 + 1e-9
    if score >= FAQ_THRESHOLD:
        assert oracle.holds(faq_terms(question), segment(stored))
