"""For the OpenAI Agents SDK: the extra `sqlstore[openai-agents]`.

    async with State.open("sqlite:///data/state.db") as state:
        session = SqlStoreSession("ann", state)
        await Runner.run(agent, "Hello", session=session)

Any number of sessions share one open store; several processes may use one session.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar, cast

from sqlstore.adapters.other_loop import in_loop
from sqlstore.adapters.windows import Links, json_texts, text_in, window
from sqlstore.engine.outcome import settled
from sqlstore.stores.state import State

try:
    from agents import SessionSettings, TResponseInputItem
    from agents.memory import SessionABC
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.openai_agents needs the package openai-agents: pip install 'sqlstore[openai-agents]'"
    ) from None

T = TypeVar("T")
FRAMEWORK: Final = "openai_agents"
"""Whose items they are, in the tables `histories` and `history_items`."""
_PEOPLE: Final = ("user", "system", "developer")
_ANSWERS: Final = ("mcp_approval_response", "item_reference")


class SqlStoreSession(SessionABC):
    """A conversation that is kept in a database: the SDK's `Session`.

    - session_id: whose conversation it is.
    - session_settings: `limit` is how many items a run gets at most; None means all. A dict with
      other names raises TypeError.

    Methods raise InvalidValue before any I/O for what no database could keep, else a member
    of sqlstore.engine.errors.DatabaseError. A write that has begun is finished when its caller
    is cancelled; CancelledError is raised after it. They may be awaited in any event loop while
    that of the store runs, as `Runner.run_sync` in another thread does.
    """

    def __init__(
        self,
        session_id: str,
        store: State,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = (
            session_settings
            if isinstance(session_settings, SessionSettings)
            else SessionSettings().resolve(session_settings)  # refuses names that it does not know
        )
        self._store = store

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The newest items, oldest first.

        limit: at most so many, at least 1; None means that of `session_settings`. A window never
        begins between a tool call and its output, or between reasoning and what it led to:
        it is shorter then.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        return await self._in_loop(window(self._store, FRAMEWORK, self.session_id, limit, _read))

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items in their order, next to each other, all or none; `[]` changes nothing."""
        texts = json_texts(items, "items")
        await settled(self._in_loop(self._store.append_items(FRAMEWORK, self.session_id, texts)))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the newest item away and give it; None where there is none. Two callers never get the same."""
        text = await settled(self._in_loop(self._store.history_items.pop(FRAMEWORK, self.session_id)))
        return None if text is None else cast("TResponseInputItem", json.loads(text))

    async def clear_session(self) -> None:
        """Forget the conversation."""
        await settled(self._in_loop(self._store.histories.delete(FRAMEWORK, self.session_id)))

    async def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """`Runner.run_sync` makes a loop of its own in a thread that has none."""
        return await in_loop(self._store.loop, work)


def _read(values: Sequence[Any]) -> tuple[list[TResponseInputItem], list[Links]]:
    """The items as they are, and how they hang together.

    What a model makes after reasoning belongs to it, until somebody else speaks.
    """
    links = []
    reasoned = False
    for item in values:
        kind = text_in(item, "type") or ""
        if item.get("role") in _PEOPLE or kind.endswith("_output") or kind in _ANSWERS:
            reasoned = False
            links.append(Links(answers=text_in(item, "call_id") or text_in(item, "approval_request_id")))
            continue
        ids = (text_in(item, "call_id"), text_in(item, "id"))
        reasoning = kind == "reasoning"
        links.append(
            Links(opens=frozenset(filter(None, ids)), follows=reasoned and not reasoning, divides=reasoning)
        )
        reasoned = reasoned or reasoning
    return cast("list[TResponseInputItem]", list(values)), links
