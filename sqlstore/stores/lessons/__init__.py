"""The lessons store: sessions and messages of a tutoring bot."""

from sqlstore.stores.lessons.rows import Message, Role, Scenario, Session
from sqlstore.stores.lessons.state import SessionMessage, SessionState
from sqlstore.stores.lessons.store import Lessons

__all__ = ["Lessons", "Message", "Role", "Scenario", "Session", "SessionMessage", "SessionState"]
