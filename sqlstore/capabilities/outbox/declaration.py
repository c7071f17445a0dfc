"""Which methods can be replayed: what `@replayable` says of a method of a repository or store.

    @replayable("conversation_id", made={"message_id": text_id}, repeatable=True)
    async def append(self, conversation_id: str, role: Role, content: str, *, message_id: str | None = None) …

Such a method does nothing but write to its store, and takes what JSON can hold, besides
UUIDs and aware datetimes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar, cast
from uuid import UUID

from sqlstore.engine.errors import UsageError
from sqlstore.engine.identifiers import uuid7

Method = TypeVar("Method", bound=Callable[..., object])
Arguments = Mapping[str, object]

_MARK: Final = "__sqlstore_replay__"


class Codec(NamedTuple):
    """How a parameter's value becomes JSON, and comes back."""

    encode: Callable[[Any], object]
    decode: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Replay:
    """How a method is replayed; see `replayable`."""

    keys: tuple[str, ...]
    made: Mapping[str, Callable[[], str | UUID]]
    codecs: Mapping[str, Codec]
    repeatable: bool
    signature: inspect.Signature

    def complete(
        self, positional: tuple[object, ...], named: Arguments
    ) -> tuple[Arguments, dict[str, str | UUID]]:
        """All arguments by name, with the ids that were not given made; and those.

        Raises TypeError for arguments that the method does not take.
        """
        bound = self.signature.bind(None, *positional, **named)  # None: self
        arguments = dict(bound.arguments)
        del arguments[next(iter(arguments))]
        ids = {name: make() for name, make in self.made.items() if arguments.get(name) is None}
        return arguments | ids, ids

    def keys_of(self, arguments: Arguments) -> frozenset[str]:
        """What a call is about: `chat_id=42`. Calls that share one stay in their order."""
        keys = set()
        for key in self.keys:
            parameter, _, attribute = key.partition(".")
            value = arguments.get(parameter)
            if attribute:
                value = getattr(value, attribute)
            if value is not None:
                keys.add(key_of(attribute or parameter, value))
        return frozenset(keys)

    def encoded(self, arguments: Arguments) -> dict[str, object]:
        """The arguments as they are kept."""
        return {
            name: self.codecs[name].encode(value) if name in self.codecs else value
            for name, value in arguments.items()
        }

    def decoded(self, arguments: Arguments) -> dict[str, object]:
        """The arguments as the method takes them. Raises what the codecs do."""
        return {
            name: self.codecs[name].decode(value) if name in self.codecs else value
            for name, value in arguments.items()
        }


def replayable(
    *keys: str,
    made: Mapping[str, Callable[[], str | UUID]] | None = None,
    codecs: Mapping[str, Codec] | None = None,
    repeatable: bool = False,
) -> Callable[[Method], Method]:
    """Declare that a method can be made later, and again, without changing what it means.

    - keys: the parameters that name what it is about, or an attribute of one (`state.chat_id`). Of two calls that share one, the later
      waits for the earlier. Name the row that is made too, so that its children wait for it.
    - made: ids that the client makes where they are not given: how, by parameter.
    - codecs: how parameters are kept that JSON does not have, by name.
    - repeatable: the same call again finds its row by its id or natural key and changes
      nothing. Others are noted in `outbox_applied`, in a transaction with what they write.
    """

    def mark(method: Method) -> Method:
        declared = Replay(keys, made or {}, codecs or {}, repeatable, inspect.signature(method))
        setattr(method, _MARK, declared)
        return method

    return mark


def replay_of(method: Callable[..., object]) -> Replay:
    """What was declared of a method. Raises UsageError where nothing was."""
    found = getattr(method, _MARK, None)
    if found is None:
        name = getattr(method, "__qualname__", "this")
        raise UsageError(
            f"{name} cannot be replayed: its row has no id of the client's and no natural key; "
            "await it without `save`, or declare it with @replayable"
        )
    return cast("Replay", found)


def is_replayable(method: object) -> bool:
    """Whether anything was declared."""
    return hasattr(method, _MARK)


def key_of(name: str, value: object) -> str:
    """How a key is written: `chat_id=42`."""
    return f"{name}={value}"


def text_id() -> str:
    """A UUID of version 7 as text."""
    return str(uuid7())
