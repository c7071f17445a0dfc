"""Every public method, cancelled after each step that the event loop makes for it, three times in a row."""

import asyncio
import random
from pathlib import Path

import pytest

from sqlstore.store import Store
from tests.engine.postgres_support import until_true
from tests.engine.sqlite_support import is_unlocked, no_threads_remain

from .amount import FULL, amount, show
from .calls import STORES, Call, every_call
from .cluster import Cluster
from .trial import Change, Trial, empty, nothing_runs, quiet_store

STEPS = amount(quick=4, full=60)
RANDOM_CANCELS = amount(quick=100, full=10_000)


async def cancelled(trial: Trial, steps: int, times: int, pause_s: float = 0.0) -> object:
    """What the call ends with that is cancelled after so many steps, so many times."""
    task = asyncio.create_task(trial.run())
    for _ in range(steps):
        await asyncio.sleep(pause_s)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def check(trial: Trial, beside: Store, outcome: object, good: Change) -> None:
    """All or nothing; nothing under way; and the next call, which reads, is answered."""
    if trial.store.driver.engine == "postgres":
        await until_true(lambda: nothing_runs(beside))
        assert trial.store.driver.load().in_use == 0
    else:
        assert is_unlocked(Path(trial.store.driver.address))
    change = await trial.change(beside)
    assert change in ({}, good), f"{trial.call}: {outcome!r} left {change}"
    if not isinstance(outcome, BaseException):
        assert change == good, f"{trial.call} returned, and wrote nothing"
    else:
        assert isinstance(outcome, asyncio.CancelledError), (
            f"{trial.call}: {outcome!r} hides the cancellation"
        )


async def cancel_everywhere(store: Store, beside: Store, calls: list[Call]) -> int:
    """Gives the number of cancels."""
    dice, count = random.Random(3), 0
    goods: dict[Call, Change] = {}
    for call in calls:
        await empty(beside)
        trial = await Trial.begin(call, store)
        await trial.run()
        goods[call] = await trial.change(beside)
        for steps in range(STEPS):
            trial = await Trial.begin(call, store)
            outcome = await cancelled(trial, steps, 3)
            await check(trial, beside, outcome, goods[call])
            count += 1
            if not isinstance(outcome, BaseException):
                break
    for _ in range(RANDOM_CANCELS // len(STORES)):
        await empty(beside)  # some calls do what they do to whoever is there
        trial = await Trial.begin(dice.choice(calls), store)
        outcome = await cancelled(trial, dice.randrange(8), dice.choice((1, 3)), dice.choice((0.0, 0.0005)))
        await check(trial, beside, outcome, goods[trial.call])
        count += 1
    return count


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", STORES)
async def test_on_sqlite(name: str, tmp_path: Path) -> None:
    calls = [call for call in every_call() if call.store == name]
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    async with quiet_store(name, url, synchronous="normal") as store:
        count = await cancel_everywhere(store, store, calls)
    assert await no_threads_remain()
    assert count > len(calls)
    show(f"{name}: {count} cancels")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", STORES)
async def test_on_postgres(name: str, quick_server: Cluster) -> None:
    every = [call for call in every_call() if call.store == name]
    calls = every if FULL else every[::3]
    quick_server.sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
    url = f"{quick_server.url}?schema={name}&sslmode=disable"
    async with quiet_store(name, url) as store, quiet_store(name, url) as beside:
        count = await cancel_everywhere(store, beside, calls)
    assert count > len(calls)
    show(f"{name}: {count} cancels")
