"""Rules (a), (b) and (c) of saving a history, without a database."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.stores.chatbot.history import (
    DIGEST_MODULUS,
    Change,
    compare,
    digest_of,
    leading_system_items,
)


def items(text: str) -> list[tuple[str, str]]:
    """One item a letter; capitals are system items."""
    return [("system" if letter.isupper() else "user", letter) for letter in text]


def saved(stored: str, history: str) -> str:
    """What is stored after saving, in letters."""
    change = compare(items(stored), items(history))
    return stored[: change.keep] + history[change.start :]


@pytest.mark.parametrize(
    ("stored", "history", "outcome"),
    [
        ("", "ab", "ab"),
        ("", "Sab", "Sab"),
        ("ab", "abcd", "abcd"),  # (a) the whole history, grown
        ("abcd", "cdef", "abcdef"),  # (a) a window of it, grown
        ("abcdef", "Scdefgh", "abcdefgh"),  # (a) behind a summary
        ("Sab", "Sabcd", "Sabcd"),  # (a) the context is stored once
        ("Sab", "Tabcd", "Sabcd"),  # (a) another context
        ("S", "Sab", "Sab"),
        ("abab", "ababab", "ababab"),  # (a) the longest overlap, not the shortest
        ("abcd", "abcx", "abcx"),  # (b) the last answer again
        ("abcd", "abxy", "abxy"),
        ("abcdef", "ax", "ax"),  # (b) from the first difference on
        ("abcdef", "cdex", "abcdex"),  # (b) like its end
        ("abcdef", "Scdexyz", "abcdexyz"),
        ("Sabcd", "Tabx", "Sabx"),
        ("abca", "abcx", "abcx"),  # the longer agreement is the start, not the single a at the end
        ("ab", "cd", "abcd"),  # (c)
        ("ab", "Scd", "abScd"),
        ("abS", "Scd", "abScd"),  # (c) the context is there already
        ("abcd", "ab", "abcd"),  # a stale list forgets nothing
        ("abcd", "", "abcd"),
        ("Sab", "S", "SabS"),
        ("SabS", "S", "SabS"),
        ("Sab", "ST", "SabST"),  # system items alone never replace anything
    ],
)  # fmt: skip
def test_saving_follows_the_rules(stored: str, history: str, outcome: str) -> None:
    assert saved(stored, history) == outcome


def test_saving_again_changes_nothing() -> None:
    for stored, history in [("abcd", "abxy"), ("ab", "cd"), ("S", "Tab"), ("abc", "bcd"), ("ab", "Sxy")]:
        once = saved(stored, history)
        assert saved(once, history) == once


def test_a_bot_that_cuts_its_list_to_a_summary_and_ten_items_loses_nothing() -> None:
    said = [("user" if number % 2 == 0 else "model", f"text {number}") for number in range(120)]
    stored: list[tuple[str, str]] = []
    history: list[tuple[str, str]] = []
    for number in range(0, 120, 2):
        history += said[number : number + 2]
        change = compare(stored, history)
        stored = stored[: change.keep] + history[change.start :]
        if len(history) > 30:
            history = [("system", f"summary {number}"), *history[-10:]]
    assert stored == said


letters = st.text("abcST", max_size=9)


def brute_force(stored: list[tuple[str, str]], history: list[tuple[str, str]]) -> Change:
    """The rules, told as simply as they can be."""
    first, aside = leading_system_items(stored), leading_system_items(history)
    spoken = history[aside:]
    best = (0, 0)  # (agreeing items, where in what is stored)
    for start in range(first, len(stored)):
        if start > first and len(stored) - start > len(spoken):
            continue  # the list would end before the stored end
        agreed = 0
        while (
            agreed < len(spoken) and start + agreed < len(stored) and spoken[agreed] == stored[start + agreed]
        ):
            agreed += 1
        best = max(best, (agreed, start))
    agreed, start = best
    if agreed and agreed == len(spoken):
        return Change(len(stored), len(history))
    if agreed:
        return Change(start + agreed, aside + agreed)
    known = [n for n in range(aside + 1) if n <= len(stored) and stored[len(stored) - n :] == history[:n]]
    return Change(len(stored), max(known))


@settings(max_examples=1_000, deadline=None)
@given(letters, letters)
def test_comparing_agrees_with_brute_force(stored: str, history: str) -> None:
    assert compare(items(stored), items(history)) == brute_force(items(stored), items(history))


@settings(max_examples=300, deadline=None)
@given(letters, letters)
def test_any_list_saved_twice_changes_nothing_and_is_the_end_of_what_is_stored(
    stored: str, history: str
) -> None:
    once = saved(stored, history)
    assert saved(once, history) == once
    spoken = history[leading_system_items(items(history)) :]
    assert once.endswith(spoken) or once == stored


@settings(max_examples=300, deadline=None)
@given(st.text("ab", max_size=40), st.text("ab", min_size=1, max_size=6))
def test_the_first_and_the_newest_items_decide_alone(stored: str, history: str) -> None:
    window = len(history)
    if len(stored) <= 2 * window:
        return
    ends = stored[:window] + stored[-window:]
    change, seen = compare(items(stored), items(history)), compare(items(ends), items(history))
    assert seen.start == change.start
    left_out = 0 if seen.keep < window else len(stored) - len(ends)
    assert seen.keep + left_out == change.keep


def test_ten_thousand_equal_items_are_compared_in_linear_steps() -> None:
    same = [("user", "ok")] * 10_000
    assert compare(same, [*same[:-1], ("user", "no"), *same]).keep == 10_000


def test_digests_of_parts_add_up() -> None:
    whole = items("abcdefgh")
    assert digest_of(whole) == digest_of(whole[:3]) + digest_of(whole[3:], 3)


def test_digests_tell_order_role_and_text_apart() -> None:
    variants = [items("abc"), items("acb"), items("ab"), [("model", "a"), *items("bc")], items("abd")]
    assert len({digest_of(variant) % DIGEST_MODULUS for variant in variants}) == len(variants)


def test_an_item_moved_elsewhere_changes_the_digest() -> None:
    random.seed(5)
    whole = items("abcdefghij")
    shuffled = random.sample(whole, len(whole))
    assert shuffled != whole
    assert digest_of(shuffled) != digest_of(whole)
