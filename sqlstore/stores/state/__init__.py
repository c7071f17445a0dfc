"""The state store: what frameworks for agents and bots keep between two calls."""

from sqlstore.stores.state.rows import Checkpoint, CheckpointWrite, History, HistoryItem, Thread
from sqlstore.stores.state.store import State

__all__ = ["Checkpoint", "CheckpointWrite", "History", "HistoryItem", "State", "Thread"]
