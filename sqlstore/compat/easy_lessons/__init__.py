"""The tutoring bot's persistence layer under its old names: change the import line, no more.

    from sqlstore.compat.easy_lessons import PersistenceAdapter

    adapter = PersistenceAdapter()
    await adapter.initialize()
    session = await adapter.get_session(chat_id)
    session.add_message("user", text)
    saved = await adapter.save_session(session)   # saved.state: "durable", "spooled" or "volatile"
    await adapter.close()

The database is named by DATABASE_ENABLED, DATABASE_PATH and DATABASE_CLEANUP_HOURS, in
the environment or in `.env` (see `sqlstore.config.LessonsSettings`). The bot goes on
when the database is away: see `PersistenceAdapter`. What happens is told to the logger
`sqlstore`, each event with its time in ms, never with the text of a message.
"""

from sqlstore.capabilities.outbox import Durability, Saved
from sqlstore.compat.easy_lessons.adapter import PersistenceAdapter
from sqlstore.compat.easy_lessons.database import DatabaseManager
from sqlstore.compat.easy_lessons.migrations import MigrationManager
from sqlstore.compat.easy_lessons.sessions import SessionRepository
from sqlstore.stores.lessons import SessionMessage, SessionState

__all__ = [
    "DatabaseManager",
    "Durability",
    "MigrationManager",
    "PersistenceAdapter",
    "Saved",
    "SessionMessage",
    "SessionRepository",
    "SessionState",
]
