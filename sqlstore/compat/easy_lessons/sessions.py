"""Sessions of the tutoring bot in the database, as it always asked for them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlstore.compat.easy_lessons.database import DatabaseManager
from sqlstore.compat.easy_lessons.events import Stopwatch, session_event
from sqlstore.stores.lessons import Session, SessionState


class SessionRepository:
    """Sessions, each with its newest messages.

    Its methods raise Unavailable while the database is away or switched off,
    InvalidValue for what no database could keep, else a DatabaseError.
    """

    def __init__(self, database: DatabaseManager) -> None:
        self._database = database

    async def load_session(self, chat_id: str) -> SessionState | None:
        """The state of a chat with its newest 30 messages, or None for a chat never seen."""
        watch = Stopwatch()
        state = await self._database.use(lambda lessons: lessons.load_session(chat_id))
        if state is not None:
            session_event("loaded", chat_id, watch)
        return state

    async def save_session(self, state: SessionState) -> None:
        """Keep a state and its new messages, all or nothing; the messages then have their ids.

        Raises Conflict, and writes nothing, where another writer saved since the state was loaded.
        """
        watch, given = Stopwatch(), state.copy()
        saved = await self._database.use(lambda lessons: lessons.save_session(given))
        session_event("saved", state.chat_id, watch)
        stored = {
            id(message): kept
            for message, kept in zip(given.recent_messages, saved.recent_messages, strict=True)
        }
        _follow(state, saved)
        state.recent_messages = [stored.get(id(message), message) for message in state.recent_messages]
        state.forget_old_messages()

    async def merge_session(self, state: SessionState) -> bool:
        """Keep a state's new messages whatever others saved; True where another's newer state stands.

        The state then is the stored one. See `Lessons.merge_session`.
        """
        watch, given = Stopwatch(), state.copy()
        saved, overtaken = await self._database.use(lambda lessons: lessons.merge_session(given))
        session_event("saved", state.chat_id, watch)
        handed_over = {id(message) for message in given.recent_messages}
        said_meanwhile = [message for message in state.recent_messages if id(message) not in handed_over]
        if overtaken:
            state.become(saved)
        else:
            _follow(state, saved)
        state.recent_messages = [*saved.recent_messages, *said_meanwhile]
        state.forget_old_messages()
        return overtaken

    async def delete(self, chat_id: str) -> bool:
        """Forget a session with its messages; False if there is none."""
        return await self._database.use(lambda lessons: lessons.sessions.delete(chat_id))

    async def list(self, limit: int = 50) -> Sequence[Session]:
        """The most recently active sessions first, without their messages."""
        return await self._database.use(lambda lessons: lessons.sessions.recent(limit))

    async def cleanup(self, hours: int = 168) -> int:
        """Delete sessions idle for more than so many hours, with their messages; how many."""
        return await self._database.use(lambda lessons: lessons.cleanup_old_sessions(hours))


def _follow(state: SessionState, saved: SessionState) -> None:
    """What the store decides; the bot may have changed the rest meanwhile."""
    state.created_at, state.updated_at = saved.created_at, saved.updated_at
    state.state_version = saved.state_version
