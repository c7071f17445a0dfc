"""What each section must say, counted in Python from all rows: slow, plain, and not by way of any SQL of ours."""

import json
import math
from collections import Counter as Bag
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlstore.store import Store

Row = dict


def read(kind: str, value: object) -> object:
    if kind == "time" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind == "json" and isinstance(value, str):
        return json.loads(value)
    return value


KINDS = {
    "created_at": "time", "timestamp": "time", "start_time": "time", "end_time": "time", "resolved_at": "time",
    "performance_metrics": "json", "metric_value": "json",
}  # fmt: skip
COLUMNS = {
    "assistant": {
        "users": "id, short_term_memory, long_term_memory, created_at",
        "sessions": "id, user_id, start_time, end_time, status",
        "commands": "session_id, language, created_at",
        "llm_answers": "performance_metrics, created_at",
        "screenshots": "id",
        "performance_metrics": "metric_type, metric_value, created_at",
    },
    "chatbot": {
        "users": "id, platform, created_at",
        "messages": "user_id, role, latency, from_faq, created_at",
        "sessions": "id",
        "faqs": "id, question, hit_count, is_learned",
        "audit_logs": "platform, latency, created_at",
    },
    "conversations": {
        "conversations": "id, user_id, is_active, created_at",
        "messages": "conversation_id, role, agent_used, timestamp",
    },
    "lessons": {
        "sessions": "chat_id, scenario, understanding_level, created_at",
        "messages": "chat_id, role, timestamp",
    },
    "state": {
        "histories": "framework, session_id, created_at",
        "history_items": "framework, created_at",
        "threads": "thread_id",
        "checkpoints": "checkpoint_id",
        "channel_values": "id",
        "checkpoint_writes": "thread_id",
    },
    "support": {
        "users": "id, created_at",
        "chats": "id, type, title, created_at",
        "messages": "chat_id, user_id, message_type, is_noise, intent, created_at",
        "tickets": "status, created_at, resolved_at",
        "knowledge_entries": "source",
    },
}


async def all_rows(store: Store) -> dict[str, list[Row]]:
    found = {}
    for table, columns in COLUMNS[store.name].items():
        names = columns.split(", ")
        found[table] = [
            {name: read(KINDS.get(name, ""), value) for name, value in zip(names, row, strict=True)}
            for row in await store.driver.fetch(f"SELECT {columns} FROM {table}")
        ]
    return found


@dataclass
class ByHand:
    """The rows, and the days that are asked for."""

    rows: dict[str, list[Row]]
    zone: ZoneInfo
    last: date
    days: int

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def inside(self, moment: datetime | None, days: int | None = None) -> bool:
        first = self.last - timedelta(days=(days or self.days) - 1)
        return moment is not None and first <= self.day(moment) <= self.last

    def period(self, table: str, column: str = "created_at") -> list[Row]:
        return [row for row in self.rows[table] if self.inside(row[column])]

    def per_day(self, moments: Iterable[datetime | None]) -> dict[date, int]:
        bag = Bag(self.day(moment) for moment in moments if self.inside(moment))
        every = (self.last - timedelta(days=back) for back in reversed(range(self.days)))
        return {day: bag[day] for day in every}

    def new(self, table: str, column: str = "created_at") -> dict[date, int]:
        return self.per_day(row[column] for row in self.rows[table])

    def active(self, seen: Iterable[tuple[datetime, object]]) -> tuple[dict[date, int], int, int]:
        """Per day, in the last 7 days, in the last 30."""
        people = {(self.day(moment), who) for moment, who in seen if who is not None}
        per_day = Bag(day for day, _ in people)
        together = [
            len({who for day, who in people if self.last - timedelta(days=days) < day <= self.last})
            for days in (7, 30)
        ]
        return {day: per_day[day] for day in self.per_day([])}, *together

    def spread(self, values: Iterable[tuple[str, float]]) -> dict[str, tuple]:
        by_label: dict[str, list[float]] = {}
        for label, value in values:
            by_label.setdefault(label, []).append(value)
        return {
            label: (len(found), *(sorted(found)[math.ceil(len(found) * p / 100) - 1] for p in (50, 95, 99)))
            for label, found in by_label.items()
        }


def tally(values: Iterable[object]) -> dict[object, int]:
    return dict(Bag(value for value in values if value is not None))


def pick(rows: Iterable[Row], column: str) -> dict[object, int]:
    return tally(row[column] for row in rows)


def numbers(rows: Iterable[Row], column: str) -> list[tuple[str, float]]:
    """The numbers in JSON objects, by their names; no booleans."""
    return [
        (key, float(value))
        for row in rows
        for key, value in row[column].items()
        if type(value) in (int, float) and abs(value) < 1e300
    ]


def measured(hand: ByHand) -> list[tuple[str, float]]:
    found = []
    for row in hand.period("performance_metrics"):
        kind, value = row["metric_type"], row["metric_value"]
        members = value.items() if isinstance(value, dict) else [("", value)]
        found += [
            (f"{kind}.{key}" if key else kind, float(number))
            for key, number in members
            if type(number) in (int, float)
        ]
    return found


def seconds(rows: Iterable[Row], start: str, end: str) -> list[tuple[str, float]]:
    return [("", (row[end] - row[start]) / timedelta(seconds=1)) for row in rows if row[end] is not None]


def by_key(rows: Iterable[Row], key: str = "id") -> dict[object, Row]:
    return {row[key]: row for row in rows}


def first_seen(rows: Iterable[Row], who: str) -> Iterable[datetime]:
    seen: dict[object, datetime] = {}
    for row in rows:
        seen[row[who]] = min(seen.get(row[who], datetime.max.replace(tzinfo=UTC)), row["created_at"])
    return seen.values()


def agents(hand: ByHand) -> dict[str, int]:
    pairs = {(row["agent_used"], row["conversation_id"]) for row in hand.period("messages", "timestamp")}
    return tally(agent for agent, _ in pairs)


def titles(hand: ByHand) -> dict[str, int]:
    chats = by_key(hand.rows["chats"])
    return tally(chats[row["chat_id"]]["title"] for row in hand.period("messages"))


EXPECTED: dict[str, dict[str, Callable[[ByHand], object]]] = {
    "assistant": {
        "memory_use": lambda h: {
            "users with a short-term memory": sum(bool(row["short_term_memory"]) for row in h.rows["users"]),
            "users with a long-term memory": sum(bool(row["long_term_memory"]) for row in h.rows["users"]),
            "characters in short-term memory": sum(
                len(row["short_term_memory"] or "") for row in h.rows["users"]
            ),
            "characters in long-term memory": sum(
                len(row["long_term_memory"] or "") for row in h.rows["users"]
            ),
        },
        "commands_per_day": lambda h: h.new("commands"),
        "new_users_per_day": lambda h: h.new("users"),
        "new_sessions_per_day": lambda h: h.new("sessions", "start_time"),
        "active_users_per_day": lambda h: h.active(
            (row["created_at"], by_key(h.rows["sessions"])[row["session_id"]]["user_id"])
            for row in h.rows["commands"]
        ),
        "sessions_per_status": lambda h: pick(h.period("sessions", "start_time"), "status"),
        "commands_per_language": lambda h: pick(h.period("commands"), "language"),
        "session_duration": lambda h: h.spread(
            seconds(h.period("sessions", "start_time"), "start_time", "end_time")
        ),
        "answer_metrics": lambda h: h.spread(numbers(h.period("llm_answers"), "performance_metrics")),
        "measurements": lambda h: h.spread(measured(h)),
    },
    "chatbot": {
        "faq_use": lambda h: {
            "answers from the FAQs": sum(row["hit_count"] for row in h.rows["faqs"]),
            "questions the bot learned": sum(row["is_learned"] for row in h.rows["faqs"]),
        },
        "messages_per_day": lambda h: h.new("messages"),
        "new_users_per_day": lambda h: h.new("users"),
        "active_users_per_day": lambda h: h.active(
            (row["created_at"], row["user_id"]) for row in h.rows["messages"]
        ),
        "audit_logs_per_day": lambda h: h.new("audit_logs"),
        "users_per_platform": lambda h: pick(h.rows["users"], "platform"),
        "messages_per_platform": lambda h: tally(
            by_key(h.rows["users"])[row["user_id"]]["platform"] for row in h.period("messages")
        ),
        "messages_per_role": lambda h: pick(h.period("messages"), "role"),
        "faq_hits": lambda h: {row["question"]: row["hit_count"] for row in h.rows["faqs"]},
        "answer_latency": lambda h: h.spread(
            ("from the FAQs" if row["from_faq"] else "from the model", row["latency"])
            for row in h.period("messages")
            if row["latency"] is not None
        ),
        "audit_log_latency": lambda h: h.spread(
            (row["platform"], row["latency"]) for row in h.period("audit_logs") if row["latency"] is not None
        ),
    },
    "conversations": {
        "messages_per_day": lambda h: h.new("messages", "timestamp"),
        "new_conversations_per_day": lambda h: h.new("conversations"),
        "new_users_per_day": lambda h: h.per_day(first_seen(h.rows["conversations"], "user_id")),
        "active_users_per_day": lambda h: h.active(
            (row["timestamp"], by_key(h.rows["conversations"])[row["conversation_id"]]["user_id"])
            for row in h.rows["messages"]
        ),
        "conversations_per_state": lambda h: tally(
            "active" if row["is_active"] else "archived" for row in h.rows["conversations"]
        ),
        "messages_per_role": lambda h: pick(h.period("messages", "timestamp"), "role"),
        "messages_per_agent": lambda h: pick(h.period("messages", "timestamp"), "agent_used"),
        "conversations_per_agent": agents,
    },
    "lessons": {
        "messages_per_day": lambda h: h.new("messages", "timestamp"),
        "new_chats_per_day": lambda h: h.new("sessions"),
        "active_chats_per_day": lambda h: h.active(
            (row["timestamp"], row["chat_id"]) for row in h.rows["messages"]
        ),
        "chats_per_scenario": lambda h: pick(h.rows["sessions"], "scenario"),
        "chats_per_understanding_level": lambda h: tally(
            str(row["understanding_level"]) for row in h.rows["sessions"]
        ),
        "messages_per_role": lambda h: pick(h.period("messages", "timestamp"), "role"),
    },
    "state": {
        "items_per_day": lambda h: h.new("history_items"),
        "new_histories_per_day": lambda h: h.new("histories"),
        "histories_per_framework": lambda h: pick(h.rows["histories"], "framework"),
        "items_per_framework": lambda h: pick(h.period("history_items"), "framework"),
    },
    "support": {
        "messages_per_day": lambda h: h.new("messages"),
        "new_users_per_day": lambda h: h.new("users"),
        "new_chats_per_day": lambda h: h.new("chats"),
        "active_users_per_day": lambda h: h.active(
            (row["created_at"], row["user_id"]) for row in h.rows["messages"]
        ),
        "tickets_opened_per_day": lambda h: h.new("tickets"),
        "tickets_closed_per_day": lambda h: h.new("tickets", "resolved_at"),
        "tickets_per_status": lambda h: pick(h.rows["tickets"], "status"),
        "messages_per_intent": lambda h: pick(h.period("messages"), "intent"),
        "messages_per_type": lambda h: pick(h.period("messages"), "message_type"),
        "messages_per_noise": lambda h: tally(
            "noise" if row["is_noise"] else "to answer" for row in h.period("messages")
        ),
        "messages_per_chat_type": lambda h: tally(
            by_key(h.rows["chats"])[row["chat_id"]]["type"] for row in h.period("messages")
        ),
        "messages_per_group": titles,
        "chats_per_type": lambda h: pick(h.rows["chats"], "type"),
        "knowledge_per_source": lambda h: pick(h.rows["knowledge_entries"], "source"),
        "resolution_time": lambda h: h.spread(
            seconds(h.period("tickets", "resolved_at"), "created_at", "resolved_at")
        ),
    },
}
"""Each section but the rows and the sizes, which are the same for every store."""
