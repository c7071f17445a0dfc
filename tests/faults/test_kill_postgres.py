"""kill -9 of the whole PostgreSQL server, under a writer that goes on and tries again as documented."""

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest

from sqlstore.engine.errors import Conflict, OutcomeUnknown, Unavailable
from sqlstore.stores.conversations import Conversations

from .amount import amount, show
from .cluster import Cluster, cluster
from .diary import begin, read_entries, write_entry

KILLS = amount(quick=2, full=10)
WRITERS = 6


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


async def keep_writing(store: Conversations, prefix: str, tell: Callable[[str], object]) -> None:
    """Entry after entry; one whose outcome is not known is written again under its own key."""
    number = 0
    while True:
        number += 1
        key = f"{prefix}.{number}"
        while True:
            try:
                await write_entry(store, key, number)
            except (Unavailable, OutcomeUnknown, Conflict):
                await asyncio.sleep(0.02)
            else:
                tell(key)
                break


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_server_is_killed_and_comes_back(server: Cluster) -> None:
    dice = random.Random(5)
    acknowledged: set[str] = set()
    async with Conversations.open(server.url) as store:
        await begin(store)
        tasks = [
            asyncio.create_task(keep_writing(store, f"w{number}", acknowledged.add))
            for number in range(WRITERS)
        ]
        for _ in range(KILLS):
            before = len(acknowledged)
            await asyncio.sleep(dice.uniform(0.2, 0.5))
            assert len(acknowledged) > before
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
        entries = await read_entries(store)
    show(f"{KILLS} kills, {len(acknowledged)} acknowledged, {len(acknowledged - entries)} lost")
    assert acknowledged <= entries
    assert len(acknowledged) > 20 * KILLS
