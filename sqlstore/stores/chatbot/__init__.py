"""The chatbot store: users, messages, sessions, FAQs and an audit log of a web or messenger bot."""

from sqlstore.stores.chatbot.rows import AuditLog, Faq, Message, Role, Session, User
from sqlstore.stores.chatbot.store import Chatbot

__all__ = ["AuditLog", "Chatbot", "Faq", "Message", "Role", "Session", "User"]
