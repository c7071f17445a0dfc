"""The gate of whole columns gives the verdict of the gate of single values."""

import math
import uuid
from collections.abc import Callable
from datetime import UTC
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import Engine, TypeName, column_encoder, encoder


class Number(int):
    """What is not exactly an int."""

    __slots__ = ()


class Text(str):
    """What is not exactly a str."""

    __slots__ = ()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**64), 2**64), st.text(), st.floats(), st.binary(),
    st.datetimes(timezones=st.just(UTC)), st.uuids(), st.lists(st.integers(), max_size=2),
    st.sampled_from(
        [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, "a\0b", "\ud800", "é", Number(5), Text("t"), math.nan, -0.0]
    ),
)  # fmt: skip
ALIKE = st.one_of(
    st.lists(st.integers(-(2**63) - 2, 2**63 + 1)),
    st.lists(st.text(st.characters(exclude_categories=()))),
    st.lists(st.one_of(st.none(), st.text())),
)


def verdict(encode: Callable[[], object]) -> object:
    try:
        return encode()
    except InvalidValue as error:
        return error.reason


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(get_args(Engine)), st.sampled_from(get_args(TypeName)), ALIKE | st.lists(VALUES))
def test_each_value_is_judged_as_alone(engine: Engine, kind: TypeName, values: list[object]) -> None:
    one, column = encoder(engine, kind, nullable=True, is_list=False), column_encoder(engine, kind)
    expected = verdict(lambda: [one(value) for value in values])
    found = verdict(lambda: list(column(values)))
    assert found == expected
    if isinstance(found, list) and isinstance(expected, list):
        assert [*map(type, found)] == [*map(type, expected)]


BAD: list[tuple[TypeName, object, object]] = [
    ("int", 7, 2**63), ("int", 7, -(2**63) - 1), ("int", 7, True), ("int", 7, "7"), ("int", 7, 7.0),
    ("text", "é", "a\0b"), ("text", "é", "\ud800"), ("text", "é", 5), ("text", "é", b"bytes"), ("text", "é", uuid.uuid4()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "good", "bad"), BAD)
def test_one_bad_value_among_thousands_is_found(kind: TypeName, good: object, bad: object) -> None:
    with pytest.raises(InvalidValue):
        column_encoder("postgres", kind)([good] * 5_000 + [bad] + [good] * 5_000)


def test_the_largest_and_smallest_pass() -> None:
    numbers = [2**63 - 1, -(2**63)]
    assert column_encoder("sqlite", "int")(numbers) == numbers
