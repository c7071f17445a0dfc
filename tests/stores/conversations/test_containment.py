"""JSON containment: PostgreSQL's `@>`, and the same answers on SQLite.

`contains` is the rule as PostgreSQL documents it (chapter 8.14.3, "jsonb Containment and Existence").
"""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import Json
from sqlstore.stores.conversations import Conversations


def contains(document: Json, pattern: Json, *, whole: bool = True) -> bool:
    if isinstance(pattern, dict):
        return isinstance(document, dict) and all(
            key in document and contains(document[key], value, whole=False) for key, value in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(document, list) and all(
            any(contains(element, value, whole=False) for element in document) for value in pattern
        )
    if isinstance(document, list):  # the one exception: an array contains a single value
        return whole and any(contains(element, pattern, whole=False) for element in document)
    same_kind = isinstance(document, bool) == isinstance(pattern, bool)
    return not isinstance(document, dict) and same_kind and document == pattern


DOCUMENTED = [
    ("foo", "foo", True),
    ([1, 2, 3], [1, 3], True),
    ([1, 2, 3], [3, 1], True),
    ([1, 2, 3], [1, 2, 2], True),
    ({"product": "PostgreSQL", "version": 9.4, "jsonb": True}, {"version": 9.4}, True),
    ([1, 2, [1, 3]], [1, 3], False),
    ([1, 2, [1, 3]], [[1, 3]], True),
    ({"foo": {"bar": "baz"}}, {"bar": "baz"}, False),
    ({"foo": {"bar": "baz"}}, {"foo": {}}, True),
    (["foo", "bar"], "bar", True),
    ("bar", ["bar"], False),
]
PARTICULAR = [
    ([[1, 2], [3]], [[1, 3]], False),
    ([[1], [[2]]], 2, False),
    ({"a": [1]}, {"a": 1}, False),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": True}, False),
    ({"a": 0}, {"a": False}, False),
    ({"a": None}, {"a": None}, True),
    ({"a": None}, {"a": 0}, False),
    ({}, {"a": None}, False),
    ({"a": 1}, {"b": 1}, False),
    ([{"a": {"b": 1}}], [{"a": {"c": 1}}], False),
    ({"a": 1}, {}, True),
    ([], {}, False),
    ([1], [], True),
    ([{"a": 1}, {"b": 2}], [{"a": 1, "b": 2}], False),
    ([{"a": 1, "b": 2}], [{"a": 1}, {"b": 2}], True),
    ({"": {"": 1}}, {"": {"": 1}}, True),
    ({"a.b": 1}, {"a": {"b": 1}}, False),
    ({'ключ\n"': "ค่า\\"}, {'ключ\n"': "ค่า\\"}, True),
    ({"a": "\u00e9"}, {"a": "e\u0301"}, False),  # composed and decomposed are different texts
    ({"0": 1}, [1], False),
    ({"a": 2**53 + 1}, {"a": float(2**53)}, False),
    ({"a": 2**63 - 1}, {"a": 2**63 - 1}, True),
    ({"a": -0.0}, {"a": 0}, True),
    ({"a": 1e20}, {"a": 1e20}, True),
]


@pytest.fixture
async def chat(store: Conversations) -> str:
    return (await store.conversations.create(1)).id


async def append(store: Conversations, chat: str, document: Any) -> int:
    return (await store.messages.append(chat, "user", "x", routing_info=document, metadata=document)).seq


@pytest.mark.parametrize(("document", "pattern", "expected"), DOCUMENTED + PARTICULAR)
async def test_containment_is_as_postgresql_documents_it(
    store: Conversations, chat: str, document: Any, pattern: Json, expected: bool
) -> None:
    assert contains(document, pattern) is expected
    await append(store, chat, document)
    await store.conversations.create(2, metadata=document)
    assert bool(await store.messages.by_routing_info(pattern)) is expected
    assert bool(await store.messages.by_metadata(pattern)) is expected
    found = await store.conversations.by_metadata(pattern)
    assert (2 in [conversation.user_id for conversation in found]) is expected


scalars = st.one_of(
    st.sampled_from([None, True, False, 0, 1, 1.0, 2, "", "a", "b", "1", 0.5]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
)
keys = st.sampled_from(["a", "b", "", "0"])
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)


@st.composite
def documents_and_a_pattern(draw: st.DrawFn) -> tuple[list[Json], Json]:
    """Documents, and a pattern that is often a part of one of them."""
    stored = draw(st.lists(documents.filter(lambda document: document is not None), min_size=1, max_size=6))
    if draw(st.booleans()):
        return stored, draw(documents)
    return stored, draw_part(draw, draw(st.sampled_from(stored)))


def draw_part(draw: st.DrawFn, document: Json) -> Json:
    if draw(st.integers(0, 15)) == 0:
        return draw(scalars)
    if isinstance(document, dict):
        kept = {key: draw_part(draw, value) for key, value in document.items() if draw(st.booleans())}
        return {draw(keys): value for value in kept.values()} if draw(st.integers(0, 7)) == 0 else kept
    if isinstance(document, list):
        chosen = draw(st.permutations(document))[: draw(st.integers(0, len(document)))]
        return [draw_part(draw, element) for element in chosen]
    return document


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(example=documents_and_a_pattern())
async def test_both_engines_agree_with_the_rule(
    store: Conversations, execute: Any, example: tuple[list[Json], Json]
) -> None:
    stored, pattern = example
    await execute("DELETE FROM conversations")
    await store.conversations.create(1, conversation_id="c")
    sequence = await asyncio.gather(*(append(store, "c", document) for document in stored))
    expected = {seq for seq, document in zip(sequence, stored, strict=True) if contains(document, pattern)}
    assert {message.seq for message in await store.messages.by_routing_info(pattern)} == expected
    assert {message.seq for message in await store.messages.by_metadata(pattern)} == expected


async def test_hits_are_newest_first_and_paged(store: Conversations, chat: str) -> None:
    hits = [await append(store, chat, {"agent": "weather", "number": number}) for number in range(5)]
    await append(store, chat, {"agent": "news"})
    found = await store.messages.by_routing_info({"agent": "weather"}, limit=2)
    assert [message.seq for message in found] == [hits[4], hits[3]]
    assert found[0].routing_info == {"agent": "weather", "number": 4}
    found = await store.messages.by_metadata({"agent": "weather"}, before=hits[3])
    assert [message.seq for message in found] == hits[2::-1]
    conversations = [
        await store.conversations.create(1, metadata={"a": 1, "n": number}) for number in range(3)
    ]
    assert await store.conversations.by_metadata({"a": 1}, limit=2) == [conversations[2], conversations[1]]
    assert await store.conversations.by_metadata({"a": 1}, before=conversations[1].seq) == [conversations[0]]


async def test_more_hits_than_are_sorted_at_once_are_found_from_the_newest_on(
    store: Conversations, chat: str, execute: Any
) -> None:
    values = ", ".join(f"('m{number}', '{chat}', 'user', 'x', '{{\"a\": 1}}')" for number in range(1_500))
    await execute(f"INSERT INTO messages (id, conversation_id, role, content, routing_info) VALUES {values}")
    found = await store.messages.by_routing_info({"a": 1}, limit=3)
    assert [message.id for message in found] == ["m1499", "m1498", "m1497"]
    found = await store.messages.by_routing_info({"a": 1}, limit=3, before=found[-1].seq)
    assert [message.id for message in found] == ["m1496", "m1495", "m1494"]


async def test_a_column_that_is_null_contains_nothing(store: Conversations, chat: str, execute: Any) -> None:
    await append(store, chat, {"a": 1})
    await execute("UPDATE messages SET routing_info = NULL")
    for pattern in ({}, [], None, {"a": 1}):
        assert await store.messages.by_routing_info(pattern) == []


async def test_a_pattern_of_many_choices_is_answered_at_once(store: Conversations, chat: str) -> None:
    numbers: list[Json] = list(range(20))
    await append(store, chat, [numbers for _ in range(10)])
    pattern: Json = [[*numbers[:15], 99] for _ in range(8)]  # 10 ** 8 ways to lay it on the document
    assert await store.messages.by_routing_info(pattern) == []
    assert len(await store.messages.by_routing_info([numbers[:15] for _ in range(8)])) == 1


@pytest.mark.parametrize("pattern", [float("nan"), {"a": 2**63}, {1: 2}, "\ud800", {"a": {1}}])
async def test_a_pattern_that_is_no_json_is_refused(store: Conversations, pattern: Any) -> None:
    for call in (
        store.messages.by_routing_info(pattern),
        store.messages.by_metadata(pattern),
        store.conversations.by_metadata(pattern),
    ):
        with pytest.raises(InvalidValue) as caught:
            await call
        assert caught.value.parameter == "contained"
