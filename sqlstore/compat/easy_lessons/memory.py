"""The sessions that this process knows: one object a chat, whoever asks for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from sqlstore.stores.lessons import SessionState
from sqlstore.stores.lessons.state import not_stored

KNOWN_SESSIONS: Final = 10_000
"""Most sessions in memory; then the least recently used is forgotten. One whose newest state waits
in the outbox is never: an outbox has bounds of its own."""


class KnownSessions:
    """Sessions by chat.

    - ahead: the chats whose newest state or message is here and in no database yet.
    - forgets_all: those too may be forgotten, where there are too many, or they were idle too long.
    """

    def __init__(self, *, forgets_all: bool) -> None:
        self.ahead: set[str] = set()
        self._forgets_all = forgets_all
        self._states: OrderedDict[str, SessionState] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, chat_id: str) -> asyncio.Lock:
        """The lock that makes the calls about one chat wait for each other."""
        return self._locks.setdefault(chat_id, asyncio.Lock())

    def get(self, chat_id: str) -> SessionState | None:
        """The known session of a chat, or None."""
        state = self._states.get(chat_id)
        if state is not None:
            self._states.move_to_end(chat_id)
        return state

    def put(self, state: SessionState) -> None:
        """Know this session of its chat from now on."""
        self._states[state.chat_id] = state
        self._states.move_to_end(state.chat_id)
        while len(self._states) > KNOWN_SESSIONS:
            oldest = next((chat_id for chat_id in self._states if self._may_forget(chat_id)), None)
            if oldest is None:
                return
            self.forget(oldest)

    def hold(self, state: SessionState, most: int) -> None:
        """Note that this is newer than what a database has; of its messages the newest `most` are held."""
        self.ahead.add(state.chat_id)
        state.forget_old_messages()
        state.recent_messages = state.recent_messages[-most:]

    def forget(self, chat_id: str) -> bool:
        """Know a session no longer; False if it was not known."""
        self.ahead.discard(chat_id)
        return self._states.pop(chat_id, None) is not None

    def forget_idle(self, before: datetime) -> int:
        """Forget the sessions without a change or message since then; how many."""
        idle = [
            chat_id
            for chat_id, state in self._states.items()
            if _last_used(state) < before and self._may_forget(chat_id)
        ]
        for chat_id in idle:
            self.forget(chat_id)
        return len(idle)

    def _may_forget(self, chat_id: str) -> bool:
        return self._forgets_all or chat_id not in self.ahead

    def combine(self, session: SessionState) -> bool:
        """Know this session, and lose no message of the one that was known; True if it was overtaken.

        One that does not go on from the known state only adds its messages to it,
        and then is that state itself.
        """
        known = self.get(session.chat_id)
        overtaken = False
        if known is not None and known is not session:
            overtaken = (known.state_version, known.updated_at) != (session.state_version, session.updated_at)
            first, second = (known, session) if overtaken else (session, known)
            missing = not_stored(second.new_messages, first.recent_messages)
            first.recent_messages = [*first.recent_messages, *missing]
            if overtaken:
                session.become(known)
        self.put(session)
        return overtaken


def _last_used(state: SessionState) -> datetime:
    return max([state.updated_at, *(message.timestamp for message in state.recent_messages)])
