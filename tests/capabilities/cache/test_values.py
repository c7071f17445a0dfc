"""What lies in Redis is read as it was written, or not at all."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlstore.capabilities.cache.values import MOST_BYTES, ValueCodec
from sqlstore.stores.conversations.rows import Message

CODEC = ValueCodec(Message)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(fold=0)
)
MESSAGES = st.builds(
    Message,
    st.integers(-(2**63), 2**63 - 1), TEXT, TEXT, st.sampled_from(["user", "assistant", "system"]), TEXT,
    st.none() | TEXT, JSON, JSON, st.none() | MOMENTS, JSON,
)  # fmt: skip
ROW = Message(1, "m", "c", "user", "text", None, {}, [], datetime(2024, 1, 1, tzinfo=UTC), {})


def value_of(*rows: Message, owner: str = "c") -> bytes:
    value = CODEC.encode(owner, "version", list(rows), complete=False)
    assert value is not None
    return value


@given(st.lists(MESSAGES, max_size=4), TEXT)
def test_rows_come_back_as_they_were(rows: list[Message], owner: str) -> None:
    kept = CODEC.decode(value_of(*rows, owner=owner), owner)
    assert kept is not None
    assert repr(kept.rows) == repr(rows)
    assert (kept.owner, kept.version, kept.complete) == (owner, "version", False)


@given(st.binary(max_size=200))
def test_bytes_that_are_not_ours_are_no_value(value: bytes) -> None:
    assert CODEC.decode(value, "c") is None


def test_one_byte_that_changed_makes_it_none() -> None:
    value = value_of(ROW)
    for place in range(len(value)):
        damaged = bytearray(value)
        damaged[place] ^= 1
        assert CODEC.decode(bytes(damaged), "c") is None
        assert CODEC.decode(value[:place], "c") is None
    assert CODEC.decode(value + b"\0", "c") is None
    assert CODEC.decode(value, "c") is not None


def test_another_owners_value_is_none() -> None:
    assert CODEC.decode(value_of(ROW, owner="d"), "c") is None


@pytest.mark.parametrize(
    "change",
    [
        {"content": (str, "")},
        {"agent_used": (str | None, "")},
        {"added": (str, "")},
        {"seq": (str, "")},
    ],
)
def test_another_releases_rows_are_none(change: dict[str, tuple[object, str]]) -> None:
    """The same class in another release: a field more, fewer, renamed, or of another type."""
    fields = {field.name: field.type for field in msgspec.structs.fields(Message)}
    for name, (kind, _) in change.items():
        fields.pop(name, None) if name in ("content", "agent_used") else fields.update({name: kind})
    other = ValueCodec(msgspec.defstruct("Message", list(fields.items()), frozen=True))
    assert CODEC._kind != other._kind
    assert other.decode(value_of(ROW), "c") is None
    theirs = msgspec.convert({name: msgspec.to_builtins(getattr(ROW, name, "")) for name in fields}, dict)
    kind = msgspec.defstruct("Message", list(fields.items()), frozen=True)
    if "seq" not in change:
        written = other.encode("c", "version", [kind(**theirs)], complete=False)
        assert written is not None
        assert CODEC.decode(written, "c") is None


def test_rows_that_cannot_be_kept_make_no_value() -> None:
    long = msgspec.structs.replace(ROW, content="x" * MOST_BYTES)
    wide = msgspec.structs.replace(ROW, metadata={"n": 2**70})
    deep: object = None
    for _ in range(20_000):
        deep = [deep]
    for row in (long, wide, msgspec.structs.replace(ROW, metadata=deep)):
        assert CODEC.encode("c", "version", [row], complete=False) is None
    just = msgspec.structs.replace(ROW, content="x" * (MOST_BYTES - len(value_of(ROW)) - 10))
    assert MOST_BYTES - 20 < len(value_of(just)) <= MOST_BYTES
