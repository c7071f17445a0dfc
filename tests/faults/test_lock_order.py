"""Writers of one user in PostgreSQL lock rows in the same order, so that none meets a deadlock."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from sqlstore.stores.chatbot import Chatbot

from .amount import amount, show
from .cluster import Cluster

SECONDS = amount(quick=1, full=20)
PAUSE_S = 0.005
SESSION = "web_ann"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def write_in_all_ways(bot: Chatbot) -> Counter[str]:
    """What several tabs of one user, or several processes, do at once; how often each was done."""
    done: Counter[str] = Counter()
    ends = time.monotonic() + SECONDS

    async def append(number: int) -> None:
        await bot.append_message(SESSION, "user", f"{number} said")

    async def save(number: int) -> None:
        history = await bot.get_or_create_history(SESSION, user_name=f"Ann {number}", limit=20)
        await bot.save_history(SESSION, [*history, {"role": "model", "parts": [{"text": f"{number}"}]}])

    async def clear(number: int) -> None:
        await bot.clear_history(SESSION)

    async def go_on(work: Callable[[int], Awaitable[None]]) -> None:
        while time.monotonic() < ends:
            await work(done[work.__name__])
            done[work.__name__] += 1
            await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for work in (append, append, append, save, save, clear):
            tasks.create_task(go_on(work))
    return done


@pytest.mark.slow
async def test_appending_saving_and_clearing_one_history_at_once(quick_server: Cluster) -> None:
    quick_server.sql("CREATE SCHEMA IF NOT EXISTS locks")
    async with Chatbot.open(f"{quick_server.url}?schema=locks&sslmode=disable") as bot:
        await bot.append_message(SESSION, "user", "hello")
        before = int(quick_server.sql(DEADLOCKS))
        done = await write_in_all_ways(bot)
        counted = await bot.sessions.get(SESSION)
        assert counted is not None
        assert counted.message_count == await bot.messages.count(SESSION)
    deadlocks = int(quick_server.sql(DEADLOCKS)) - before
    show(f"{done['append']} appended, {done['save']} saved, {done['clear']} cleared, {deadlocks} deadlocks")
    assert deadlocks == 0
    assert min(done.values()) > 0 and done["append"] > 20
