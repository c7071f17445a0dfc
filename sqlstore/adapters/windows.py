"""Windows on a history that no model's API refuses: what belongs together is in it as a whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.state import State

T = TypeVar("T")
_LOOK_BACK: Final = 16
"""So many items before a window are read with it: what its first item belongs to is mostly there."""


@dataclass(frozen=True, slots=True)
class Links:
    """How an item hangs together with others.

    - opens: ids of the tool calls it makes. answers: the call whose output it is.
    - follows: it belongs to the item before, so no window may begin with it.
    - divides: what belongs together after it can be told without what is before it.
    """

    opens: frozenset[str] = frozenset()
    answers: str | None = None
    follows: bool = False
    divides: bool = True


def whole_from(links: Sequence[Links], start: int) -> int:
    """The first place at or after `start` from which on no item lacks what it belongs to."""
    while True:
        begin = start
        while start < len(links) and links[start].follows:
            start += 1
        opened: set[str] = set()
        for place in range(start, len(links)):
            answered = links[place].answers
            if answered is not None and answered not in opened:
                start = place + 1
                opened.clear()
            opened |= links[place].opens
        if start == begin:
            return start


async def window(
    state: State,
    framework: str,
    session_id: str,
    limit: int | None,
    read: Callable[[Sequence[Any]], tuple[list[T], list[Links]]],
) -> list[T]:
    """The newest items of a history, oldest first, at most `limit` of them, cut where nothing is torn apart.

    - limit: None means all of them, as they are. read: makes items of JSON values, with their links.
    """
    if limit is None:
        rows = await state.history_items.newest(framework, session_id)
        return read([json.loads(row.item) for row in rows])[0]
    if limit <= 0:
        return []
    wanted = limit + _LOOK_BACK
    while True:
        rows = await state.history_items.newest(framework, session_id, wanted)
        items, links = read([json.loads(row.item) for row in rows])
        start = max(0, len(items) - limit)
        if len(rows) < wanted or any(link.divides for link in links[:start]):
            return items[whole_from(links, start) :]
        wanted *= 2


def json_texts(items: Sequence[object], parameter: str) -> list[str]:
    """Each item as a JSON document that both databases take, NUL and lone surrogates escaped.

    Raises InvalidValue, naming the item's place, for one that JSON cannot hold.
    """
    texts = []
    for place, item in enumerate(items):
        try:
            text = json.dumps(item, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            texts.append(text if _is_utf8(text) else json.dumps(item, separators=(",", ":")))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidValue(
                f"item {place} cannot be written as JSON ({type(error).__name__})", parameter=parameter
            ) from None
    return texts


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_in(item: Mapping[str, object], key: str) -> str | None:
    """A member that is text, else None."""
    value = item.get(key)
    return value if isinstance(value, str) else None
