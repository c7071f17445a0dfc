"""Every store with people in it: what tests of retention and of single persons begin with."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlstore.engine.driver import Statement
from sqlstore.store import Store
from sqlstore.stores import load_store
from sqlstore.stores.state import Checkpoint, CheckpointWrite
from sqlstore.stores.state.dialogs import DialogKey
from sqlstore.stores.state.list_values import NewValue

KEY = "0123456789abcdef0123456789abcdef"
LONG_AGO = "2020-01-01T00:00:00.000000Z"


def changing(sql: str) -> Statement[int]:
    """A statement as another program would run it; gives the number of rows changed."""
    return Statement(
        name="by_hand", source="tests", sql=sql, kind="changed", columns=None,
        encode=lambda: (), result=lambda rows, changed: changed,
    )  # fmt: skip


async def by_hand(store: Store, sql: str) -> int:
    """Run a statement as another program would; gives the number of rows changed."""
    return await store.driver.call(changing(sql))


async def contents(store: Store) -> dict[str, list[tuple]]:
    """Every row of every table but the book, as the database gives them."""
    sql = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_%' AND name <> 'migrations'"
        if store.driver.engine == "sqlite"
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        " AND tablename <> 'migrations' AND tablename NOT LIKE 'search_%'"
    )
    names = sorted(name for (name,) in await store.driver.fetch(sql))
    return {name: sorted(map(repr, await store.driver.fetch(f"SELECT * FROM {name}"))) for name in names}


@dataclass(frozen=True)
class People:
    """How a test puts a person into a store.

    - persons: two that `add` takes, as the store calls people by.
    - add: writes what that person says, `canary` in every text.
    - make_old: SQL that makes all that is there look long unused.
    - kept: tables whose rows no age deletes. logs: the tables that go by `logs_older_than`.
    """

    persons: tuple[str, str]
    add: Callable[[Store, str, str], Awaitable[object]]
    make_old: tuple[str, ...]
    kept: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()


async def _chatbot(bot, person: str, canary: str) -> None:
    await bot.get_or_create_user(person, "web", canary)
    for role in ("user", "model"):
        await bot.append_message(person, role, f"{canary} {role}")
    await bot.sessions.set_summary(person, canary)
    await bot.faqs.learn(f"open on {person}?", "yes")
    await bot.audit_logs.add(person, "web", canary, canary, anon_key=KEY)


async def _assistant(assistant, person: str, canary: str) -> None:
    user = await assistant.users.create(person, {"note": canary})
    await assistant.memory.update(person, canary, canary)
    session = await assistant.sessions.create(user.id)
    command = await assistant.commands.create(session.id, canary)
    await assistant.answers.create(command.id, canary, canary)
    await assistant.screenshots.create(session.id, file_path=f"/{canary}.png")
    await assistant.metrics.create(session.id, "cpu", {"note": canary})


async def _conversations(store, person: str, canary: str) -> None:
    chat = await store.conversations.create(user_id=int(person), title=canary)
    await store.messages.append(chat.id, "user", canary)
    await store.messages.append(chat.id, "assistant", canary, agent_used="weather")


async def _lessons(lessons, person: str, canary: str) -> None:
    await lessons.append_message(person, "user", canary)
    await lessons.append_message(person, "assistant", canary)


async def _state(state, person: str, canary: str) -> None:
    for framework in ("langchain", "openai_agents"):
        await state.append_items(framework, person, [json.dumps(canary), f'{{"note": {json.dumps(canary)}}}'])
    said = [("text", f"{canary} {number}".encode()) for number in range(3)]
    for number in (1, 2, 3):
        checkpoint = Checkpoint(
            person, "", f"c{number}", None, "run", {"said": f"v{number}"}, "text", b"-0.0"
        )
        await state.put_checkpoint(checkpoint, [NewValue("said", f"v{number}", said[:number])])
    await state.put_writes(
        person, [CheckpointWrite(person, "", "c3", "task", -1, "", "said", "text", canary.encode())]
    )

    number = int(person)
    key = DialogKey(1, number, number, 0, "", "default")
    await state.fsm_states.put(key, canary, None, None)
    await state.fsm_data.put(key, json.dumps({"note": canary}), None, None)
    await state.persisted_data.put(
        [("bot", kind, number, json.dumps({"note": canary})) for kind in ("user", "chat")]
    )
    await state.persisted_conversations.put([("bot", "order", f"[-100,{number}]", json.dumps(canary))])


async def _support(desk, person: str, canary: str) -> None:
    number = int(person)
    await desk.chats.save(-100, "supergroup", "Customers")
    await desk.chats.save(number, "private")
    await desk.users.save(number, canary, username=f"u{canary}")
    await desk.messages.append(number, -100, number, canary)
    asked = await desk.messages.append(1, number, number, canary)
    await desk.messages.append(2, number, None, f"the desk answers {canary}")
    await desk.tickets.open(asked.id, assigned_to=number)
    await desk.knowledge.add(f"how {person}?", "so", "manual", validated_by=number)


PEOPLE = {
    "chatbot": People(
        ("web_ann", "fb_bob"),
        _chatbot,
        (f"UPDATE users SET last_active = '{LONG_AGO}'", f"UPDATE audit_logs SET created_at = '{LONG_AGO}'"),
        kept=("faqs",),
        logs=("audit_logs",),
    ),
    "assistant": People(
        ("aa11", "bb22"),
        _assistant,
        (
            f"UPDATE sessions SET start_time = '{LONG_AGO}', updated_at = '{LONG_AGO}'",
            f"UPDATE commands SET created_at = '{LONG_AGO}'",
            f"UPDATE performance_metrics SET created_at = '{LONG_AGO}'",
        ),
        kept=("users",),
        logs=("performance_metrics",),
    ),
    "conversations": People(
        ("7", "8"), _conversations, (f"UPDATE conversations SET updated_at = '{LONG_AGO}'",)
    ),
    "lessons": People(("41", "42"), _lessons, (f"UPDATE sessions SET updated_at = '{LONG_AGO}'",)),
    "state": People(
        ("41", "42"),
        _state,
        tuple(
            f"UPDATE {table} SET updated_at = '{LONG_AGO}'"
            for table in (
                "histories",
                "threads",
                "fsm_states",
                "fsm_data",
                "persisted_data",
                "persisted_conversations",
            )
        ),
    ),
    "support": People(
        ("501", "502"),
        _support,
        (f"UPDATE messages SET created_at = '{LONG_AGO}'",),
        kept=("chats", "users", "knowledge_entries"),
    ),
}


@asynccontextmanager
async def peopled(name: str, url: str, **options: object) -> AsyncIterator[Store]:
    """A store of that name, open."""
    async with load_store(name).open(url, **options) as store:
        yield store
