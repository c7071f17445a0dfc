"""What the tutoring bot's SessionManager calls, database or not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from sqlstore.capabilities.outbox import Durability, OutboxSettings, Saved
from sqlstore.compat.easy_lessons.database import DatabaseManager
from sqlstore.compat.easy_lessons.documents import chat_key, message_document, state_document, state_of
from sqlstore.compat.easy_lessons.events import Stopwatch, log, session_event
from sqlstore.compat.easy_lessons.memory import KnownSessions
from sqlstore.compat.easy_lessons.outbox import SessionOutbox
from sqlstore.compat.easy_lessons.sessions import SessionRepository
from sqlstore.engine.clock import now
from sqlstore.engine.errors import Conflict, InvalidValue, StoreError
from sqlstore.stores.lessons import Role, SessionMessage, SessionState
from sqlstore.stores.lessons.state import (
    RECENT_MESSAGES,
    check_count,
    check_message,
    not_stored,
    stored_message,
)
from sqlstore.stores.lessons.store import hours_ago

CLEANUP_PAUSE_S: Final = 3_600.0
"""How long the clean-up pauses between two rounds, in seconds."""


class PersistenceAdapter:
    """Sessions of the bot: in the database while it is there, in an outbox while it is not.

    Each chat has one SessionState in a process: `get_session` gives the same object to
    all who ask. An answer is `durable` only after the database committed. While the
    database is away known sessions go on from memory, unknown ones begin anew, and answers
    are `spooled`: on disk in the outbox, a file beside the database, also for the next
    process. A database that is away is tried again after a second, then more and more
    rarely, at least every 30 s; once back it gets what waits, in order. Nothing is written
    over the newer state of another writer: its columns stand, the messages of both are
    kept, and the answer is `overtaken`. With DATABASE_ENABLED=false everything is in memory
    only, and answers are `volatile`.

    - database: None means one of its own, as the settings name it; `close` closes that one.
    - outbox: another outbox than DATABASE_OUTBOX names, or other limits.
    - cleanup_pause_s: see CLEANUP_PAUSE_S. Sessions idle for DATABASE_CLEANUP_HOURS are deleted.

    A chat_id may be an int, as Telegram has it; it is kept as text. Methods raise
    InvalidValue for what no database could keep, with a database or without. What saves
    raises Overloaded, StorageFull and their like where the outbox cannot keep it either.
    Nothing else is raised.
    """

    def __init__(
        self,
        database: DatabaseManager | None = None,
        *,
        outbox: OutboxSettings | None = None,
        cleanup_pause_s: float = CLEANUP_PAUSE_S,
    ) -> None:
        self._database = DatabaseManager() if database is None else database
        self._owns_database = database is None
        self._sessions = SessionRepository(self._database)
        self._known = KnownSessions(forgets_all=not self._database.enabled)
        settings = OutboxSettings(self._database.settings.outbox_path) if outbox is None else outbox
        self._outbox = SessionOutbox(settings, self._database, self._known)
        self._cleanup_pause_s = cleanup_pause_s
        self._cleaning: asyncio.Task[None] | None = None

    @property
    def is_available(self) -> bool:
        """Whether the database answered last time."""
        return self._database.is_available

    async def initialize(self) -> bool:
        """Open outbox and database if they are not, and begin the clean-up; True when the database is open.

        Raises ConfigurationError, StorageFull and their like where there can be no outbox.
        """
        if self._database.enabled and self._cleaning is None:
            await self._outbox.open()
        self._database.on_return = self._outbox.came_back
        opened = await self._database.initialize()
        if self._database.enabled and self._cleaning is None:
            if opened:
                await self._outbox.note_database()
            await self._outbox.start()
        if self._cleaning is None:
            self._cleaning = asyncio.create_task(self._clean_up_regularly(), name="sqlstore-lessons-cleanup")
        return opened

    async def close(self) -> None:
        """Write what waits in the outbox, if the database is there; stop the clean-up; let go of both."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            await asyncio.gather(self._cleaning, return_exceptions=True)
            self._cleaning = None
        await self._outbox.close()
        self._database.on_return = None
        if self._owns_database:
            await self._database.close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def get_session(self, chat_id: str | int) -> SessionState:
        """The state of a chat with its newest 30 messages; a fresh one for a chat never seen."""
        chat = chat_key(chat_id)
        async with self._known.lock(chat):
            state = await self._current(chat)
            if state is None:
                state = SessionState(chat)
                self._known.put(state)
            return state

    async def save_session(self, session: SessionState) -> Saved[SessionState]:
        """Keep a state and its new messages (those without an id), all or nothing."""
        session.chat_id = chat_key(session.chat_id)
        session.check()
        async with self._known.lock(session.chat_id):
            return await self._save(session, careful=False)

    async def load_session_state(self, chat_id: str | int) -> dict[str, Any] | None:
        """The state of a chat as a dict, or None for a chat never seen.

        The columns by name, created_at and updated_at as ISO 8601 text, and `messages`
        as `get_messages` gives them.
        """
        chat = chat_key(chat_id)
        async with self._known.lock(chat):
            state = await self._current(chat)
        if state is None:
            return None
        return state_document(state)

    async def save_session_state(self, session_state: dict[str, Any]) -> Saved[SessionState]:
        """Keep such a dict, all or nothing.

        A message is new if it has no `id` and none with its role, content and `timestamp`
        is stored; one without `timestamp` gets it, in the dict. Without `state_version`
        it goes on from the state that this process knows.
        """
        state = state_of(session_state)
        async with self._known.lock(state.chat_id):
            known = self._known.get(state.chat_id)
            if known is not None and "state_version" not in session_state:
                state.state_version, state.updated_at = known.state_version, known.updated_at
                state.created_at = known.created_at
            return await self._save(state, careful=True)

    async def add_message(self, chat_id: str | int, role: Role, content: str) -> Saved[SessionMessage]:
        """Keep one message; a chat never seen is begun."""
        chat, message = chat_key(chat_id), SessionMessage(role, content)
        check_message(role, content, message.timestamp)
        async with self._known.lock(chat):
            watch, known = Stopwatch(), self._known.get(chat)
            if known is not None and (known.state_version is None or self._outbox.is_ahead(chat)):
                return await self._add_to_unsaved(known, message)
            try:
                row = await self._database.use(
                    lambda lessons: lessons.append_message(chat, role, content, message.timestamp)
                )
            except InvalidValue:
                raise
            except StoreError:
                known = known or SessionState(chat)
                known.recent_messages.append(message)
                return Saved(await self._keep(known, watch))
            stored = stored_message(row)
            if known is not None:
                new = known.new_messages
                known.recent_messages = [m for m in known.recent_messages if m.id is not None]
                known.recent_messages += [stored, *new]
                known.forget_old_messages()
            return Saved("durable", stored)

    async def get_messages(self, chat_id: str | int, limit: int = 30) -> list[dict[str, Any]]:
        """The newest messages of a chat, oldest first: id (None while not in the database), chat_id, role, content, timestamp."""
        chat = chat_key(chat_id)
        check_count(limit, "limit")
        known = self._known.get(chat)
        try:
            rows = await self._database.use(lambda lessons: lessons.messages.latest(chat, limit))
        except InvalidValue:
            raise
        except StoreError:
            messages = [] if known is None else known.recent_messages
        else:
            messages = [stored_message(row) for row in rows]
            if self._outbox.is_ahead(chat) and known is not None:
                messages += not_stored(known.new_messages, messages)
        return [message_document(chat, message) for message in messages[-limit:]]

    async def delete_session(self, chat_id: str | int) -> bool:
        """Forget a session with its messages; False if there is none.

        Also False while the database is away: it still has what it has, so ask again.
        """
        chat = chat_key(chat_id)
        async with self._known.lock(chat):
            if not self._database.enabled:
                return self._known.forget(chat)
            try:
                return await self._outbox.delete(chat)
            except StoreError:
                return False

    async def cleanup_old_sessions(self, hours: int = 168) -> int:
        """Delete sessions idle for more than so many hours, with their messages; how many."""
        before = hours_ago(hours)
        forgotten = self._known.forget_idle(before)
        try:
            return await self._sessions.cleanup(hours)
        except StoreError:
            return forgotten

    async def _current(self, chat: str) -> SessionState | None:
        """The newest state of a chat, from the database unless memory has a newer one."""
        known = self._known.get(chat)
        if self._outbox.is_ahead(chat):
            return known
        try:
            stored = await self._sessions.load_session(chat)
        except StoreError:
            return known
        if stored is None:
            if known is not None and known.state_version is not None:
                self._known.forget(chat)  # deleted meanwhile
                return None
            return known
        if known is None or (known.state_version, known.created_at) != (
            stored.state_version,
            stored.created_at,
        ):
            self._known.put(stored)
            return stored
        known.recent_messages = [*stored.recent_messages, *known.new_messages]
        known.updated_at = stored.updated_at
        return known

    async def _save(self, session: SessionState, *, careful: bool) -> Saved[SessionState]:
        """Save a session whose chat is locked. careful: parts of it may be stored already."""
        watch = Stopwatch()
        if self._outbox.is_ahead(session.chat_id):
            overtaken = self._known.combine(session)
            return Saved(await self._keep(session, watch), overtaken=overtaken)
        try:
            overtaken = await self._write(session, careful=careful)
        except InvalidValue:
            raise
        except StoreError:
            overtaken = self._known.combine(session)
            return Saved(await self._keep(session, watch), overtaken=overtaken)
        self._known.put(session)
        if overtaken:
            log.warning("A newer state of a session was there and stands; the messages were added")
        return Saved("durable", session, overtaken)

    async def _write(self, session: SessionState, *, careful: bool) -> bool:
        if not careful:
            with suppress(Conflict):
                await self._sessions.save_session(session)
                return False
        return await self._sessions.merge_session(session)

    async def _keep(self, session: SessionState, watch: Stopwatch) -> Durability:
        """Hold a session in memory and, unless that was not wanted, in the outbox.

        Raises what keeps the outbox from keeping it; it is held in memory all the same.
        """
        session.updated_at = now()
        self._known.put(session)
        if not self._database.enabled:
            self._known.hold(session, RECENT_MESSAGES)
            session_event("kept in memory", session.chat_id, watch)
            return "volatile"
        await self._outbox.keep(session)
        session_event("kept in the outbox", session.chat_id, watch)
        return "spooled"

    async def _add_to_unsaved(self, known: SessionState, message: SessionMessage) -> Saved[SessionMessage]:
        """Keep a message with its whole session: in the database there is none, or an older one."""
        known.recent_messages.append(message)
        saved = await self._save(known, careful=True)
        key = message.content_key
        stored = next((m for m in reversed(known.recent_messages) if m.content_key == key), None)
        return Saved(saved.state, stored if saved.state == "durable" else None)

    async def _clean_up_regularly(self) -> None:
        while True:
            await self.cleanup_old_sessions(self._database.settings.database_cleanup_hours)
            await asyncio.sleep(self._cleanup_pause_s)
