"""The chatbot database of the old system, as its SQLAlchemy models made it."""

from datetime import datetime

import sqlalchemy as sa

metadata = sa.MetaData()

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(255), unique=True, nullable=False, index=True),
    sa.Column("platform", sa.String(50), nullable=False),
    sa.Column("name", sa.String(255)),
    sa.Column("picture_url", sa.String(512)),
    sa.Column("bot_enabled", sa.Boolean, default=True),
    sa.Column("created_at", sa.DateTime),
    sa.Column("last_active", sa.DateTime),
    sa.Column("language", sa.String(10)),  # what the new tables do not know
    sa.Index("idx_user_platform", "platform"),
    sa.Index("idx_user_last_active", "last_active"),
)
messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("motion", sa.String(50)),
    sa.Column("latency", sa.Float),
    sa.Column("from_faq", sa.Boolean, default=False),
    sa.Column("created_at", sa.DateTime),
    sa.Index("idx_message_user", "user_id"),
    sa.Index("idx_message_created", "created_at"),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("summary", sa.Text),
    sa.Column("message_count", sa.Integer, default=0),
    sa.Column("started_at", sa.DateTime),
    sa.Column("last_message_at", sa.DateTime),
)
faqs = sa.Table(
    "faqs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("question", sa.Text, unique=True, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("hit_count", sa.Integer, default=1),
    sa.Column("is_learned", sa.Boolean, default=False),
    sa.Column("category", sa.String(100)),
    sa.Column("created_at", sa.DateTime),
)
audit_logs = sa.Table(
    "audit_logs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("anon_id", sa.String(50), nullable=False),
    sa.Column("platform", sa.String(50), nullable=False),
    sa.Column("user_input", sa.Text, nullable=False),
    sa.Column("ai_output", sa.Text, nullable=False),
    sa.Column("latency", sa.Float),
    sa.Column("created_at", sa.DateTime),
)
notes = sa.Table(  # a table of the bot's own
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
    sa.Column("text", sa.Text),
)

SOME_TIME = datetime(2025, 12, 26, 10, 0, 0, 123456)


def at(second: int) -> datetime:
    """A time without a zone, as the old bot kept it."""
    return SOME_TIME.replace(second=second)


ROWS = {
    users: [
        {"id": 3, "session_id": "web_ann", "platform": "web", "name": "Ann", "picture_url": None,
         "bot_enabled": True, "created_at": at(0), "last_active": at(9), "language": "en"},
        {"id": 7, "session_id": "fb_สมชาย", "platform": "facebook", "name": "สมชาย", "picture_url": "https://x/y.png",
         "bot_enabled": False, "created_at": at(1), "last_active": at(8), "language": None},
        {"id": 8, "session_id": "line_quiet", "platform": "line", "name": None, "picture_url": None,
         "bot_enabled": True, "created_at": at(2), "last_active": at(2), "language": "ไทย"},
    ],
    messages: [
        {"id": 10, "user_id": 3, "role": "user", "content": "Hello", "motion": None, "latency": None,
         "from_faq": False, "created_at": at(3)},
        {"id": 12, "user_id": 3, "role": "model", "content": "Hi! 🙂", "motion": "wave", "latency": 0.25,
         "from_faq": True, "created_at": at(4)},
        {"id": 13, "user_id": 7, "role": "user", "content": "สวัสดี", "motion": None, "latency": None,
         "from_faq": False, "created_at": at(5)},
        {"id": 40, "user_id": 7, "role": "system", "content": "", "motion": None, "latency": 1.5,
         "from_faq": False, "created_at": at(6)},
    ],
    sessions: [
        {"id": 5, "user_id": 3, "summary": "They said hello.", "message_count": 99, "started_at": at(1),
         "last_message_at": None},
    ],
    faqs: [
        {"id": 1, "question": "Open?", "answer": "9 to 18", "hit_count": 4, "is_learned": True,
         "category": "hours", "created_at": at(7)},
    ],
    audit_logs: [
        {"id": 2, "anon_id": "abc", "platform": "web", "user_input": "Hello", "ai_output": "Hi",
         "latency": 250.0, "created_at": at(7)},
    ],
    notes: [{"id": 1, "user_id": 7, "text": "call back"}],
}  # fmt: skip
