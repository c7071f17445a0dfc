"""Every store with some months of life in it, the same rows on every engine; also what pages are looked at with."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlstore.engine.driver import Statement
from sqlstore.store import Store

DAYS = 45
INTENTS = ("billing", "login", "เติมเงิน", "доставка", None)
AGENTS = ("weather", "news", "<script>alert(1)</script>", None)
QUESTIONS = (
    "How do I reset my password?",
    "<script>alert('faq')</script> & more",
    "ร้านเปิดกี่โมง และปิดกี่โมงในวันหยุดนักขัตฤกษ์ครับ ขอบคุณมากครับ",
    "Где мой заказ?",
    "환불은 어떻게 받나요?",
)


class Life:
    """Rows made from a seed: times over the last days, some users busier than others."""

    def __init__(self, seed: int, now: datetime, size: int) -> None:
        self.dice = random.Random(seed)
        self.now, self.size = now, size

    def moment(self, days: float = DAYS) -> datetime:
        """A time in the last days, with microseconds."""
        return self.now - timedelta(microseconds=self.dice.randrange(int(days * 86_400e6)))

    def person(self, people: int) -> int:
        return 1 + int(people * self.dice.random() ** 2)

    def latency(self) -> float | None:
        return None if self.dice.random() < 0.2 else self.dice.lognormvariate(0.2, 0.7)


def sql_value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | float | int):
        return str(int(value)) if isinstance(value, bool) else repr(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"
    return "'" + str(value).replace("'", "''") + "'"


async def insert(store: Store, table: str, columns: str, rows: list[tuple]) -> None:
    """Many rows by hand, booleans as each engine wants them."""
    postgres = store.driver.engine == "postgres"
    for start in range(0, len(rows), 400):
        values = ", ".join(
            "("
            + ", ".join(
                str(value).lower() if postgres and isinstance(value, bool) else sql_value(value)
                for value in row
            )
            + ")"
            for row in rows[start : start + 400]
        )
        sql = f"INSERT INTO {table} ({columns}) VALUES {values}"
        statement = Statement(
            name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
            encode=lambda: (), result=lambda _, changed: changed,
        )  # fmt: skip
        await store.driver.call(statement)


async def chatbot(store: Store, life: Life) -> None:
    people = max(3, life.size // 20)
    platforms = ("web", "facebook", "line", "telegram")
    await insert(
        store, "users", "id, session_id, platform, created_at, last_active",
        [(n, f"web_{n}", life.dice.choice(platforms), life.moment(), life.now) for n in range(1, people + 1)],
    )  # fmt: skip
    await insert(
        store, "messages", "user_id, role, content, latency, from_faq, created_at",
        [
            (life.person(people), life.dice.choice(("user", "model", "system")), "text", life.latency(),
             life.dice.random() < 0.3, life.moment())
            for _ in range(life.size)
        ],
    )  # fmt: skip
    await insert(
        store, "faqs", "question, answer, hit_count, is_learned",
        [(question, "yes", 1 + 7 * place**2, place % 2 == 0) for place, question in enumerate(QUESTIONS)],
    )  # fmt: skip
    await insert(
        store, "audit_logs", "anon_id, platform, user_input, ai_output, latency, created_at",
        [
            (f"{life.person(people):032x}", life.dice.choice(platforms), "in", "out",
             None if (took := life.latency()) is None else took * 1000, life.moment())
            for _ in range(life.size // 2)
        ],
    )  # fmt: skip


def metrics(seconds: float, tokens: int) -> str:
    return f'{{"seconds": {seconds}, "tokens": {tokens}, "model": "x", "cached": true, "huge": 1e400}}'


async def assistant(store: Store, life: Life) -> None:
    people = max(3, life.size // 30)
    users, sessions, commands = ([UUID(int=kind << 100 | n) for n in range(life.size)] for kind in (1, 2, 3))
    await insert(
        store, "users", "id, hardware_id_hash, short_term_memory, long_term_memory, created_at",
        [
            (users[n], f"hash{n}", "s" * life.dice.randrange(90) or None, "l" * life.dice.randrange(900), life.moment())
            for n in range(people)
        ],
    )  # fmt: skip
    rows = []
    for n in range(life.size // 5):
        start, status = life.moment(), life.dice.choice(("active", "ended", "timeout", "error"))
        end = None if status == "active" else start + timedelta(seconds=life.dice.lognormvariate(6, 1))
        rows.append((sessions[n], users[life.person(people) - 1], start, end, status))
    await insert(store, "sessions", "id, user_id, start_time, end_time, status", rows)
    await insert(
        store, "commands", "id, session_id, prompt, language, created_at",
        [
            (commands[n], sessions[life.dice.randrange(len(rows))], "do", life.dice.choice(("en", "ru", "th")), life.moment())
            for n in range(life.size)
        ],
    )  # fmt: skip
    await insert(
        store, "llm_answers", "command_id, prompt, response, performance_metrics, created_at",
        [
            (commands[n], "p", "r",
             metrics(life.dice.randrange(1, 9000) / 1000, life.dice.randrange(2000)), life.moment())
            for n in range(life.size)
        ],
    )  # fmt: skip
    values = ("{n}", '{{"percent": {n}, "host": "a"}}', "[1, 2]", '"text"', "null")
    await insert(
        store, "performance_metrics", "session_id, metric_type, metric_value, created_at",
        [
            (sessions[life.dice.randrange(len(rows))], life.dice.choice(("cpu", "memory")),
             life.dice.choice(values).format(n=life.dice.randrange(-5, 10_000) / 4), life.moment())
            for _ in range(life.size)
        ],
    )  # fmt: skip


async def conversations(store: Store, life: Life) -> None:
    number = max(3, life.size // 15)
    await insert(
        store, "conversations", "id, user_id, title, created_at, is_active",
        [
            (f"c{n}", life.person(max(2, number // 3)), f"Chat {n}", life.moment(), life.dice.random() < 0.7)
            for n in range(number)
        ],
    )  # fmt: skip
    await insert(
        store, "messages", "id, conversation_id, role, content, agent_used, timestamp",
        [
            (f"m{n}", f"c{life.dice.randrange(number)}", life.dice.choice(("user", "assistant", "system")),
             "text", life.dice.choice(AGENTS), life.moment())
            for n in range(life.size)
        ],
    )  # fmt: skip


async def lessons(store: Store, life: Life) -> None:
    chats = max(3, life.size // 20)
    await insert(
        store, "sessions", "chat_id, scenario, understanding_level, created_at",
        [
            (str(n), life.dice.choice(("unknown", "discussion", "explanation")), life.dice.randrange(10), life.moment())
            for n in range(chats)
        ],
    )  # fmt: skip
    await insert(
        store, "messages", "chat_id, role, content, timestamp",
        [
            (str(life.person(chats) - 1), life.dice.choice(("user", "assistant")), "text", life.moment())
            for _ in range(life.size)
        ],
    )  # fmt: skip


async def state(store: Store, life: Life) -> None:
    histories = [
        (life.dice.choice(("langchain", "openai_agents")), f"s{n}") for n in range(max(3, life.size // 20))
    ]
    await insert(
        store, "histories", "framework, session_id, created_at",
        [(*history, life.moment()) for history in histories],
    )  # fmt: skip
    await insert(
        store, "history_items", "framework, session_id, seq, item, created_at",
        [(*life.dice.choice(histories), n + 1, "{}", life.moment()) for n in range(life.size)],
    )  # fmt: skip
    await insert(store, "threads", "thread_id", [(f"t{n}",) for n in range(3)])


async def support(store: Store, life: Life) -> None:
    people, chats = max(3, life.size // 20), max(3, life.size // 40)
    types = ("private", "group", "supergroup", "channel")
    await insert(
        store,
        "users",
        "id, first_name, created_at",
        [(n, "Ann", life.moment()) for n in range(1, people + 1)],
    )
    rows = [(-n, life.dice.choice(types), life.moment()) for n in range(1, chats + 1)]
    await insert(
        store, "chats", "id, type, title, created_at",
        [(n, kind, None if kind == "private" else f"<script>{n}</script> ลูกค้า", at) for n, kind, at in rows],
    )  # fmt: skip
    await insert(
        store, "messages", "id, telegram_id, chat_id, user_id, text, message_type, is_noise, intent, created_at",
        [
            (n, n, -life.person(chats), None if life.dice.random() < 0.1 else life.person(people), "text",
             life.dice.choice(("text", "text", "voice", "photo")), life.dice.random() < 0.2,
             life.dice.choice(INTENTS), life.moment())
            for n in range(1, life.size + 1)
        ],
    )  # fmt: skip
    tickets = []
    for n in range(1, life.size // 4 + 1):
        opened, status = life.moment(), life.dice.choice(("open", "in_progress", "closed", "closed"))
        took = timedelta(microseconds=int(life.dice.lognormvariate(9, 1.5) * 1e6))
        tickets.append((n, status, opened, opened + took if status == "closed" else None))
    await insert(store, "tickets", "message_id, status, created_at, resolved_at", tickets)
    await insert(
        store, "knowledge_entries", "question, answer, source",
        [("q", "a", life.dice.choice(("kaiten", "manual", "docs"))) for _ in range(life.size // 10)],
    )  # fmt: skip


STORES = {
    "assistant": assistant,
    "chatbot": chatbot,
    "conversations": conversations,
    "lessons": lessons,
    "state": state,
    "support": support,
}


async def populate(store: Store, *, seed: int = 1, size: int = 400, now: datetime | None = None) -> None:
    """Fill a store. now: where its months end; None means now."""
    await STORES[store.name](store, Life(seed, now or datetime.now(UTC), size))
