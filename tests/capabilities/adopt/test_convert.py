"""Single values: what the old system may have kept, and what becomes of it."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.adopt.convert import converter
from sqlstore.engine.errors import InvalidValue

BANGKOK = ZoneInfo("Asia/Bangkok")
REASONS = (
    "is not ", "is neither true nor false", "does not fit a 64-bit integer", "must be a finite number",
    "holds a NUL character", "holds a lone surrogate",
)  # fmt: skip
MOMENT = datetime(2025, 12, 26, 3, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-26 10:00:00", "2025-12-26T10:00:00", "2025-12-26 10:00", "2025-12-26 10:00:00.000000",
        "2025-12-26T10:00:00.0", "2025-12-26 10:00:00,000", "2025-12-26T03:00:00Z", "2025-12-26 03:00:00+00:00",
        "2025-12-26T10:00:00+07:00", "2025-12-26 10:00:00 +0700", "2025-12-26 10:00:00+07", "2025-12-25T20:00:00-07:00",
    ],
)  # fmt: skip
def test_every_shape_of_a_time(text):
    assert converter("postgres", "timestamp", BANGKOK)(text) == MOMENT
    assert converter("sqlite", "timestamp", BANGKOK)(text) == "2025-12-26T03:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    ["", "now", "2025-12-26", "10:00:00", "20251226T100000", "26.12.2025 10:00", "2025-13-01 10:00:00",
     "2025-12-26 24:00:00", "2025-12-26 10:60:00", "2025-12-26 10:00:00 Asia/Bangkok", " 2025-12-26 10:00:00",
     "2025-12-26 10:00:00+25:00", "٢٠٢٥-12-26 10:00:00", 1766743200, 1.5, b"2025-12-26 10:00:00"],
)  # fmt: skip
def test_what_is_no_time(text):
    with pytest.raises(InvalidValue) as caught:
        converter("sqlite", "timestamp", UTC)(text)
    assert str(caught.value) == "is not a time"


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(3, 1, 1), max_value=datetime(9998, 1, 1)), st.sampled_from(" T"))
def test_a_time_as_sqlalchemy_writes_it_is_the_same_moment(naive, separator):
    text = naive.isoformat(sep=separator, timespec="microseconds")
    assert converter("postgres", "timestamp", UTC)(text) == naive.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int", True, 1), ("int", 5, 5), ("int", "5", 5), ("int", 5.0, 5), ("int", Decimal(5), 5),
        ("float", 5, 5.0), ("float", Decimal("0.5"), 0.5),
        ("bool", 1, True), ("bool", 0, False), ("bool", True, True),
        ("text", "ไทย", "ไทย"), ("text", 5, "5"),
        ("json", '{"a": [1, null]}', '{"a": [1, null]}'), ("json", 5, "5"),
        ("uuid", "0197D2F0A3B47C0D8E1F2A3B4C5D6E7F", UUID("0197d2f0-a3b4-7c0d-8e1f-2a3b4c5d6e7f")),
        ("bytes", b"x", b"x"),
        (None, {"any": "thing"}, {"any": "thing"}),
    ],
)  # fmt: skip
def test_values_that_are_kept(kind, value, expected):
    found = converter("postgres", kind, UTC)(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("kind", ["int", "float", "bool", "text", "json", "uuid", "bytes", "timestamp", None])
def test_nothing_stays_nothing(kind):
    assert converter("sqlite", kind, UTC)(None) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "five"), ("int", 5.5), ("int", math.inf), ("int", 2**63), ("int", "9" * 19), ("int", b"5"),
        ("float", "0.5"), ("float", math.nan), ("float", math.inf), ("float", True),
        ("bool", 2), ("bool", "true"), ("bool", 0.5),
        ("text", b"x"), ("text", "a\0b"), ("text", "\udcff"), ("text", True),
        ("json", "{"), ("json", "NaN"), ("json", '"\\u0000"'), ("json", "[" * 5000), ("json", b"{}"),
        ("uuid", "no-uuid"), ("uuid", 5), ("bytes", "x"), (None, "\udcff"),
    ],
)  # fmt: skip
def test_values_that_are_refused_are_not_quoted(kind, value):
    with pytest.raises(InvalidValue) as caught:
        converter("sqlite", kind, UTC)(value)
    assert str(caught.value).startswith(REASONS)
