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
"""Most sessions in memory; then the least recently used is forgotten, a durable one first."""


class KnownSessions:
    """Sessions by chat; `volatile` are the chats whose newest state or message is only here."""

    def __init__(self) -> None:
        self.volatile: set[str] = set()
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
            durable = (chat_id for chat_id in self._states if chat_id not in self.volatile)
            self.forget(next(durable, next(iter(self._states))))

    def forget(self, chat_id: str) -> bool:
        """Know a session no longer; False if it was not known."""
        self.volatile.discard(chat_id)
        return self._states.pop(chat_id, None) is not None

    def forget_idle(self, before: datetime) -> int:
        """Forget the sessions without a change or message since then; how many."""
        idle = [chat_id for chat_id, state in self._states.items() if _last_used(state) < before]
        for chat_id in idle:
            self.forget(chat_id)
        return len(idle)

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
