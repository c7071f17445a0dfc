"""For LangChain: the extra `sqlstore[langchain]`.

    async with State.open("sqlite:///data/state.db") as state:
        history = SqlStoreChatMessageHistory("ann", state)
        await history.aadd_messages([HumanMessage("Hello"), AIMessage("Hello, Ann!")])

Any number of histories share one open store; several processes may use one history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlstore.adapters.other_loop import from_thread
from sqlstore.adapters.windows import Links, json_texts, window
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.outcome import settled
from sqlstore.stores.state import State

try:
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.messages import (
        AIMessage,
        BaseMessage,
        ToolMessage,
        message_to_dict,
        messages_from_dict,
    )
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.langchain needs the package langchain-core: pip install 'sqlstore[langchain]'"
    ) from None

FRAMEWORK: Final = "langchain"
"""Whose items they are, in the tables `histories` and `history_items`."""


class SqlStoreChatMessageHistory(BaseChatMessageHistory):
    """The messages of a conversation, kept in a database: LangChain's `BaseChatMessageHistory`.

    - session_id: whose conversation it is.
    - limit: only so many of the newest messages are read, at least 1; None means all.

    The methods with `a` in front are the native ones. The others do the same from a thread
    that has no part in the store's event loop, and raise asyncio.InvalidStateError in that
    loop. All raise InvalidValue before any I/O for what no database could keep, else a member
    of sqlstore.engine.errors.DatabaseError. A write that has begun is finished when its caller
    is cancelled; CancelledError is raised after it.
    """

    def __init__(self, session_id: str, store: State, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise InvalidValue("must be at least 1, or None for all messages", parameter="limit")
        self.session_id = session_id
        self.limit = limit
        self._store = store

    async def aget_messages(self) -> list[BaseMessage]:
        """The newest messages, oldest first, at most `limit`.

        Where a window would begin with a tool's answer whose call is before it, it is shorter.
        """
        return await window(self._store, FRAMEWORK, self.session_id, self.limit, _read)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages in their order, next to each other, all or none; `[]` changes nothing."""
        texts = json_texts([message_to_dict(message) for message in messages], "messages")
        await settled(self._store.append_items(FRAMEWORK, self.session_id, texts))

    async def aclear(self) -> None:
        """Forget the conversation."""
        await settled(self._store.histories.delete(FRAMEWORK, self.session_id))

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """What `aget_messages` gives, from another thread than the loop's."""
        return from_thread(self._store.loop, self.aget_messages(), "history.aget_messages()")

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """What `aadd_messages` does, from another thread than the loop's."""
        from_thread(self._store.loop, self.aadd_messages(messages), "history.aadd_messages(messages)")

    def clear(self) -> None:
        """What `aclear` does, from another thread than the loop's."""
        from_thread(self._store.loop, self.aclear(), "history.aclear()")


def _read(values: Sequence[Any]) -> tuple[list[BaseMessage], list[Links]]:
    messages = messages_from_dict(list(values))
    return messages, [_links(message) for message in messages]


def _links(message: BaseMessage) -> Links:
    if isinstance(message, ToolMessage):
        return Links(answers=message.tool_call_id)
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return Links(opens=frozenset(call["id"] for call in calls if call["id"]))
