"""The same values in, the same values out; the same values refused, before any I/O."""

import math
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from ledger_store import Ledger

from sqlstore.engine.errors import InvalidValue

TEXTS = [
    "", " ", "plain", "it's", 'say "hi"', "back\\slash", "per%cent_", "line\r\nbreak\ttab", "\x01\x7f\x1b[0m",
    "สวัสดีครับ", "안녕하세요", "привет, ёжик", "こんにちは", "你好吗", "مرحبا", "नमस्ते", "👩‍👩‍👧‍👦", "e\u0301 é", "\ufeffbom",
    "\ud7ff\ue000\uffff\U0010ffff", "'; DROP TABLE samples; --", "$1 :name ? %s {x}", "x" * 100_000,
]  # fmt: skip
DOCUMENTS: list[Any] = [
    {}, [], [1, 2, 3], {"a": {"b": [None, True, False, "ไทย"]}}, "text", 7, -0.5, 1e300, 1e-300, 1e20, -1e16, [{"a": 1.5e17}],
    2**63 - 1, -(2**63), {"": 0}, {"key with ' and \"": 1}, [[[[[]]]]], True, "\x7f",
]  # fmt: skip
GOOD: list[tuple[str, Any]] = [
    *(("words", text) for text in TEXTS),
    *(("document", document) for document in DOCUMENTS),
    *(("whole", number) for number in (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))),
    *(("fraction", number) for number in (0.0, -0.0, 0.1, 1e308, 5e-324, math.pi, 3)),
    *(("flag", flag) for flag in (True, False)),
    *(("data", data) for data in (b"", b"\x00\xff", bytes(range(256)) * 50)),
    *(
        ("moment", moment)
        for moment in (
            datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
            datetime(2, 1, 2, tzinfo=UTC),
            datetime(9998, 12, 31, 12, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=7))),
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
        )
    ),
    *(
        ("code", code)
        for code in (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid5(uuid.NAMESPACE_DNS, "x"))
    ),
]


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


BAD: list[tuple[str, Any]] = [
    ("words", "nul\0inside"), ("words", "\0"), ("words", "\ud800"), ("words", "a\udfffb"), ("words", b"bytes"),
    ("words", 5), ("words", True), ("words", ["a"]), ("words", "x" * (64 * 1024 * 1024 + 1)),
    ("whole", 2**63), ("whole", -(2**63) - 1), ("whole", 10**5000), ("whole", "5"), ("whole", 5.0), ("whole", True),
    ("whole", math.nan), ("whole", b"1"), ("whole", [1]),
    ("fraction", math.nan), ("fraction", math.inf), ("fraction", -math.inf), ("fraction", "1.5"),
    ("fraction", True), ("fraction", 10**400),
    ("flag", 0), ("flag", 1), ("flag", "true"), ("flag", 1.0),
    ("data", "text"), ("data", 5), ("data", [1]),
    ("moment", datetime(2026, 1, 1)), ("moment", "2026-01-01T00:00:00Z"), ("moment", 0),
    ("moment", datetime(1, 1, 1, tzinfo=UTC)), ("moment", datetime(9999, 12, 31, tzinfo=UTC)),
    ("moment", datetime(2, 1, 1, 0, tzinfo=timezone(timedelta(hours=23)))),
    ("code", "00000000-0000-0000-0000-000000000000"), ("code", 0), ("code", b"\0" * 16),
    ("document", {"a": math.nan}), ("document", [math.inf]), ("document", {"a\0": 1}), ("document", {"a": "\0"}),
    ("document", {"\ud800": 1}), ("document", ["\udc00"]), ("document", {1: "a"}), ("document", {None: 1}),
    ("document", {True: 1}), ("document", {"a": b"x"}), ("document", {"a": {1, 2}}), ("document", 2**64),
    ("document", {"a": datetime(2026, 1, 1)}), ("document", deep(101)), ("document", deep(100_000)),
    ("document", object()),
]  # fmt: skip


def label(case: Any) -> str:
    shown = ascii(case)
    return shown if len(shown) < 40 else f"{shown[:30]}…"


async def test_every_good_value_comes_back_equal(ledger: Ledger) -> None:
    for number, (column, value) in enumerate(GOOD):
        written = await ledger.samples.put(number, **{column: value})
        read = await ledger.samples.get(number)
        assert read == written
        assert getattr(read, column) == value, label(value)
        if column in ("flag", "whole", "words", "data", "document"):
            assert type(getattr(read, column)) is type(value)
        if column == "fraction":
            assert type(read.fraction) is float
            assert math.copysign(1, read.fraction) == math.copysign(1, value or 1)
        if column == "moment":
            assert read.moment.utcoffset() == timedelta(0)


async def test_none_comes_back_as_none(ledger: Ledger) -> None:
    row = await ledger.samples.put(1)
    assert [getattr(row, name) for name in row.__struct_fields__[1:]] == [None] * 8


async def test_every_bad_value_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    for column, value in BAD:
        with pytest.raises(InvalidValue) as raised:
            await ledger.samples.put(1, **{column: value})
        assert raised.value.parameter == column
        assert raised.value.query == "ledger.samples.put"
        assert column in str(raised.value)
    assert await ledger.samples.count() == 0


async def test_a_refused_value_is_never_quoted(ledger: Ledger) -> None:
    with pytest.raises(InvalidValue) as raised:
        await ledger.samples.put(1, words="canary 4711\0")
    assert "canary" not in f"{raised.value} {raised.value!r}"


async def test_none_is_refused_where_a_value_must_be(ledger: Ledger) -> None:
    with pytest.raises(InvalidValue, match="None"):
        await ledger.accounts.add(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [-1, -(2**63), True, "1", 2**63])
async def test_what_stands_after_limit_is_a_number_of_rows(ledger: Ledger, size: Any) -> None:
    """SQLite takes a negative one for no limit; PostgreSQL refuses it."""
    await ledger.accounts.add("anna")
    with pytest.raises(InvalidValue) as refused:
        await anext(ledger.accounts.pages(size))
    assert refused.value.parameter == "page_size"


async def test_moments_sort_as_time(ledger: Ledger) -> None:
    moments = [value for column, value in GOOD if column == "moment"]
    for number, moment in enumerate(moments):
        await ledger.samples.put(number, moment=moment)
    assert [row.moment for row in await ledger.samples.moments()] == sorted(moments)


async def test_text_sorts_by_code_point(ledger: Ledger) -> None:
    words = [text for text in TEXTS if len(text) < 100]
    for number, text in enumerate(words):
        await ledger.samples.put(number, words=text)
    assert [row.words for row in await ledger.samples.in_words_order()] == sorted(words)
