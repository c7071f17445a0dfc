"""The databases of the other old systems, as SQLAlchemy models made them."""

import uuid
from datetime import datetime

import sqlalchemy as sa

USER, SESSION, COMMAND, ANSWER = (uuid.UUID(int=0x4000_8000_0000_0000_0000 + number) for number in range(4))


def at(second: int) -> datetime:
    return datetime(2025, 12, 26, 10, 0, second, 500)


def key(name: str = "id", kind: type = sa.Integer) -> sa.Column:
    return sa.Column(name, kind, primary_key=True)


def time(name: str = "created_at") -> sa.Column:
    return sa.Column(name, sa.DateTime)


assistant = sa.MetaData()
conversations = sa.MetaData()
lessons = sa.MetaData()
support = sa.MetaData()

ASSISTANT_ROWS = {
    sa.Table("users", assistant, key(kind=sa.Uuid), sa.Column("hardware_id_hash", sa.String(64), unique=True),
             sa.Column("metadata", sa.JSON), sa.Column("short_term_memory", sa.Text),
             sa.Column("long_term_memory", sa.Text), time(), time("updated_at")): [
        {"id": USER, "hardware_id_hash": "f" * 64, "metadata": {"os": "ไทย", "n": [1, 2.5, None]},
         "short_term_memory": "likes tea", "long_term_memory": None, "created_at": at(0), "updated_at": at(1)},
    ],
    sa.Table("sessions", assistant, key(kind=sa.Uuid), sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
             time("start_time"), time("end_time"), sa.Column("status", sa.String(20)), sa.Column("metadata", sa.JSON),
             time(), time("updated_at")): [
        {"id": SESSION, "user_id": USER, "start_time": at(2), "end_time": at(4), "status": "ended", "metadata": {},
         "created_at": at(2), "updated_at": at(4)},
    ],
    sa.Table("commands", assistant, key(kind=sa.Uuid), sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id")),
             sa.Column("prompt", sa.Text), sa.Column("language", sa.String(10)), sa.Column("metadata", sa.JSON), time()): [
        {"id": uuid.UUID(int=COMMAND.int + 100), "session_id": SESSION, "prompt": "first", "language": "en",
         "metadata": {}, "created_at": at(2)},
        {"id": COMMAND, "session_id": SESSION, "prompt": "second", "language": "ru", "metadata": {}, "created_at": at(3)},
    ],
    sa.Table("llm_answers", assistant, key(kind=sa.Uuid), sa.Column("command_id", sa.Uuid, sa.ForeignKey("commands.id")),
             sa.Column("prompt", sa.Text), sa.Column("response", sa.Text), sa.Column("model_info", sa.JSON),
             sa.Column("performance_metrics", sa.JSON), time()): [
        {"id": ANSWER, "command_id": COMMAND, "prompt": "second", "response": "да", "model_info": {"name": "m"},
         "performance_metrics": {"ms": 3}, "created_at": at(3)},
    ],
    sa.Table("screenshots", assistant, key(kind=sa.Uuid), sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id")),
             sa.Column("file_path", sa.String(500)), sa.Column("file_url", sa.String(1000)),
             sa.Column("metadata", sa.JSON), time()): [],
    sa.Table("performance_metrics", assistant, key(kind=sa.Uuid),
             sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id")), sa.Column("metric_type", sa.String(50)),
             sa.Column("metric_value", sa.JSON), time()): [
        {"id": uuid.UUID(int=9), "session_id": SESSION, "metric_type": "latency", "metric_value": 12.5, "created_at": at(3)},
    ],
}  # fmt: skip

CONVERSATIONS_ROWS = {
    sa.Table("conversations", conversations, key(kind=sa.String(50)), sa.Column("user_id", sa.Integer, nullable=False),
             sa.Column("title", sa.String(200), nullable=False), time(), time("updated_at"),
             sa.Column("message_count", sa.Integer), sa.Column("last_agent_used", sa.String(50)),
             sa.Column("is_active", sa.Boolean), sa.Column("metadata", sa.JSON)): [
        {"id": "c-1", "user_id": 5, "title": "여행", "created_at": at(0), "updated_at": at(1), "message_count": 0,
         "last_agent_used": None, "is_active": True, "metadata": {"tags": ["a"]}},
        {"id": "c-0", "user_id": 5, "title": "empty", "created_at": at(9), "updated_at": None, "message_count": None,
         "last_agent_used": "old", "is_active": None, "metadata": None},
    ],
    sa.Table("messages", conversations, key(kind=sa.String(50)),
             sa.Column("conversation_id", sa.String(50), sa.ForeignKey("conversations.id"), nullable=False),
             sa.Column("role", sa.String(20), nullable=False), sa.Column("content", sa.Text, nullable=False),
             sa.Column("agent_used", sa.String(50)), sa.Column("routing_info", sa.JSON),
             sa.Column("references", sa.JSON), time("timestamp"), sa.Column("metadata", sa.JSON)): [
        # neither the ids nor the order of the rows is that of time
        {"id": "m-a", "conversation_id": "c-1", "role": "assistant", "content": "third", "agent_used": "hotel",
         "routing_info": {"why": 1}, "references": [], "timestamp": at(7), "metadata": {}},
        {"id": "m-c", "conversation_id": "c-1", "role": "user", "content": "first", "agent_used": None,
         "routing_info": {}, "references": [{"url": "x"}], "timestamp": at(5), "metadata": {}},
        {"id": "m-b", "conversation_id": "c-1", "role": "assistant", "content": "second", "agent_used": "flight",
         "routing_info": {}, "references": [], "timestamp": at(6), "metadata": {}},
    ],
}  # fmt: skip

LESSONS_ROWS = {
    sa.Table("sessions", lessons, key("chat_id", sa.Text), sa.Column("scenario", sa.Text, nullable=False),
             sa.Column("question", sa.Text), sa.Column("topic", sa.Text), sa.Column("is_new_question", sa.Boolean),
             sa.Column("is_new_topic", sa.Boolean), sa.Column("understanding_level", sa.Integer),
             sa.Column("previous_understanding_level", sa.Integer), sa.Column("previous_topic", sa.Text),
             sa.Column("user_preferences", sa.Text), time(), time("updated_at")): [
        {"chat_id": "77", "scenario": "explanation", "question": "2+2?", "topic": "суммы", "is_new_question": True,
         "is_new_topic": False, "understanding_level": 4, "previous_understanding_level": None, "previous_topic": None,
         "user_preferences": '["short", "кратко"]', "created_at": at(0), "updated_at": at(1)},
    ],
    sa.Table("messages", lessons, key(), sa.Column("chat_id", sa.Text, sa.ForeignKey("sessions.chat_id"), nullable=False),
             sa.Column("role", sa.Text, sa.CheckConstraint("role IN ('user', 'assistant')"), nullable=False),
             sa.Column("content", sa.Text, nullable=False), time("timestamp")): [
        {"id": 3, "chat_id": "77", "role": "user", "content": "привет", "timestamp": at(2)},
        {"id": 4, "chat_id": "77", "role": "assistant", "content": "здравствуй", "timestamp": at(3)},
    ],
    sa.Table("migrations", lessons, key("version"), sa.Column("name", sa.Text), time("applied_at")): [
        {"version": 1, "name": "initial_schema", "applied_at": at(0)},
    ],
}  # fmt: skip

SUPPORT_ROWS = {
    sa.Table("users", support, key(kind=sa.BigInteger), sa.Column("username", sa.String(255)),
             sa.Column("first_name", sa.String(255)), sa.Column("last_name", sa.String(255)),
             sa.Column("is_internal", sa.Boolean), time(), time("updated_at")): [
        {"id": 5_000_000_000, "username": "ann", "first_name": "Анна", "last_name": None, "is_internal": False,
         "created_at": at(0), "updated_at": at(0)},
        {"id": 8, "username": None, "first_name": "Bob", "last_name": "B", "is_internal": True,
         "created_at": at(0), "updated_at": at(1)},
    ],
    sa.Table("chats", support, key(kind=sa.BigInteger),
             sa.Column("type", sa.Enum("private", "group", "supergroup", name="chat_type")),
             sa.Column("title", sa.String(255)), sa.Column("is_archived", sa.Boolean), time()): [
        {"id": -1_001_234_567_890, "type": "supergroup", "title": "Клиенты", "is_archived": False, "created_at": at(0)},
    ],
    sa.Table("messages", support, key(), sa.Column("telegram_id", sa.BigInteger),
             sa.Column("chat_id", sa.BigInteger, sa.ForeignKey("chats.id")),
             sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id")), sa.Column("text", sa.Text),
             sa.Column("message_type", sa.String(20)), sa.Column("is_noise", sa.Boolean),
             sa.Column("intent", sa.String(100)), time()): [
        {"id": 1, "telegram_id": 10, "chat_id": -1_001_234_567_890, "user_id": 5_000_000_000, "text": "не работает",
         "message_type": "text", "is_noise": False, "intent": "complaint", "created_at": at(2)},
        {"id": 2, "telegram_id": 11, "chat_id": -1_001_234_567_890, "user_id": None, "text": None,
         "message_type": "photo", "is_noise": True, "intent": None, "created_at": at(3)},
    ],
    sa.Table("tickets", support, key(), sa.Column("kaiten_id", sa.Integer),
             sa.Column("message_id", sa.Integer, sa.ForeignKey("messages.id")), sa.Column("status", sa.String(20)),
             sa.Column("assigned_to", sa.BigInteger, sa.ForeignKey("users.id")), time(), time("resolved_at")): [
        {"id": 4, "kaiten_id": 900, "message_id": 1, "status": "closed", "assigned_to": 8, "created_at": at(3),
         "resolved_at": at(8)},
        {"id": 6, "kaiten_id": None, "message_id": None, "status": "open", "assigned_to": None, "created_at": at(4),
         "resolved_at": None},
    ],
    sa.Table("knowledge_entries", support, key(), sa.Column("question", sa.Text), sa.Column("answer", sa.Text),
             sa.Column("source", sa.String(20)), sa.Column("validated_by", sa.BigInteger, sa.ForeignKey("users.id")),
             sa.Column("embedding_id", sa.String(100)), time()): [
        {"id": 2, "question": "Как?", "answer": "Так", "source": "docs", "validated_by": 8, "embedding_id": "e-1",
         "created_at": at(5)},
    ],
}  # fmt: skip
