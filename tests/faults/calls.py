"""Every public method of the five stores, with arguments that mean something, found by looking at the classes.

A store's `known` values are those of a person that was just written; a method's parameters take
them by their names. A parameter that needs a value and has none fails a test.
"""

import inspect
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlstore.store import Store, _repositories
from sqlstore.stores import STORES as EVERY_STORE
from sqlstore.stores import load_store
from sqlstore.stores.lessons.state import SessionMessage, SessionState
from sqlstore.stores.state import Checkpoint, CheckpointWrite
from sqlstore.stores.state.dialogs import DialogKey
from sqlstore.stores.state.list_values import NewValue

Known = dict[str, Any]

ELSEWHERE = {
    "migrate_from_json", "export_to_json", "backup_database", "init_database",
}  # fmt: skip
"""They work on files, or on the tables themselves, and have tests of their own."""
SHARED_STORE_METHODS = ("count_person", "erase_person", "cleanup", "due")
"""Methods of every store that are tried here too."""
MOMENT = datetime(2031, 7, 19, 3, 14, 15, 926535, UTC)

_numbers = itertools.count(time.time_ns() // 1000, 10)

STORES = tuple(name for name in EVERY_STORE if name != "state")
"""Those of bots; the store of the frameworks has tests in tests/adapters."""


@dataclass(frozen=True)
class Call:
    """A method: `messages` and `append`; place is "" for the store's own."""

    store: str
    place: str
    method: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.store, self.place, self.method) if part)

    def bind(self, store: Store) -> Callable[..., Any]:
        return getattr(getattr(store, self.place) if self.place else store, self.method)

    def parameters(self) -> dict[str, inspect.Parameter]:
        kind = load_store(self.store)
        owner = _repositories(kind)[self.place] if self.place else kind
        return dict(
            itertools.islice(inspect.signature(getattr(owner, self.method)).parameters.items(), 1, None)
        )

    def arguments(self, known: Known) -> Known:
        """What its parameters are given."""
        given = {**known, **known.get(f"{self.place}.{self.method}", {})}
        return {name: given[name] for name in self.parameters() if name in given}

    async def run(self, store: Store, arguments: Known) -> Any:
        """Call it; a stream is read to its end."""
        answer = self.bind(store)(**arguments)
        if hasattr(answer, "__aiter__"):
            return [row async for row in answer]
        return await answer


def every_call(stores: Sequence[str] = STORES) -> Iterator[Call]:
    """Every public method of every repository, and of the stores."""
    for name in stores:
        kind = load_store(name)
        for place, repository in _repositories(kind).items():
            for method in _public(repository):
                yield Call(name, place, method)
        own = [method for method in _public(kind) if method in vars(kind) and method not in ELSEWHERE]
        yield from (Call(name, "", method) for method in own)
        yield from (Call(name, "", method) for method in SHARED_STORE_METHODS if hasattr(kind, method))


def _public(kind: type) -> list[str]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


def number() -> int:
    """One that no row has yet."""
    return next(_numbers)


async def _chatbot(bot: Any) -> Known:
    session_id = f"web_{number()}"
    user = await bot.users.get_or_create(session_id, "web", "Ann")
    message = await bot.append_message(session_id, "user", "hello there")
    faq = await bot.faqs.learn(f"when do you open on {session_id}?", "at nine")
    history = [
        {"role": role, "parts": [{"text": text}]}
        for role, text in (("user", "hello there"), ("model", "yes"))
    ]
    return {
        "session_id": session_id, "user_id": user.id, "first_id": message.id, "last_id": 0, "faq_id": faq.id,
        "question": faq.question, "answer": "at ten", "category": "hours", "is_learned": True,
        "platform": "web", "name": "Bob", "picture_url": "https://x/y", "user_name": "Bob", "user_picture": "https://x/y",
        "enabled": False, "bot_enabled": False, "created_at": MOMENT, "last_active": MOMENT, "started_at": MOMENT,
        "last_message_at": MOMENT, "since": MOMENT - timedelta(days=10_000), "role": "user", "content": "a word",
        "motion": "nod", "latency": 0.25, "from_faq": True, "words": "hello", "limit": 7,
        "items": [["user", "one", None, None, False, "2031-07-19T03:14:15.926535Z"]],
        "length": 1, "digest": "ab" * 32, "summary": "they met", "user_input": "q", "ai_output": "a",
        "anon_key": "0123456789abcdef0123456789abcdef", "history": history, "context": "be kind", "days": 7,
        "person": session_id,
    }  # fmt: skip


async def _assistant(assistant: Any) -> Known:
    person = f"machine_{number()}"
    user = await assistant.memory.update(person, "short", "long")
    session = await assistant.sessions.create(user.id)
    command = await assistant.commands.create(session.id, "hello there")
    answer = await assistant.answers.create(command.id, "hello there", "yes")
    screenshot = await assistant.screenshots.create(session.id, file_path="/a.png")
    metric = await assistant.metrics.create(session.id, "cpu", 3)
    known = {
        "user_id": user.id, "session_id": session.id, "command_id": command.id, "answer_id": answer.id,
        "screenshot_id": screenshot.id, "metric_id": metric.id, "hardware_id_hash": person, "metadata": {"a": 1},
        "short": "s", "long": "l", "before": MOMENT, "limit": 7, "status": "ended", "prompt": "p", "language": "en",
        "file_path": "/b.png", "file_url": None, "metric_type": "cpu", "metric_value": {"a": 2}, "response": "r",
        "model_info": {}, "performance_metrics": {}, "words": "hello", "hours": 24, "person": person,
        "memory.clear_expired_short": {"limit": 1},
        "users.create": {"hardware_id_hash": f"{person}b", "user_id": uuid4()},
    }  # fmt: skip
    made = {
        "sessions": "session_id",
        "commands": "command_id",
        "answers": "answer_id",
        "screenshots": "screenshot_id",
    }
    for place, name in {**made, "metrics": "metric_id"}.items():
        known[f"{place}.create"] = {name: uuid4()}
    for place in ("commands", "answers"):
        known[f"{place}.search"] = {"before": 2**62}
    return known


async def _conversations(store: Any) -> Known:
    user_id = number()
    chat = await store.conversations.create(user_id, conversation_id=f"c{user_id}", metadata={"a": 1})
    message = await store.messages.append(chat.id, "user", "hello there", agent_used="weather")
    return {
        "user_id": user_id, "conversation_id": chat.id, "title": "another", "active": True, "limit": 7,
        "contained": {"a": 1}, "role": "assistant", "content": "yes", "agent_used": "weather",
        "routing_info": {"agent": "weather"}, "references": [1], "metadata": {"a": 2}, "message_id": message.id,
        "token_budget": 100, "words": "hello", "before": 2**62, "person": str(user_id),
        "conversations.create": {"conversation_id": f"d{user_id}"}, "messages.append": {"message_id": f"m{user_id}"},
    }  # fmt: skip


async def _lessons(lessons: Any) -> Known:
    chat_id = str(number())
    await lessons.append_message(chat_id, "user", "hello there", MOMENT)
    state = await lessons.load_session(chat_id)
    state.add_message("assistant", "yes", MOMENT)
    state.topic = "light"
    return {
        "chat_id": chat_id, "state": state, "moment": MOMENT, "limit": 7, "role": "user", "content": "a word",
        "timestamp": MOMENT, "messages": [SessionMessage("user", "one", MOMENT), SessionMessage("user", "two", MOMENT)],
        "words": "hello", "hours": 168, "person": chat_id, "sessions.create": {"chat_id": f"{chat_id}b"},
        ".merge_session": {"state": _older(state)},
    }  # fmt: skip


def _older(state: SessionState) -> SessionState:
    merged = state.copy()
    merged.add_message("user", "and this", MOMENT)
    return merged


async def _support(desk: Any) -> Known:
    person = number()
    chat = await desk.chats.save(person, "private")
    await desk.users.save(person, "Ann", username=f"u{person}")
    asked = await desk.messages.append(1, chat.id, person, "hello there")
    other = await desk.messages.append(2, chat.id, None, "yes")
    ticket = await desk.tickets.open(asked.id, kaiten_id=person, assigned_to=person)
    entry = await desk.knowledge.add("how?", "so", "manual", validated_by=person, embedding_id=str(person))
    await desk.tickets.open(other.id)
    third = await desk.messages.append(3, chat.id, person, "again")
    return {
        "user_id": person, "chat_id": chat.id, "message_id": asked.id, "ticket_id": ticket.id, "entry_id": entry.id,
        "type": "private", "title": "one", "is_archived": True, "first_name": "Bob", "username": "b", "last_name": "B",
        "is_internal": True, "telegram_id": 1, "text": "a word", "message_type": "text", "is_noise": True,
        "intent": "greeting", "created_at": MOMENT, "words": "hello", "limit": 7, "newest_first": True, "after": 0,
        "kaiten_id": person, "assigned_to": person, "since": MOMENT - timedelta(days=10_000), "until": MOMENT,
        "resolved_since": MOMENT - timedelta(days=10_000), "resolved_until": MOMENT, "status": "open",
        "question": "how so?", "answer": "thus", "source": "docs", "validated_by": person, "embedding_id": f"e{person}",
        "embedding_ids": [str(person), "none"], "person": str(person),
        "tickets.set_kaiten_id": {"kaiten_id": person + 1}, "messages.append": {"telegram_id": 4},
        "tickets.open": {"message_id": third.id, "kaiten_id": person + 2},
    }  # fmt: skip


async def _state(state: Any) -> Known:
    person = str(number())
    key = DialogKey(1, int(person), int(person), 0, "", "default")
    checkpoint = Checkpoint(person, "", "c1", None, "run", {"said": "v1"}, "text", b"x")
    said = NewValue("said", "v1", [("text", b"hello")])
    written = CheckpointWrite(person, "", "c1", "task", 0, "", "said", "text", b"y")
    await state.append_items("langchain", person, ['{"text": "hello"}'])
    await state.put_checkpoint(checkpoint, [said])
    await state.put_writes(person, [written])
    await state.fsm_states.put(key, "asked", None, None)
    await state.persisted_data.put([("bot", "user", int(person), "{}")])
    return {
        "framework": "langchain", "session_id": person, "items": ['"a"'], "limit": 7, "before": 2**62,
        "thread_id": person, "checkpoint_ns": "", "checkpoint_id": "c1", "source": person, "target": f"{person}b",
        "run_ids": ["none"], "checkpoint": checkpoint, "rows": [], "versions": {"said": "v1"}, "values": [said],
        "channels": ["said"], "checkpoint_ids": ["c1"], "writes": [written], "key": key, "holder": None, "state": "s",
        "expires_at": MOMENT, "data": "{}", "known": None, "lease_s": 1.0, "holders": [uuid4()], "bot": "bot",
        "kind": "user", "owner_id": int(person), "keys": [], "name": "order", "conversations": {}, "person": person,
        "kept": ["c1"], "page_size": 7,
        "checkpoints.newest": {"before": "c2"}, "fsm_locks.acquire": {"holder": uuid4()},
        "fsm_locks.held": {"holder": uuid4()}, "fsm_locks.release": {"holder": uuid4()},
        ".prune_thread": {"kept": {"": ["c1"]}}, ".save_bot": {"data": {("user", 1): "{}"}},
    }  # fmt: skip


_PREPARE: dict[str, Callable[[Any], Awaitable[Known]]] = {
    "assistant": _assistant,
    "chatbot": _chatbot,
    "conversations": _conversations,
    "lessons": _lessons,
    "state": _state,
    "support": _support,
}


async def prepare(store: Store) -> Known:
    """Write a person that is not there yet, all in one transaction; gives what calls can be given."""
    return await store.run(_PREPARE[store.name])
