"""What lies in Redis: the newest rows of an owner, and the version that the database gave with them.

A value is the CRC-32 of what follows, then msgpack. Whatever does not fit in every respect
(another row type, another owner, a byte that changed) is no value.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)

MOST_BYTES: Final = 256 * 1024
"""The longest value that is kept, in bytes."""
_CHECKSUM_BYTES: Final = 4
_FORMAT: Final = 1


class Kept(msgspec.Struct, Generic[R], frozen=True, array_like=True, forbid_unknown_fields=True):
    """The newest rows of an owner, oldest first.

    - kind: of the format and the row type; another release may have other fields.
    - owner: whose rows they are. version: of all the owner's rows.
    - complete: there are no older rows.
    """

    kind: str
    owner: str
    version: str
    complete: bool
    rows: list[R]

    def covers(self, limit: int) -> bool:
        """Whether the newest `limit` rows are all here."""
        return self.complete or len(self.rows) >= limit


class ValueCodec(Generic[R]):
    """Values of one row type."""

    def __init__(self, row: type[R]) -> None:
        fields = ",".join(f"{field.name}:{field.type}" for field in msgspec.structs.fields(row))
        self._kind = f"{_FORMAT} {row.__name__}({fields})"
        self._encode = msgspec.msgpack.Encoder().encode
        decoder = msgspec.msgpack.Decoder(Kept[row])  # type: ignore[valid-type]  # the row type
        self._decode: Callable[[bytes], Kept[R]] = decoder.decode

    def encode(self, owner: str, version: str, rows: list[R], *, complete: bool) -> bytes | None:
        """A value, or None for rows that make none: too long, too deep, numbers of more than 64 bits."""
        try:
            body = self._encode(Kept(self._kind, owner, version, complete, rows))
        except (OverflowError, ValueError, TypeError, RecursionError):
            return None
        if len(body) + _CHECKSUM_BYTES > MOST_BYTES:
            return None
        return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") + body

    def decode(self, value: bytes, owner: str) -> Kept[R] | None:
        """What lies in a value; None for one that is not ours, or not this owner's."""
        body = value[_CHECKSUM_BYTES:]
        if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") != value[:_CHECKSUM_BYTES]:
            return None
        try:
            kept = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return kept if (kept.kind, kept.owner) == (self._kind, owner) else None
