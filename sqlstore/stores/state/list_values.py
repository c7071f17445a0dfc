"""Lists that grow, stored as what was added to them.

A list whose first items are those of an older version is that version, its base, and the
items after it. Bases have bases, but never more than the list has items: a list that is
changed more often than it grows is stored whole now and then. So what is stored, and what is
read again, grows with the items and not with the number of versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sqlstore.stores.state.rows import ListVersion

CANDIDATES: Final = 16
"""How many older versions are looked at for a base."""
LIST: Final = "list"
"""The type of what holds items, each serialized by itself."""
_ALWAYS_DEPTH: Final = 16
"""So many bases are never too many, however short the list."""

Serialized = tuple[str, bytes]
"""What a serializer makes of a value: the name of its way, and the bytes."""


@dataclass(frozen=True, slots=True)
class NewValue:
    """A channel's value in a version that is to be stored; a list as its items, each serialized by itself."""

    channel: str
    version: str
    value: Serialized | list[Serialized]

    def columns(self, candidates: Iterable[ListVersion]) -> tuple[object, ...]:
        """base_id, depth, length, digest, type and data, with the best of the candidates as base."""
        if not isinstance(self.value, list):
            return None, 0, None, None, *self.value
        digests = _digests(self.value)
        base = _longest_base(digests, candidates)
        based = (None, 0) if base is None else (base.id, base.depth + 1)
        added = self.value if base is None else self.value[base.length :]
        return *based, len(self.value), digests[-1], LIST, msgspec.msgpack.encode(added)


def items_in(data: bytes) -> list[Serialized]:
    """The items that a part of a list holds."""
    return msgspec.msgpack.decode(data, type=list[Serialized])


def _longest_base(digests: Sequence[bytes], candidates: Iterable[ListVersion]) -> ListVersion | None:
    """The longest list that this one begins with, of those that have not too many bases themselves."""
    fitting = (
        each
        for each in candidates
        if each.length < len(digests)
        and digests[each.length] == each.digest
        and each.depth < max(_ALWAYS_DEPTH, each.length)
    )
    return max(fitting, key=lambda each: each.length, default=None)


def _digests(items: Iterable[Serialized]) -> list[bytes]:
    """The digest of the first 0, 1, 2 … items."""
    digests = [b""]
    for kind, data in items:
        name = kind.encode()
        framed = b"%b%d:%b%d:%b" % (digests[-1], len(name), name, len(data), data)
        digests.append(hashlib.blake2b(framed, digest_size=20).digest())
    return digests
