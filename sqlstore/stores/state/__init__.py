"""The state store: what frameworks for agents and bots keep between two calls."""

from sqlstore.stores.state.rows import History, HistoryItem
from sqlstore.stores.state.store import State

__all__ = ["History", "HistoryItem", "State"]
