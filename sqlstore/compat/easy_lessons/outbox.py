"""What the tutoring bot saved while its database was away: on disk, and written when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from sqlstore.capabilities.outbox import (
    OutboxFile,
    OutboxInUse,
    OutboxSettings,
    Record,
    Spool,
    Write,
    key_of,
)
from sqlstore.capabilities.outbox.applied import forget
from sqlstore.capabilities.outbox.packing import unpack
from sqlstore.compat.easy_lessons.database import DatabaseManager
from sqlstore.compat.easy_lessons.events import log
from sqlstore.compat.easy_lessons.memory import KnownSessions
from sqlstore.engine.clock import now
from sqlstore.engine.errors import StoreError, Unavailable
from sqlstore.engine.identifiers import uuid7
from sqlstore.stores.lessons import Lessons, SessionMessage, SessionState
from sqlstore.stores.lessons.state import not_stored

MOST_PROCESSES: Final = 16
"""How many processes find an outbox of their own: `bot.outbox.db`, `bot.outbox.2.db` …"""
UNSAVED_MESSAGES: Final = 1_000
"""Most messages of a chat that are held in memory; older ones are in the outbox alone."""
_AT_START_S, _AT_CLOSE_S = 5.0, 1.5
_METHOD: Final = Lessons.merge_session.__name__


@dataclass(slots=True)
class _Tail:
    """The end of what waits of a chat: its columns, and all messages that wait."""

    columns: dict[str, Any]
    messages: list[SessionMessage] = field(default_factory=list)


class SessionOutbox:
    """Of one adapter. Whatever is written to the database makes the known sessions follow."""

    def __init__(self, settings: OutboxSettings, database: DatabaseManager, known: KnownSessions) -> None:
        self._settings = settings
        self._database = database
        self._known = known
        self._tails: dict[str, _Tail] = {}
        self._spool: Spool | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> Spool:
        """Make the file if need be, and know again what waits in it. Raises as `OutboxFile.open`."""
        async with self._opening:
            if self._spool is None:
                file = await _open_free(self._settings)
                async for record in file.waiting():
                    with suppress(ValueError, LookupError, TypeError, StoreError):  # the replay puts it aside
                        self._remember(_state_of(record))
                self._spool = Spool(file, self, Lessons.name, self._follow)
            return self._spool

    async def start(self) -> None:
        """Write what waits, if the database is there, and go on doing so."""
        spool = await self.open()
        await _replay_for(spool, _AT_START_S)
        spool.start()

    async def close(self) -> None:
        """Write what can be written; the rest stays on disk."""
        spool = self._spool
        if spool is None:
            return
        await _replay_for(spool, _AT_CLOSE_S)
        waiting = spool.backlog().records
        if waiting:
            log.warning("%d saved sessions wait in the outbox %s for the database", waiting, spool.file.path)
        await spool.stop()
        await spool.file.close()
        self._spool = None

    async def came_back(self) -> None:
        """The database was opened, late."""
        await self.note_database()
        if self._spool is not None:
            self._spool.hurry()

    async def note_database(self) -> None:
        """See `OutboxFile.note_database`. What ails the outbox is told by the next who writes to it."""
        if self._spool is not None:
            with suppress(StoreError):
                await self._spool.file.note_database()

    def is_ahead(self, chat: str) -> bool:
        """Whether memory has a newer state of a chat than the database: what was put aside waits no more."""
        if chat in self._tails and not self._has_records(chat):
            self._settle(chat)
        return chat in self._known.ahead

    async def keep(self, session: SessionState) -> None:
        """Keep a state and its new messages; on disk when this returns. Raises as `OutboxFile.put`."""
        spool, chat = await self.open(), session.chat_id
        before = self._tails.get(chat)
        messages = [] if before is None else before.messages
        given = session.copy()
        given.recent_messages = not_stored(session.new_messages, messages)
        arguments = {"state": given.to_dict(), "based_on": None if before is None else before.columns}
        keys = frozenset((key_of("chat_id", chat),))
        self._tails[chat] = _Tail(given.columns(), [*messages, *given.recent_messages])
        self._known.hold(session, UNSAVED_MESSAGES)
        try:
            await spool.put(Write(str(uuid7()), Lessons.name, _METHOD, keys, arguments, now()))
        except StoreError:
            if before is not None:
                self._tails[chat] = before
            if not self._has_records(chat):
                self._settle(chat)
            raise

    async def delete(self, chat: str) -> bool:
        """Forget what waits of a chat together with what is stored; False if there is nothing.

        Raises as `DatabaseManager.use`; then nothing was deleted.
        """
        spool = await self.open()
        async with spool.replaying:
            stored = await self._database.use(lambda lessons: lessons.sessions.delete(chat))
            waited = await spool.file.remove_about(key_of("chat_id", chat))
        self._settle(chat)
        self._known.forget(chat)
        return stored or waited > 0

    async def reach(self) -> None:
        """Raise Unavailable while there is no open database."""
        if not self._database.is_available:
            raise Unavailable("the database is away or switched off")

    async def make(self, write: Write) -> object:
        """Not used here: the adapter writes by itself."""
        raise NotImplementedError

    async def try_values(self, write: Write) -> object:
        """Not used here: a state is checked before it is kept."""
        raise NotImplementedError

    async def apply_records(self, records: Sequence[Record]) -> Sequence[object]:
        """Write states in one transaction; each as it is stored, and whether it was overtaken."""

        async def apply(lessons: Lessons) -> Sequence[object]:
            given = await lessons.apply_records(records)
            return [
                await _stored(lessons, record) if result is None else result
                for record, result in zip(records, given, strict=True)
            ]

        return await self._database.use(apply)

    async def forget_applied(self) -> None:
        """Delete old rows of `outbox_applied`."""
        await self._database.use(lambda lessons: forget(lessons.driver, self._settings.applied_days))

    def _follow(self, record: Record, result: object) -> None:
        """A state is stored: the known session goes on from what is in the database."""
        saved, overtaken = cast("tuple[SessionState | None, bool]", result)
        chat = _state_of(record).chat_id
        is_last = not self._has_records(chat)
        known = self._known.get(chat)
        if known is not None and saved is not None:
            if overtaken and is_last:
                log.warning("A newer state of a session was there and stands; the messages were added")
                missing = not_stored(known.new_messages, saved.recent_messages)
                known.become(saved)
                known.recent_messages += missing
            else:
                _go_on(known, saved)
            known.forget_old_messages()
        if is_last:
            self._settle(chat)

    def _has_records(self, chat: str) -> bool:
        return self._spool is not None and self._spool.file.is_waiting((key_of("chat_id", chat),))

    def _settle(self, chat: str) -> None:
        """Nothing of a chat waits any more."""
        self._tails.pop(chat, None)
        self._known.ahead.discard(chat)

    def _remember(self, state: SessionState) -> None:
        """Know a state again that an earlier process kept."""
        tail = self._tails.setdefault(state.chat_id, _Tail({}))
        tail.columns = state.columns()
        tail.messages += state.recent_messages
        known = self._known.get(state.chat_id)
        self._known.put(state if known is None else replace(state, recent_messages=list(tail.messages)))
        self._known.ahead.add(state.chat_id)


async def _replay_for(spool: Spool, seconds: float) -> None:
    with suppress(StoreError, TimeoutError):  # it is tried again in the background, and told there
        async with asyncio.timeout(seconds):
            await spool.replay()


def _go_on(known: SessionState, saved: SessionState) -> None:
    """What the store decides; the bot may have changed the rest meanwhile."""
    known.created_at, known.updated_at = saved.created_at, saved.updated_at
    known.state_version = saved.state_version
    stored: dict[object, list[SessionMessage]] = {}
    for message in saved.recent_messages:
        stored.setdefault(message.content_key, []).append(message)
    for place, message in enumerate(known.recent_messages):
        if message.id is None and stored.get(message.content_key):
            known.recent_messages[place] = stored[message.content_key].pop(0)


async def _stored(lessons: Lessons, record: Record) -> tuple[SessionState | None, bool]:
    """What is in the database of a state that was written before, by a call whose answer was lost."""
    state = _state_of(record)
    stored = await lessons.load_session(state.chat_id)
    return stored, stored is not None and stored.columns() != state.columns()


def _state_of(record: Record) -> SessionState:
    arguments: Mapping[str, Any] = unpack(record.arguments)
    return SessionState.from_dict(arguments["state"])


async def _open_free(settings: OutboxSettings) -> OutboxFile:
    """The first outbox that no other process has open."""
    for number in range(1, MOST_PROCESSES + 1):
        path = settings.path if number == 1 else _numbered(settings.path, number)
        file = OutboxFile(replace(settings, path=path))
        try:
            await file.open()
        except OutboxInUse:
            if number == MOST_PROCESSES:
                raise
        else:
            return file
    raise AssertionError("unreachable")


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")
