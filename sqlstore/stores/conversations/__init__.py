"""The conversations store: chats of users with several agents, each message with who answered and why."""

from sqlstore.stores.conversations.rows import AgentStatistics, Conversation, Message, Position, Role
from sqlstore.stores.conversations.store import Conversations

__all__ = ["AgentStatistics", "Conversation", "Conversations", "Message", "Position", "Role"]
