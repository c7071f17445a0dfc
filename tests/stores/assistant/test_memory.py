"""What the assistant remembers of users: written, counted, and forgotten in time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, InvalidValue
from sqlstore.stores.assistant import Assistant
from sqlstore.stores.assistant import store as store_module


async def age(execute: Any, hash_: str, hours: float) -> None:
    """Let a user's memory be that old."""
    moment = (
        (datetime.now(UTC) - timedelta(hours=hours)).replace(tzinfo=None).isoformat(timespec="microseconds")
    )
    await execute(f"UPDATE users SET memory_updated_at = '{moment}Z' WHERE hardware_id_hash = '{hash_}'")


async def test_a_memory_of_an_unknown_user_makes_the_user(assistant: Assistant) -> None:
    assert await assistant.memory.get("a") is None
    made = await assistant.memory.update("a", "short", "long")
    assert (made.short_term_memory, made.long_term_memory, made.metadata) == ("short", "long", {})
    memory = await assistant.memory.get("a")
    assert memory is not None
    assert (memory.short, memory.long, memory.memory_updated_at) == ("short", "long", made.created_at)


async def test_a_memory_is_replaced_and_moves_both_times_only(assistant: Assistant) -> None:
    before = await assistant.users.create("a", {"kept": True})
    after = await assistant.memory.update("a", "จำ", None)
    assert (after.id, after.metadata, after.created_at) == (before.id, before.metadata, before.created_at)
    assert after.memory_updated_at == after.updated_at > before.updated_at
    assert await assistant.users.get(before.id) == after
    memory = await assistant.memory.get("a")
    assert memory is not None
    assert (memory.short, memory.long) == ("จำ", "")


async def test_writing_the_same_memory_again_renews_it(assistant: Assistant) -> None:
    first = await assistant.memory.update("a", "x", "y")
    assert (await assistant.memory.update("a", "x", "y")).memory_updated_at > first.memory_updated_at


async def test_one_of_many_writers_is_last_and_its_two_texts_belong_together(assistant: Assistant) -> None:
    await asyncio.gather(*(assistant.memory.update("a", str(number), str(number)) for number in range(30)))
    memory = await assistant.memory.get("a")
    assert memory is not None
    assert memory.short == memory.long != ""
    assert (await assistant.memory.statistics()).total_users == 1


async def test_a_memory_holds_10240_characters_whatever_their_bytes(assistant: Assistant) -> None:
    await assistant.memory.update("a", "😀" * 10_240, "ก" * 10_240)
    for short, long in (("x" * 10_241, ""), ("", "x" * 10_241)):
        with pytest.raises(CheckViolation):
            await assistant.memory.update("a", short, long)
    memory = await assistant.memory.get("a")
    assert memory is not None
    assert (len(memory.short), len(memory.long)) == (10_240, 10_240)


@pytest.mark.parametrize("text", ["a\0", "\udfff", 5, b"x"])
async def test_a_memory_is_text(assistant: Assistant, text: Any) -> None:
    for arguments in ((text, "x", "x"), ("a", text, "x"), ("a", "x", text)):
        with pytest.raises(InvalidValue):
            await assistant.memory.update(*arguments)


async def test_only_short_memories_that_are_old_enough_are_forgotten(
    assistant: Assistant, execute: Any
) -> None:
    for name, hours in (("old", 25), ("young", 23), ("older", 999)):
        await assistant.memory.update(name, f"short of {name}", f"long of {name}")
        await age(execute, name, hours)
    await assistant.memory.update("empty", None, "long")
    await age(execute, "empty", 99)
    assert await assistant.cleanup_expired_short_term_memory() == 2
    found = {name: await assistant.memory.get(name) for name in ("old", "young", "older", "empty")}
    assert [memory and memory.short for memory in found.values()] == ["", "short of young", "", ""]
    assert all(memory and memory.long for memory in found.values())
    forgotten = await assistant.users.by_hardware_id("old")
    assert forgotten is not None
    assert forgotten.short_term_memory is None
    assert forgotten.memory_updated_at == forgotten.updated_at
    assert datetime.now(UTC) - forgotten.updated_at < timedelta(minutes=1)
    assert await assistant.cleanup_expired_short_term_memory() == 0


async def test_many_memories_are_forgotten_in_several_transactions(
    assistant: Assistant, execute: Any, monkeypatch: Any
) -> None:
    for number in range(7):
        await assistant.memory.update(str(number), "short", None)
        await age(execute, str(number), 2)
    monkeypatch.setattr(store_module, "CLEARED_AT_ONCE", 3)
    assert await assistant.memory.clear_expired_short(datetime.now(UTC) - timedelta(hours=1), 2) == 2
    assert await assistant.cleanup_expired_short_term_memory(1) == 5
    assert (await assistant.memory.statistics()).users_with_memory == 0


async def test_two_cleaners_at_once_forget_each_memory_once(assistant: Assistant, execute: Any) -> None:
    for number in range(30):
        await assistant.memory.update(str(number), "short", None)
        await age(execute, str(number), 2)
    assert (
        sum(await asyncio.gather(*(assistant.cleanup_expired_short_term_memory(1) for _ in range(4)))) == 30
    )


async def test_a_memory_written_while_the_cleaner_runs_is_kept(assistant: Assistant, execute: Any) -> None:
    await assistant.memory.update("a", "old", "long")
    await age(execute, "a", 2)
    written, cleaning = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with assistant.transaction() as tx:
            await tx.memory.update("a", "new", "long")
            written.set()
            await cleaning.wait()
            await asyncio.sleep(0.2)  # the cleaner has chosen its rows and waits for this one

    async def clean() -> int:
        await written.wait()
        cleaning.set()
        return await assistant.memory.clear_expired_short(datetime.now(UTC) - timedelta(hours=1), 10)

    _, cleared = await asyncio.gather(write(), clean())
    memory = await assistant.memory.get("a")
    assert memory is not None
    assert (cleared, memory.short) == (0, "new")


async def test_no_hours_at_all_forget_every_short_memory(assistant: Assistant) -> None:
    await assistant.memory.update("a", "short", "long")
    assert await assistant.cleanup_expired_short_term_memory(0) == 1


@pytest.mark.parametrize("hours", [-1, float("nan"), float("inf"), 10**9, 10**400, "24", None, True])
async def test_hours_that_are_no_age_are_refused(assistant: Assistant, hours: Any) -> None:
    await assistant.memory.update("a", "short", "long")
    with pytest.raises(InvalidValue, match="hours"):
        await assistant.cleanup_expired_short_term_memory(hours)
    assert (await assistant.memory.statistics()).users_with_short_memory == 1


async def test_active_memories_come_newest_first(assistant: Assistant, execute: Any) -> None:
    await assistant.users.create("nothing")
    await assistant.memory.update("emptied", "", "")
    for name, hours, short, long in (("b", 3, "12", None), ("a", 1, None, "เก้า"), ("c", 2, "1", "22")):
        await assistant.memory.update(name, short, long)
        await age(execute, name, hours)
    found = await assistant.memory.active()
    assert [(row.hardware_id_hash, row.short_memory_size, row.long_memory_size) for row in found] == [
        ("a", 0, 4), ("c", 1, 2), ("b", 2, 0),
    ]  # fmt: skip
    assert await assistant.memory.active(2) == found[:2]


async def test_memories_are_counted_in_characters(assistant: Assistant, execute: Any) -> None:
    empty = await assistant.memory.statistics()
    assert (empty.total_users, empty.avg_short_memory_size, empty.oldest_memory_update) == (0, 0.0, None)
    await assistant.users.create("nothing")
    await assistant.memory.update("short", "สั้น", "")
    await assistant.memory.update("both", "12", "123")
    newest = await assistant.memory.update("long", None, "1234567890")
    await age(execute, "both", 5)
    found = await assistant.memory.statistics()
    oldest = await assistant.users.by_hardware_id("both")
    assert oldest is not None
    assert (found.total_users, found.users_with_memory) == (4, 3)
    assert (found.users_with_short_memory, found.users_with_long_memory) == (2, 2)
    assert (found.total_short_memory_chars, found.total_long_memory_chars) == (6, 13)
    assert (found.avg_short_memory_size, found.avg_long_memory_size) == (6 / 4, 13 / 4)
    assert (found.oldest_memory_update, found.newest_memory_update) == (
        oldest.memory_updated_at, newest.memory_updated_at,
    )  # fmt: skip
