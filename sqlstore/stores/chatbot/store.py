"""The chatbot store: what a web, Facebook or LINE bot remembers.

async with Chatbot.open("sqlite:///data/bot.db") as bot:
    history = await bot.get_or_create_history("web_abc123", platform="web")
    history.append({"role": "user", "parts": [{"text": "Hello"}]})
    await bot.save_history("web_abc123", history)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

import msgspec

from sqlstore.capabilities.outbox import replayable
from sqlstore.capabilities.person import PersonArguments
from sqlstore.engine.clock import EARLIEST, moment_made, now
from sqlstore.engine.errors import InvalidValue
from sqlstore.engine.values import checked, floating, integer, text
from sqlstore.migrations import migrate
from sqlstore.store import Store
from sqlstore.stores.chatbot import rows
from sqlstore.stores.chatbot.anonymous import anonymous_id, configured_key, optional_key
from sqlstore.stores.chatbot.database_stats import database_stats
from sqlstore.stores.chatbot.exporting import export_sessions
from sqlstore.stores.chatbot.faqs import FaqRepository
from sqlstore.stores.chatbot.importing import import_folder
from sqlstore.stores.chatbot.items import check_role, history_item, read_items
from sqlstore.stores.chatbot.repositories import (
    AuditLogRepository,
    HistoryDigestRepository,
    MessageRepository,
    SessionRepository,
    UserRepository,
)
from sqlstore.stores.chatbot.rows import Message, User
from sqlstore.stores.chatbot.saving import append_change

_PLATFORMS: Final = {"fb_": "facebook", "line_": "line"}


def platform_of(session_id: str) -> str:
    """The platform that a session id's prefix names: facebook for `fb_`, line for `line_`, else web."""
    given = checked(text, session_id, "session_id")
    for prefix, platform in _PLATFORMS.items():
        if given.startswith(prefix):
            return platform
    return "web"


class Chatbot(Store):
    """A chatbot's users, messages, sessions, FAQs and audit log.

    Its methods raise InvalidValue before any I/O for what no database could
    keep, else a member of sqlstore.engine.errors.DatabaseError.
    """

    name = "chatbot"
    row_types: ClassVar[ModuleType] = rows
    tables: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "users": rows.User,
        "sessions": rows.Session,
        "faqs": rows.Faq,
        "audit_logs": rows.AuditLog,
        "messages": rows.Message,
    }
    derived_tables = (*Store.derived_tables, "history_digests")

    users: UserRepository
    messages: MessageRepository
    sessions: SessionRepository
    faqs: FaqRepository
    audit_logs: AuditLogRepository
    digests: HistoryDigestRepository

    async def get_or_create_user(
        self, session_id: str, platform: str, user_name: str | None = None, user_picture: str | None = None
    ) -> User:
        """The user of a session, made if new; name, picture and last_active are refreshed.

        None leaves a name or picture as it is; the platform of a user who is there stays.
        """
        return await self.users.get_or_create(session_id, platform, user_name, user_picture)

    async def get_or_create_history(
        self,
        session_id: str,
        context: str | None = None,
        user_name: str | None = None,
        user_picture: str | None = None,
        platform: str | None = None,
        *,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The messages of a session as `{"role": "user", "parts": [{"text": "…"}]}`, oldest first.

        - context: for a session without messages, the text of a `system` item that
          stands first; it is stored when the list is saved.
        - platform: of a new user; None means from the session id (`platform_of`).
        - limit: only so many of the newest messages, at least 1; None means all.
        """
        if limit is not None and checked(integer, limit, "limit") < 1:
            raise InvalidValue("must be at least 1, or None for all messages", parameter="limit")
        await self._user(session_id, platform, user_name, user_picture)
        if limit is None:
            messages = await self.messages.all(session_id)
        else:
            messages = await self.messages.latest(session_id, limit)
        if not messages and context is not None:
            return [history_item("system", context)]
        return [history_item(message.role, message.content) for message in messages]

    @replayable("session_id")
    async def save_history(
        self,
        session_id: str,
        history: list[dict[str, Any]],
        user_name: str | None = None,
        user_picture: str | None = None,
        platform: str | None = None,
    ) -> bool:
        """Keep a session's history, handed over whole or as its last part; True when it is stored.

        What is stored already is not stored twice; a list that differs from what is
        stored replaces it from the first difference on; one that has nothing in
        common with it is appended (see `history.compare`). Items may carry `motion`,
        `latency` (seconds), `from_faq` and `created_at`. `[]` changes nothing. A list that comes
        late, out of an outbox, drops nothing newer: it is appended then.

        Raises InvalidValue, naming the item, for one that is no text; nothing is saved then.
        """
        items = read_items(history, now())
        if not items:
            return True

        async def save(tx: Chatbot) -> None:
            user = await tx._user(session_id, platform, user_name, user_picture)
            await append_change(tx, user, items, late=moment_made())

        await self.run(save)
        return True

    @replayable("session_id")
    async def append_message(
        self,
        session_id: str,
        role: str,
        content: str,
        *,
        motion: str | None = None,
        latency: float | None = None,
        from_faq: bool = False,
    ) -> Message:
        """Add one message; a session never seen is made (its platform: `platform_of`).

        role: user, model or system. motion: at most 50 characters. latency: seconds.
        """
        check_role(role)

        async def append(tx: Chatbot) -> Message | None:
            return await tx.messages.append(
                session_id, role, content, motion=motion, latency=latency, from_faq=from_faq
            )

        async def create_and_append(tx: Chatbot) -> Message | None:
            await tx._user(session_id, None)
            return await append(tx)

        message = await append(self) or await self.run(create_and_append)
        assert message is not None  # noqa: S101 - the user was just made
        return message

    async def get_bot_enabled(self, session_id: str) -> bool:
        """Whether the bot answers in this session; True for one never seen."""
        return await self.users.bot_enabled(session_id) is not False

    async def set_bot_enabled(self, session_id: str, enabled: bool) -> bool:
        """Switch the bot on or off for a session, made if new; True when it is stored."""
        await self.users.set_bot_enabled(session_id, platform_of(session_id), enabled)
        return True

    async def clear_history(self, session_id: str) -> bool:
        """Forget a session's messages and summary; the user and bot_enabled stay.

        False if there is no such session.
        """

        async def clear(tx: Chatbot) -> bool:
            user = await tx.users.get(session_id)
            if user is None:
                return False
            await tx.messages.delete_from(user.id, 0)
            if await tx.sessions.get(session_id) is not None:
                await tx.sessions.set_summary(session_id, None)
            return True

        return await self.run(clear)

    async def cleanup_old_sessions(self, days: int = 7) -> int:
        """Delete users idle for more than so many days, with all they wrote; how many.

        The audit log stays: it has a retention of its own, see `cleanup`. In small
        transactions, so that an interruption leaves whole users.
        """
        (users,) = await self.cleanup(older_than=_days(days))
        return users.rows

    async def person_arguments(self, person: str) -> PersonArguments:
        """A person is a session id; the audit log knows it by a hash that takes SQLSTORE_ANON_KEY.

        Raises ConfigurationError where the key is not set and there are audit logs: whose
        they are could not be told.
        """
        checked(text, person, "person")
        key = configured_key() if await self.audit_logs.recent(1) else optional_key()
        return {"person": person, "anon_id": None if key is None else anonymous_id(person, key)}

    async def migrate_from_json(
        self, json_dir: str | Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> dict[str, Any]:
        """Bring the session files (`*.json`) of a folder into the database.

        Gives total_files, migrated, skipped (nothing new in it), failed, messages
        (added) and errors, a list of `{"file", "reason"}`. Each file is one
        transaction; a bad one never stops the others. Running it again adds nothing.

        on_progress(done, total) is called after each file. Raises ConfigurationError
        where there is no such folder.
        """
        return await import_folder(self, Path(json_dir), on_progress)

    async def export_to_json(
        self, output_dir: str | Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> bool:
        """Write one JSON file per session into a folder, made if missing; True when all are written.

        The files are the old bot's and can be imported again without a loss. Each
        replaces its predecessor whole, or not at all. on_progress(done, total) is
        called after each file. Raises ConfigurationError where it cannot be written.
        """
        return await export_sessions(self, Path(output_dir), on_progress)

    async def init_database(self) -> bool:
        """Apply the migrations that are pending; True when the tables are as they should be."""
        await migrate(self.driver, self.migration_source())
        return True

    async def backup_database(self, backup_path: str | Path | None = None) -> bool:
        """Copy the database to a file, while it is in use; True when the copy is whole (SQLite only).

        backup_path: None means `backups/NAME_YYYYmmdd_HHMMSS.db` beside the database,
        in UTC. An older backup of that name is replaced whole. Raises ConfigurationError on
        PostgreSQL, in memory, and for a place that cannot take it.
        """
        await self.driver.backup_to(None if backup_path is None else Path(backup_path))
        return True

    async def get_database_stats(self) -> dict[str, Any]:
        """Counts over the whole store.

        - total_users, total_messages, total_faqs, total_logs; rows: of each table.
        - database_type (sqlite or postgresql), database_path (never with a password).
        - users_per_platform; messages_per_day: of the last 30 days that have any, in the store's timezone.
        - faq_hits: how often an FAQ answered; file_size: bytes on disk.
        """
        return await database_stats(self)

    async def _user(
        self, session_id: str, platform: str | None, name: str | None = None, picture: str | None = None
    ) -> User:
        return await self.users.get_or_create(
            session_id, platform_of(session_id) if platform is None else platform, name, picture
        )


def _days(days: int) -> timedelta:
    if checked(floating, days, "days") < 0:
        raise InvalidValue("must not be negative", parameter="days")
    if days > (now() - EARLIEST).days:
        raise InvalidValue("reaches back before the year 2", parameter="days")
    return timedelta(days=days)
