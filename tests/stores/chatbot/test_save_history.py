"""save_history on both engines: what is stored, and how few rows that takes."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlstore.engine.driver import Executor, Statement
from sqlstore.engine.errors import CheckViolation, InvalidValue
from sqlstore.engine.search_terms import SearchTerm
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.history import compare, digest_of
from sqlstore.stores.chatbot.items import read_items
from sqlstore.stores.chatbot.saving import append_change

SESSION = "web_saved"


def item(role: str, text: str, **more: object) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}], **more}


def dialogue(length: int, start: int = 0) -> list[dict[str, Any]]:
    return [item("model" if n % 2 else "user", f"text {n}") for n in range(start, start + length)]


async def stored_texts(bot: Chatbot, session_id: str = SESSION) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in await bot.messages.all(session_id)]


def texts(history: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["role"], entry["parts"][0]["text"]) for entry in history]


class Recorder(Executor):
    """Passes statements on and counts the rows that they read and change."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.engine = executor.engine
        self.read = self.changed = 0

    def match_text(self, terms: SearchTerm, scope: Sequence[str]) -> str:
        return self.executor.match_text(terms, scope)

    async def call(self, statement: Statement[Any], *arguments: object) -> Any:
        def counted(rows: Sequence[Any], changed: int) -> Any:
            self.read += len(rows)
            self.changed += changed if statement.kind == "changed" else 0
            return statement.result(rows, changed)

        counting = Statement(
            name=statement.name, source=statement.source, sql=statement.sql, kind=statement.kind,
            columns=statement.columns, encode=statement.encode, result=counted,
            parameters=statement.parameters,
        )  # fmt: skip
        return await self.executor.call(counting, *arguments)

    async def call_many(self, statement: Statement[int], rows: Sequence[Sequence[object]]) -> int:
        raise NotImplementedError


async def rows_to_save(
    bot: Chatbot, history: list[dict[str, Any]], session_id: str = SESSION
) -> tuple[int, int]:
    """How many rows are read and changed by comparing and saving this list."""
    user = await bot.users.get(session_id)
    assert user is not None
    async with bot.driver.transaction() as held:
        recorder = Recorder(held)
        await append_change(bot._bound(recorder), user, read_items(history, datetime.now(UTC)))
        return recorder.read, recorder.changed


async def test_a_growing_history_is_stored_once(bot: Chatbot) -> None:
    history: list[dict[str, Any]] = []
    for turn in range(20):
        history += dialogue(2, 2 * turn)
        assert await bot.save_history(SESSION, history) is True
    assert await stored_texts(bot) == texts(history)
    session = await bot.sessions.get(SESSION)
    assert session is not None
    assert session.message_count == 40


async def test_saving_the_same_list_twice_writes_nothing(bot: Chatbot) -> None:
    await bot.save_history(SESSION, dialogue(6))
    before = await bot.messages.all(SESSION)
    await bot.save_history(SESSION, dialogue(6))
    assert await bot.messages.all(SESSION) == before


async def test_an_empty_list_changes_nothing(bot: Chatbot) -> None:
    assert await bot.save_history(SESSION, []) is True
    assert await bot.users.get(SESSION) is None
    await bot.save_history(SESSION, dialogue(2))
    assert await bot.save_history(SESSION, []) is True
    assert await stored_texts(bot) == texts(dialogue(2))


async def test_a_bot_that_cuts_to_a_summary_and_ten_items_keeps_being_saved(bot: Chatbot) -> None:
    said = dialogue(80)
    history: list[dict[str, Any]] = []
    for number in range(0, 80, 2):
        history += said[number : number + 2]
        await bot.save_history(SESSION, history)
        if len(history) > 30:
            history = [item("system", f"summary {number}"), *history[-10:]]
    assert await stored_texts(bot) == texts(said)


async def test_a_regenerated_answer_replaces_the_stored_one(bot: Chatbot) -> None:
    await bot.save_history(SESSION, dialogue(6))
    kept = (await bot.messages.all(SESSION))[:5]
    await bot.save_history(SESSION, [*dialogue(5), item("model", "another answer")])
    messages = await bot.messages.all(SESSION)
    assert messages[:5] == kept
    assert [message.content for message in messages[5:]] == ["another answer"]


async def test_an_unrelated_list_is_appended(bot: Chatbot) -> None:
    await bot.save_history(SESSION, dialogue(4))
    await bot.save_history(SESSION, [item("system", "context"), *dialogue(2, 100)])
    assert await stored_texts(bot) == texts([*dialogue(4), item("system", "context"), *dialogue(2, 100)])


async def test_items_keep_what_they_carry(bot: Chatbot) -> None:
    moment = datetime(2024, 2, 29, 12, 30, 0, 123456, tzinfo=UTC)
    carried = item("model", "hi", motion="wave", latency=1.25, from_faq=True, created_at=moment)
    dated = item("user", "yo", created_at="2024-03-01T07:00:00+07:00")
    await bot.save_history(SESSION, [carried, dated])
    first, second = await bot.messages.all(SESSION)
    assert (first.motion, first.latency, first.from_faq, first.created_at) == ("wave", 1.25, True, moment)
    assert (second.motion, second.latency, second.from_faq) == (None, None, False)
    assert second.created_at == datetime(2024, 3, 1, tzinfo=UTC)


async def test_an_absent_key_erases_nothing(bot: Chatbot) -> None:
    await bot.save_history(SESSION, [item("user", "q"), item("model", "a", motion="nod", latency=0.5)])
    await bot.save_history(SESSION, [item("user", "q"), item("model", "a"), item("user", "more")])
    answer = (await bot.messages.all(SESSION))[1]
    assert (answer.motion, answer.latency) == ("nod", 0.5)


async def test_several_text_parts_are_joined_with_nothing_between(bot: Chatbot) -> None:
    await bot.save_history(SESSION, [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
    assert await stored_texts(bot) == [("user", "ab")]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"role": "user", "parts": [{"inline_data": {"data": "SECRET"}}]}, "part 0 is no text"),
        ({"role": "user", "parts": [{"text": "a"}, {"function_call": {}}]}, "part 1 is no text"),
        ({"role": "assistant", "parts": [{"text": "SECRET"}]}, "role must be one of user, model, system"),
        ({"role": ["user"], "parts": [{"text": "a"}]}, "role must be one of"),
        ({"parts": [{"text": "a"}]}, "role must be one of"),
        ({"role": "user"}, "parts must be a list"),
        ({"role": "user", "parts": [{"text": "SECRET\0"}]}, "NUL"),
        ({"role": "user", "parts": [{"text": "\ud800"}]}, "lone surrogate"),
        ({"role": "user", "parts": [{"text": "a"}], "latency": float("nan")}, "latency must be a finite"),
        ({"role": "user", "parts": [{"text": "a"}], "latency": -1}, "latency must not be negative"),
        ({"role": "user", "parts": [{"text": "a"}], "motion": "m" * 51}, "motion is longer than 50"),
        ({"role": "user", "parts": [{"text": "a"}], "from_faq": 1}, "from_faq must be bool"),
        ({"role": "user", "parts": [{"text": "a"}], "created_at": datetime(2024, 1, 1)}, "time zone"),
        ({"role": "user", "parts": [{"text": "a"}], "created_at": "SECRET"}, "created_at must be a time"),
        ("SECRET", "must be an object"),
    ],
)
async def test_an_item_that_cannot_be_stored_is_named_and_nothing_is_saved(
    bot: Chatbot, bad: object, problem: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await bot.save_history(SESSION, [item("user", "fine"), bad])  # type: ignore[list-item]
    assert "item 1" in str(caught.value)
    assert problem in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert await bot.users.get(SESSION) is None


async def test_what_the_tables_refuse_saves_nothing(bot: Chatbot) -> None:
    with pytest.raises(CheckViolation) as caught:
        await bot.save_history("w" * 300, dialogue(2))
    assert caught.value.constraint == "users_session_id_check"
    assert await bot.users.count() == 0


@pytest.mark.parametrize("grown", ["by two", "by a new answer", "as a window"])
async def test_rows_read_and_written_do_not_grow_with_what_is_stored(bot: Chatbot, grown: str) -> None:
    counts = []
    for length in (60, 3_000):
        session_id = f"web_{length}"
        history = dialogue(length)
        await bot.save_history(session_id, history)
        history = {
            "by two": [*history, *dialogue(2, length)],
            "by a new answer": [*history[:-1], item("model", "another answer")],
            "as a window": [item("system", "summary"), *history[-10:], *dialogue(2, length)],
        }[grown]
        counts.append(await rows_to_save(bot, history, session_id))
        assert (await stored_texts(bot, session_id))[-10:] == texts(history)[-10:]
    assert counts[0] == counts[1]
    assert sum(counts[1]) < 80


async def test_messages_appended_one_by_one_are_met_by_the_next_list(bot: Chatbot) -> None:
    await bot.save_history(SESSION, dialogue(100))
    for entry in dialogue(2, 100):
        await bot.append_message(SESSION, entry["role"], entry["parts"][0]["text"])
    read, _ = await rows_to_save(bot, dialogue(104))
    assert await stored_texts(bot) == texts(dialogue(104))
    assert read < 10


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM messages WHERE content = 'text 3'",
        "DELETE FROM messages WHERE content = 'text 39'",
        "UPDATE messages SET content = 'changed' WHERE content = 'text 3'",
        "UPDATE messages SET role = 'system' WHERE content = 'text 3'",
        "UPDATE messages SET id = id + 1000 WHERE content = 'text 3'",
        "INSERT INTO messages (id, user_id, role, content) SELECT -1, id, 'user', 'first' FROM users",
        "INSERT INTO messages (user_id, role, content) SELECT id, 'user', 'last' FROM users",
    ],
)
async def test_a_change_made_by_hand_is_noticed(bot: Chatbot, execute: Any, change: str) -> None:
    await bot.save_history(SESSION, dialogue(40))
    assert await execute(change) == 1
    before = await stored_texts(bot)
    history = dialogue(42)
    await bot.save_history(SESSION, history)
    expected = compare(before, texts(history))
    assert await stored_texts(bot) == before[: expected.keep] + texts(history)[expected.start :]


async def test_any_course_of_saving_and_changing_by_hand_follows_the_rules(
    bot: Chatbot, execute: Any
) -> None:
    chance = random.Random(7)
    for round_number in range(6):
        session_id = f"web_{round_number}"
        user = await bot.get_or_create_user(session_id, "web")
        model: list[tuple[str, str]] = []
        for _ in range(25):
            if chance.random() < 0.2 and model:
                model = await change_by_hand(bot, execute, chance, session_id, user.id)
                continue
            history = chosen_list(chance, model)
            await bot.save_history(session_id, [item(role, text) for role, text in history])
            change = compare(model, history)
            model = model[: change.keep] + history[change.start :]
            assert await stored_texts(bot, session_id) == model
            await check_digest(bot, user.id, model)


def chosen_list(chance: random.Random, model: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A list as bots hand them over: grown, cut, regenerated, or something else."""

    def fresh() -> tuple[str, str]:
        return chance.choice(["user", "model", "system"]), chance.choice("abc")

    start = chance.choice([0, max(0, len(model) - chance.randint(0, 45))])
    end = len(model) - chance.choice([0, 0, 0, 1, 2, 40])
    head = [("system", "summary")] * chance.choice([0, 0, 1])
    return head + model[start : max(end, 0)] + [fresh() for _ in range(chance.choice([0, 1, 2, 30]))]


async def change_by_hand(
    bot: Chatbot, execute: Any, chance: random.Random, session_id: str, user_id: int
) -> list[tuple[str, str]]:
    message = chance.choice(await bot.messages.all(session_id))
    await execute(
        chance.choice(
            [
                f"DELETE FROM messages WHERE id = {message.id}",
                f"UPDATE messages SET content = 'z' WHERE id = {message.id}",
                f"INSERT INTO messages (user_id, role, content) VALUES ({user_id}, 'user', 'y')",
            ]
        )
    )
    return await stored_texts(bot, session_id)


async def check_digest(bot: Chatbot, user_id: int, model: list[tuple[str, str]]) -> None:
    """A digest that is kept must be that of what is stored."""
    kept = await bot.digests.get(user_id)
    if kept is None:
        return
    spoken = model[next(n for n, (role, _) in enumerate(model) if role != "system") :]
    assert kept.length == len(spoken)
    assert kept.digest == f"{digest_of(spoken) % 2**256:064x}"


async def test_two_bots_that_save_one_session_at_once_leave_both_lists_whole(bot: Chatbot) -> None:
    await bot.save_history(SESSION, dialogue(4))
    lists = [[*dialogue(4), item("user", f"question {n}"), item("model", f"answer {n}")] for n in range(6)]
    await asyncio.gather(*(bot.save_history(SESSION, history) for history in lists))
    stored = await stored_texts(bot)
    assert stored[:4] == texts(dialogue(4))
    assert stored[4:] in [texts(history)[4:] for history in lists]


async def test_saving_inside_a_transaction_is_undone_with_it(bot: Chatbot) -> None:
    class StopError(Exception):
        pass

    with pytest.raises(StopError):
        async with bot.transaction() as tx:
            await tx.save_history(SESSION, dialogue(4))
            raise StopError
    assert await bot.users.get(SESSION) is None


async def test_items_without_a_time_get_the_time_of_saving(bot: Chatbot) -> None:
    before = datetime.now(UTC)
    await bot.save_history(SESSION, dialogue(2))
    for message in await bot.messages.all(SESSION):
        assert before <= message.created_at <= before + timedelta(minutes=5)


async def test_a_history_of_more_items_than_one_statement_takes_stays_in_order(bot: Chatbot) -> None:
    history = dialogue(2_500)
    await bot.save_history(SESSION, history)
    assert await stored_texts(bot) == texts(history)


async def test_a_message_put_between_others_by_hand_is_noticed(bot: Chatbot, execute: Any) -> None:
    user = await bot.get_or_create_user(SESSION, "web")
    rows = ", ".join(f"({10 * n - 100}, {user.id}, 'user', 'text {n}')" for n in range(5))
    await execute(f"INSERT INTO messages (id, user_id, role, content) VALUES {rows}")
    history = [item("user", f"text {n}") for n in range(5)]
    await bot.save_history(SESSION, history)
    assert await bot.digests.get(user.id) is not None
    await execute(
        f"INSERT INTO messages (id, user_id, role, content) VALUES (-85, {user.id}, 'user', 'between')"
    )
    history.append(item("user", "new"))
    await bot.save_history(SESSION, history)
    assert await stored_texts(bot) == texts(history)


async def test_a_long_history_taken_up_near_its_start_is_replaced_from_there(bot: Chatbot) -> None:
    user = await bot.get_or_create_user(SESSION, "web")
    await bot.save_history(SESSION, dialogue(200))
    history = [*dialogue(5), item("model", "another answer")]
    await bot.save_history(SESSION, history)
    assert await stored_texts(bot) == texts(history)
    await check_digest(bot, user.id, texts(history))


async def test_a_history_changed_by_hand_is_read_whole_only_once(bot: Chatbot, execute: Any) -> None:
    await bot.save_history(SESSION, dialogue(300))
    await execute("DELETE FROM messages WHERE content = 'text 299'")
    first, _ = await rows_to_save(bot, dialogue(299))
    second, changed = await rows_to_save(bot, dialogue(299))
    assert first >= 299
    assert (second, changed) == (1, 0)
