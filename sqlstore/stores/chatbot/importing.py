"""Importing session files: one transaction each, what is there already recognised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlstore.engine.errors import ConstraintViolation, InvalidValue
from sqlstore.stores.chatbot.history import Item, compare, leading_system_items
from sqlstore.stores.chatbot.json_files import SessionFile, read_session, session_files
from sqlstore.stores.chatbot.rows import User
from sqlstore.stores.chatbot.saving import apply_change, read_stored

if TYPE_CHECKING:
    from sqlstore.stores.chatbot.store import Chatbot


async def import_folder(
    bot: Chatbot, folder: Path, on_progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    """Import every session file of a folder; see `Chatbot.migrate_from_json`."""
    files = await asyncio.to_thread(session_files, folder)
    errors: list[dict[str, str]] = []
    migrated = messages = 0
    for done, path in enumerate(files, start=1):
        try:
            session = await asyncio.to_thread(read_session, path)
            added = await bot.run(lambda tx, session=session: import_session(tx, session))  # type: ignore[misc]
        except (InvalidValue, ConstraintViolation, OSError) as error:
            errors.append({"file": _printable(path.name), "reason": _reason(error)})
        else:
            migrated += added is not None
            messages += added or 0
        if on_progress is not None:
            on_progress(done, len(files))
    return {
        "total_files": len(files),
        "migrated": migrated,
        "skipped": len(files) - migrated - len(errors),
        "failed": len(errors),
        "messages": messages,
        "errors": errors,
    }


async def import_session(tx: Chatbot, session: SessionFile) -> int | None:
    """Bring one session in, inside a transaction; how many messages were added, None for nothing new.

    A user who is there already gets the messages that are missing at the end,
    and keeps everything else. Raises InvalidValue where other messages are there.
    """
    known = await tx.users.get(session.session_id)
    if known is not None:
        return await _append_items(tx, known, session) or None
    user = await tx._user(session.session_id, session.platform, session.name, session.picture_url)  # noqa: SLF001 - a part of the store
    added = await _append_items(tx, user, session)
    if session.started_at is not None:
        await tx.sessions.restore(user.id, session.summary, session.started_at, session.last_message_at)
    elif session.summary is not None:
        await tx.sessions.set_summary(session.session_id, session.summary)
    earliest = min((item.created_at for item in session.items), default=session.last_active)
    await tx.users.restore(
        user.id,
        bot_enabled=session.bot_enabled,
        created_at=session.created_at or earliest,
        last_active=session.last_active,
    )
    return added


async def _append_items(tx: Chatbot, user: User, session: SessionFile) -> int:
    items: list[Item] = [(item.role, item.content) for item in session.items]
    stored = await read_stored(tx, user.id, items)
    change = compare(stored.items, items)
    added = len(items) - change.start
    agrees = change.keep == len(stored.items) and change.start > leading_system_items(items)
    if added and stored.items and not agrees:
        raise InvalidValue("its session has other messages in the database already; they were left alone")
    if added:
        await apply_change(tx, user.id, stored, change, session.items)
    return added


def _reason(error: InvalidValue | ConstraintViolation | OSError) -> str:
    return error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)


def _printable(name: str) -> str:
    """A file name that holds bytes which are no UTF-8, in a form that can be printed."""
    return name.encode(errors="backslashreplace").decode()
