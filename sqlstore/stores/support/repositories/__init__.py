"""Repositories of the support store: its named queries as methods.

Where a method speaks of now, it is the clock of this process. Every method
raises InvalidValue before any I/O for what no database could keep (and for a limit
below 1), else a member of sqlstore.engine.errors.DatabaseError.

The `list` methods take filters. One that is left out does not filter; None, where
it is allowed, asks for the rows that have no value there. They give pages in the
order of the ids: `after` is the id of the last row of the page before.
"""

from sqlstore.stores.support.repositories.chats import ChatRepository
from sqlstore.stores.support.repositories.knowledge import KnowledgeRepository
from sqlstore.stores.support.repositories.messages import MessageRepository
from sqlstore.stores.support.repositories.tickets import TicketRepository
from sqlstore.stores.support.repositories.users import UserRepository

__all__ = ["ChatRepository", "KnowledgeRepository", "MessageRepository", "TicketRepository", "UserRepository"]
