"""The lessons store: what a tutoring bot remembers of each chat.

async with Lessons.open("sqlite:///data/bot.db") as lessons:
    state = await lessons.load_session("42") or SessionState("42")
    state.add_message("user", "Why is the sky blue?")
    state = await lessons.save_session(state)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from sqlstore.capabilities.outbox import Codec, replayable
from sqlstore.engine.clock import now
from sqlstore.engine.errors import Conflict, InvalidValue
from sqlstore.engine.values import Json
from sqlstore.store import Store
from sqlstore.stores.lessons import rows
from sqlstore.stores.lessons.repositories import MessageRepository, SessionRepository
from sqlstore.stores.lessons.rows import Message, Role
from sqlstore.stores.lessons.state import (
    RECENT_MESSAGES,
    SessionState,
    check_chat_id,
    check_count,
    not_stored,
    stored_message,
)


def _checked_document(state: SessionState) -> dict[str, Any]:
    state.check()
    return state.to_dict()


class Lessons(Store):
    """A tutoring bot's sessions and messages.

    Its methods raise InvalidValue before any I/O for what no database could
    keep, else a member of sqlstore.engine.errors.DatabaseError.
    """

    name = "lessons"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "sessions": rows.Session,
        "messages": rows.Message,
    }

    sessions: SessionRepository
    messages: MessageRepository

    async def load_session(self, chat_id: str) -> SessionState | None:
        """The state of a chat with its newest 30 messages, or None for a chat never seen."""
        session = await self.sessions.get(chat_id)
        if session is None:
            return None
        # A save between the two reads shows only in the messages; the older state's
        # version then keeps it from being saved over the newer one.
        messages = await self.messages.latest(chat_id, RECENT_MESSAGES)
        return SessionState.of(session, map(stored_message, messages))

    async def save_session(self, state: SessionState) -> SessionState:
        """Keep a state and its new messages (those without an id), all or nothing.

        Gives the state as it is stored, each message with its id: go on with that one.
        The state handed over is left as it is. One that was deleted meanwhile is begun
        anew, with its new messages.

        Raises Conflict, and writes nothing, where another writer saved since this state
        was loaded: load again and repeat. A transaction given to `run` does that by itself.
        """
        state.check()
        given = state.copy()

        async def save(tx: Lessons) -> SessionState | None:
            return await tx._save(given)

        saved = await self.run(save)
        if saved is None:
            raise Conflict("another writer saved this session meanwhile; load it again and repeat")
        return saved

    async def _save(self, state: SessionState) -> SessionState | None:
        """Give what is stored then, None where a newer state is."""
        new = state.new_messages
        moment = max(now(), *(message.timestamp for message in new)) if new else now()
        session = await self.sessions.save(state, moment)
        if session is None:
            return None
        added = map(stored_message, await self.messages.append_many(state.chat_id, new))
        messages = [next(added) if message.id is None else message for message in state.recent_messages]
        return SessionState.of(session, messages)

    @replayable("state.chat_id", codecs={"state": Codec(_checked_document, SessionState.from_dict)})
    async def merge_session(
        self, state: SessionState, *, based_on: Mapping[str, Json] | None = None
    ) -> tuple[SessionState, bool]:
        """Keep a state's new messages whatever others saved; its other columns only where they are not older.

        - based_on: the columns that this state goes on from, where it is not known with which
          version they are stored: those of a state that still waited in an outbox. None means
          from `state_version`.

        Gives the state as it is stored, and whether another writer's newer state was
        there and stands. Messages that an earlier try stored already (its answer was
        lost) are not stored twice.
        """
        state.check()
        given = state.copy()

        async def merge(tx: Lessons) -> tuple[SessionState, bool]:
            await tx._go_on_from(given, based_on)
            new = given.new_messages
            rows = await tx.messages.latest(given.chat_id, RECENT_MESSAGES + len(new))
            stored = [stored_message(row) for row in rows]
            merged = given.copy()
            merged.recent_messages = [*stored, *not_stored(new, stored)]
            saved = await tx._save(merged)
            if saved is not None:
                return saved, False
            await tx.messages.append_many(given.chat_id, merged.new_messages)
            newest = await tx.load_session(given.chat_id)
            assert newest is not None  # noqa: S101 - a first state is always the newest
            return newest, newest.columns() != given.columns()

        return await self.run(merge)

    async def _go_on_from(self, state: SessionState, based_on: Mapping[str, Json] | None) -> None:
        """Give a state the version of what is stored, where that is what it goes on from."""
        stored = None if based_on is None else await self.sessions.get(state.chat_id)
        if stored is not None and all(
            getattr(stored, name) == value for name, value in (based_on or {}).items()
        ):
            state.state_version, state.created_at = stored.state_version, stored.created_at

    @replayable("chat_id")
    async def append_message(
        self, chat_id: str, role: Role, content: str, timestamp: datetime | None = None
    ) -> Message:
        """Add one message; a session never seen is begun. timestamp: None means now."""

        async def append(tx: Lessons) -> Message | None:
            return await tx.messages.append(chat_id, role, content, timestamp)

        async def create_and_append(tx: Lessons) -> Message | None:
            await tx.sessions.create(chat_id)
            return await append(tx)

        check_chat_id(chat_id)
        message = await append(self) or await self.run(create_and_append)
        assert message is not None  # noqa: S101 - the session was just begun
        return message

    async def cleanup_old_sessions(self, hours: int = 168) -> int:
        """Delete sessions without a change or message for more than so many hours, with their messages.

        Gives how many. In small transactions, so that an interruption leaves whole sessions.
        """
        (sessions,) = await self.cleanup(older_than=now() - hours_ago(hours))
        return sessions.rows


def hours_ago(hours: int) -> datetime:
    """So many hours before now. Raises InvalidValue for fewer than 1, or more than there ever were."""
    check_count(hours, "hours")
    try:
        return now() - timedelta(hours=hours)
    except OverflowError:
        raise InvalidValue("reaches back before the year 1", parameter="hours") from None
