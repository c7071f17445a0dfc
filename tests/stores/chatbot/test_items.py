"""Reading history items: a list of plain ones is read at once, and judged as if each stood alone."""

from collections import UserDict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.chatbot.items import NewItem, read_items

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


class Dictionary(dict):
    """A dict of another class, as some bots' JSON readers give."""


def plain(text: object, role: object = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


VALUES = st.sampled_from(
    ["", "text", "é", "a\0b", "\ud800", None, 5, ["x"], ("x",), {"text": "x"}, {0: {"text": "x"}}]
)
ITEMS = st.one_of(
    st.builds(plain, st.text()),
    st.builds(plain, VALUES, st.sampled_from(["user", "model", "system", "robot", "", None, 5, ["user"]])),
    st.builds(lambda parts: {"role": "user", "parts": parts}, VALUES | st.lists(VALUES, max_size=2)),
    st.builds(lambda key, value: {"role": "user", key: value}, st.sampled_from(["content", "motion", "parts"]), VALUES),
    st.builds(lambda value: plain("t") | {"motion": value}, VALUES),
    st.builds(Dictionary, st.builds(plain, st.text())),
    st.builds(UserDict, st.builds(plain, st.text())),
    st.builds(lambda text: {"role": "user", "parts": [UserDict({"text": text})]}, st.text()),
    VALUES,
)  # fmt: skip


def verdict(history: list[Any]) -> object:
    try:
        return read_items(history, MOMENT)
    except InvalidValue as error:
        return error.reason


@settings(max_examples=500, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=4))
def test_a_list_is_read_as_its_items_alone(history: list[Any]) -> None:
    # An item with a time of its own is not plain, and so the list is read item by item.
    timed = plain("timed") | {"created_at": MOMENT}
    expected = verdict([*history, timed])
    if isinstance(expected, list):
        expected = expected[:-1]
    assert verdict(history) == expected


@pytest.mark.parametrize(
    "bad", [plain("a\0b"), plain("\ud800"), plain(5), plain("x", "robot"), {"role": "user"}, "x"]
)
def test_one_bad_item_among_thousands_is_named(bad: object) -> None:
    history = [plain(f"é {number}") for number in range(3_000)]
    history[2_500] = bad  # type: ignore[call-overload]
    with pytest.raises(InvalidValue, match="item 2500: "):
        read_items(history, MOMENT)


def test_plain_items() -> None:
    assert read_items([plain("one"), plain("two", "model")], MOMENT) == [
        NewItem("user", "one", None, None, False, MOMENT),
        NewItem("model", "two", None, None, False, MOMENT),
    ]
    assert read_items([], MOMENT) == []
