"""Exporting sessions: one JSON file each, in the shape the old bot reads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.files import make_folders, sync, write_whole
from sqlstore.stores.chatbot.json_files import (
    hashed_name,
    readable_name,
    session_document,
)

if TYPE_CHECKING:
    from sqlstore.stores.chatbot.store import Chatbot


async def export_sessions(bot: Chatbot, folder: Path, on_progress: Callable[[int, int], None] | None) -> bool:
    """Write every session of the store; see `Chatbot.export_to_json`."""
    names: Counter[str | None] = Counter()
    last_id = 0
    async for user in bot.users.all():
        names[_name_key(user.session_id)] += 1
        last_id = user.id
    try:
        await asyncio.to_thread(make_folders, folder)
        done = 0
        async for user in bot.users.all():
            if user.id > last_id:  # made meanwhile: its name was not counted
                break
            session = await bot.sessions.get(user.session_id)
            messages = await bot.messages.all(user.session_id)
            path = folder / f"{_file_name(user.session_id, names)}.json"
            await asyncio.to_thread(write_whole, path, session_document(user, session, messages))
            done += 1
            if on_progress is not None:
                on_progress(done, names.total())
        await asyncio.to_thread(sync, folder)
    except OSError as error:
        raise ConfigurationError(f"cannot export to {folder}: {error.strerror}") from error
    return True


def _name_key(session_id: str) -> str | None:
    """What two names must differ in: some file systems do not tell capitals from small letters."""
    name = readable_name(session_id)
    return name and name.casefold()


def _file_name(session_id: str, names: Counter[str | None]) -> str:
    name = readable_name(session_id)
    return name if name and names[name.casefold()] == 1 else hashed_name(session_id)
