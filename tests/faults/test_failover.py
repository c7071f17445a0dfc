"""A primary that goes, and a real streaming standby that takes over."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sqlstore.engine.errors import ReadOnlyDatabase
from sqlstore.stores.conversations import Conversations
from tests.engine.postgres_support import until_true
from tests.engine.proxy import Proxy, proxy

from .amount import FSYNC, FULL, amount, show
from .cluster import Cluster, cluster, set_system
from .diary import read_entries
from .load import AWAY, Load, under_load

ROUNDS = amount(quick=1, full=10)
WRITING_AGAIN_S = 3.0
"""After the promotion, with the time limits that a store has by itself."""
STANDBY = "second"
IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"


def address(*servers: Cluster) -> str:
    return f"postgresql://postgres@{','.join(each.host for each in servers)}/postgres?sslmode=disable"


@asynccontextmanager
async def pair(*, synchronous: bool) -> AsyncIterator[tuple[Cluster, Cluster, Proxy]]:
    """A primary, its standby, and the line between them."""
    with cluster(fsync=FSYNC) as primary:
        async with proxy("127.0.0.1", primary.port) as line:
            standby = await asyncio.to_thread(primary.follow, STANDBY, port=line.port)
            if synchronous:
                set_system(primary, "synchronous_standby_names", STANDBY)

                async def in_step() -> bool:
                    return await asyncio.to_thread(primary.sql, IN_STEP) == "1\n"

                await until_true(in_step, 20)
            yield primary, standby, line


async def strike(fault: str, primary: Cluster) -> None:
    if fault == "read-only":
        set_system(primary, "default_transaction_read_only", "on")
        await asyncio.sleep(0.3)  # what was under way waits for the standby until then
    else:
        await asyncio.to_thread({"killed": primary.kill, "frozen": primary.freeze}[fault])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", ["killed", "frozen", "read-only"] if FULL else ["killed", "frozen"])
async def test_writing_goes_on_soon_after_the_promotion_and_nothing_is_lost(fault: str) -> None:
    """frozen: connections stay open, new ones are taken, and nothing answers, as when a machine hangs."""
    took, acknowledged = [], 0
    for number in range(ROUNDS):
        async with (
            pair(synchronous=True) as (primary, standby, _),
            Conversations.open(address(primary, standby)) as store,
        ):
            async with under_load(store, refusals=(*AWAY, ReadOnlyDatabase)) as load:
                await asyncio.sleep(0.2)
                struck_at = time.monotonic()
                await strike(fault, primary)
                await asyncio.sleep(number % 4 / 2)  # at once, or after somebody has noticed
                promoted_at = time.monotonic()
                await asyncio.to_thread(standby.promote)
            await load.check(store)
            took.append(load.gap(struck_at)[1] - promoted_at)
            acknowledged += len(load.acknowledged)
    show(
        f"{fault}: {ROUNDS} times, writing again after at most {max(took):.2f} s, {acknowledged} acknowledged, 0 lost"
    )
    assert max(took) < WRITING_AGAIN_S


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", [True, False] if FULL else [False])
async def test_what_the_standby_had_not_got_is_lost_unless_it_is_synchronous(*, synchronous: bool) -> None:
    """The line between the two is gone for a while before the primary is."""
    async with (
        pair(synchronous=synchronous) as (primary, standby, line),
        Conversations.open(address(primary, standby)) as store,
    ):
        async with under_load(store) as load:
            await asyncio.sleep(0.3)
            arrived = await what_has_arrived(primary, load)
            line.stall()
            await asyncio.sleep(0.5)
            if not synchronous:
                await load.goes_on()
            await asyncio.to_thread(primary.kill)
            line.reset()
            await asyncio.to_thread(standby.promote)
        lost = load.acknowledged.keys() - await read_entries(store)
    show(
        f"a standby that is {'' if synchronous else 'not '}synchronous: {len(lost)} of {len(load.acknowledged)} lost"
    )
    assert not lost & arrived
    assert bool(lost) != synchronous


async def what_has_arrived(primary: Cluster, load: Load) -> set[str]:
    """Entries that the standby certainly has."""
    acknowledged = set(load.acknowledged)
    place = (await asyncio.to_thread(primary.sql, "SELECT pg_current_wal_insert_lsn()")).strip()
    arrived = f"SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= '{place}'"

    async def is_there() -> bool:
        return await asyncio.to_thread(primary.sql, arrived) == "1\n"

    await until_true(is_there, 20)
    return acknowledged


@pytest.mark.slow
async def test_target_session_attrs_does_not_keep_an_old_primary_out() -> None:
    """What is open stays with the new primary; who connects anew takes the first that says it takes writes."""
    async with pair(synchronous=False) as (primary, standby, _):
        both = f"{address(primary, standby)}&target_session_attrs=read-write"
        async with Conversations.open(both) as store:
            await store.conversations.create(1, conversation_id="before")
            await asyncio.to_thread(primary.stop, "fast")
            await asyncio.to_thread(standby.promote)
            await store.conversations.create(1, conversation_id="moved")
            await asyncio.to_thread(primary.start)  # nobody has fenced it
            await store.conversations.create(1, conversation_id="stayed")
            async with Conversations.open(both, migrate=False) as other:
                await other.conversations.create(1, conversation_id="anew")
            where = "SELECT string_agg(id, ' ' ORDER BY id) FROM conversations"
            assert await asyncio.to_thread(standby.sql, where) == "before moved stayed\n"
            assert await asyncio.to_thread(primary.sql, where) == "anew before\n"
