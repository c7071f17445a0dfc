"""The old bot's functions, without `await`: change the import line and nothing else.

    from sqlstore.compat.reg01 import get_or_create_history, save_history

stands for `from database.session_manager import …` and `from database.connection
import …`. The functions may be called from any thread. Inside a running event
loop they work too, but the loop stands still meanwhile; that is logged once.

The database is named by DB_TYPE, DB_PATH and DATABASE_URL, in the environment or
in `.env` (see `sqlstore.config.Reg01Settings`), read when it is first used and
again after `close_database()`. Only `init_database()` creates a missing one.

Here, and only here, an error of the database, a file or a value is logged
(logger `sqlstore.compat.reg01`; no message text, no password) and answered as the
old code did: each function says with what. A call ends after SQLSTORE_TIMEOUT_S
seconds (default 30) and 2 more, one over all the data after an hour.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlstore.compat.reg01_service import answer, close, configuration
from sqlstore.engine.progress import OnProgress
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.rows import User

__all__ = [
    "backup_database",
    "check_database_health",
    "cleanup_old_sessions",
    "clear_history",
    "close_database",
    "export_to_json",
    "get_bot_enabled",
    "get_database_stats",
    "get_or_create_history",
    "get_or_create_user",
    "init_database",
    "migrate_from_json",
    "save_history",
    "set_bot_enabled",
    "vacuum_database",
]

JSON_FOLDER: Final = "backend/memory/session_storage"
"""Where the old bot kept one JSON file per session."""

HistoryItem = dict[str, Any]


def get_or_create_user(
    session_id: str,
    platform: str,
    user_name: str | None = None,
    user_picture: str | None = None,
) -> User | None:
    """The user of a session, made if new; name, picture and last_active are refreshed.

    After an error: None.
    """
    return answer(
        "get_or_create_user",
        lambda bot: bot.get_or_create_user(session_id, platform, user_name, user_picture),
        None,
    )


def get_or_create_history(
    session_id: str,
    context: str | None = None,
    user_name: str | None = None,
    user_picture: str | None = None,
    platform: str | None = None,
) -> list[HistoryItem]:
    """The messages of a session as `{"role": "user", "parts": [{"text": "…"}]}`, oldest first.

    context: for a session without messages, the text of a `system` item that stands first.
    platform: None means from the session id (`fb_` facebook, `line_` line, else web).
    After an error: [].
    """
    return answer(
        "get_or_create_history",
        lambda bot: bot.get_or_create_history(session_id, context, user_name, user_picture, platform),
        [],
    )


def save_history(
    session_id: str,
    history: list[HistoryItem],
    user_name: str | None = None,
    user_picture: str | None = None,
    platform: str | None = None,
) -> bool:
    """Keep a session's history, whole or its last part; what is stored already is not stored twice.

    True when it is in the database. After an error: False, and nothing of it was saved
    unless the log says that the outcome is unknown.
    """
    return answer(
        "save_history",
        lambda bot: bot.save_history(session_id, history, user_name, user_picture, platform),
        False,
    )


def get_bot_enabled(session_id: str) -> bool:
    """Whether the bot answers in this session; True for one never seen. After an error: True."""
    return answer("get_bot_enabled", lambda bot: bot.get_bot_enabled(session_id), True)


def set_bot_enabled(session_id: str, enabled: bool) -> bool:
    """Switch the bot on or off for a session, made if new. After an error: False."""
    return answer("set_bot_enabled", lambda bot: bot.set_bot_enabled(session_id, enabled), False)


def clear_history(session_id: str) -> bool:
    """Delete a session's messages; the user stays. False if there is none. After an error: False."""
    return answer("clear_history", lambda bot: bot.clear_history(session_id), False)


def cleanup_old_sessions(days: int = 7) -> int:
    """Delete users idle for more than so many days, with all they wrote; how many. After an error: 0."""
    return answer("cleanup_old_sessions", lambda bot: bot.cleanup_old_sessions(days), 0, long=True)


def migrate_from_json(
    json_dir: str = JSON_FOLDER, *, on_progress: OnProgress | None = None
) -> dict[str, Any]:
    """Bring session files into the database; running it again adds nothing.

    Gives total_files, migrated, skipped, failed, messages and errors (a list of
    `{"file", "reason"}`). on_progress(done, total) is called in another thread.
    After an error: {}.
    """
    return answer(
        "migrate_from_json",
        lambda bot: bot.migrate_from_json(json_dir, on_progress=on_progress),
        {},
        long=True,
    )


def export_to_json(output_dir: str | None = None, *, on_progress: OnProgress | None = None) -> bool:
    """Write one JSON file per session. None means `exports/` beside the database.

    on_progress(done, total) is called in another thread. After an error: False.
    """

    async def export(bot: Chatbot) -> bool:
        return await bot.export_to_json(output_dir or default_export_folder(), on_progress=on_progress)

    return answer("export_to_json", export, False, long=True)


def init_database() -> bool:
    """Create the database and its tables where they are missing. After an error: False."""
    return answer("init_database", lambda bot: bot.init_database(), False, create=True, long=True)


def backup_database(backup_path: str | None = None) -> bool:
    """Copy the database to a file, while it is in use (SQLite only).

    None means `backups/reg01_backup_YYYYmmdd_HHMMSS.db` beside the database, local time.
    After an error: False.
    """

    async def back_up(bot: Chatbot) -> bool:
        return await bot.backup_database(backup_path or default_backup_path())

    return answer("backup_database", back_up, False, long=True)


def get_database_stats() -> dict[str, Any]:
    """total_users, total_messages, total_faqs, total_logs, database_type, database_path and more.

    After an error: {}.
    """
    return answer("get_database_stats", lambda bot: bot.get_database_stats(), {}, long=True)


def check_database_health() -> bool:
    """Whether the database answers. After an error: False."""

    async def look(bot: Chatbot) -> bool:
        await bot.get_bot_enabled("health")  # the cheapest call that needs the tables
        return True

    return answer("check_database_health", look, False)


def vacuum_database() -> bool:
    """Give back the space of what was deleted; writers wait meanwhile. After an error: False."""

    async def vacuum(bot: Chatbot) -> bool:
        await bot.driver.vacuum()
        return True

    return answer("vacuum_database", vacuum, False, long=True)


def close_database() -> None:
    """Close the database, within 2 seconds; the next call opens it again."""
    close()


def default_export_folder() -> str:
    """`exports/` beside DB_PATH. Raises ConfigurationError for settings that cannot work."""
    return str(_beside_database("exports"))


def default_backup_path() -> str:
    """A new name in `backups/` beside DB_PATH. Raises ConfigurationError like the above."""
    return str(_beside_database("backups") / f"reg01_backup_{datetime.now().astimezone():%Y%m%d_%H%M%S}.db")


def _beside_database(folder: str) -> Path:
    return configuration().reg01.db_path.parent / folder
