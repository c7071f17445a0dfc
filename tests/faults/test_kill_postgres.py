"""The PostgreSQL server goes away in every way, under writers that go on as documented, and comes back."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import asyncpg
import pytest

from sqlstore.engine.errors import ReadOnlyDatabase
from sqlstore.stores.conversations import Conversations

from .amount import FSYNC, amount, show
from .cluster import Cluster, cluster, set_system
from .load import AWAY, Load, finds_new_words, under_load

KILLS = amount(quick=2, full=10)
RESTARTS = amount(quick=1, full=10)
ENDED_SESSIONS = amount(quick=30, full=500)
READ_ONLY_TIMES = amount(quick=1, full=10)
OURS = "FROM pg_stat_activity WHERE application_name = 'sqlstore'"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster(max_connections="30", fsync=FSYNC) as server:
        yield server


def address(server: Cluster) -> str:
    return f"{server.url}?sslmode=disable"


async def go_through(server: Cluster, what: str, faults: Callable[[Load], Awaitable[None]]) -> None:
    """Faults under load; then all that was acknowledged is there, once, and whole."""
    async with Conversations.open(address(server)) as store:
        async with under_load(store, name=what[0], refusals=(*AWAY, ReadOnlyDatabase)) as load:
            await faults(load)
        await load.check(store)
        await finds_new_words(store, f"goodbye{what[0]}")
        assert store.driver.load().waiting == 0
    show(f"{what}: {load}, 0 lost")


async def restart(server: Cluster, stop: Callable[[], None], times: int, load: Load) -> None:
    dice = random.Random(5)
    for _ in range(times):
        await asyncio.sleep(dice.uniform(0.2, 0.4))
        await asyncio.to_thread(stop)
        await asyncio.to_thread(server.start)
        await load.goes_on()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed(server: Cluster) -> None:
    await go_through(server, f"killed {KILLS} times", partial(restart, server, server.kill, KILLS))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_restarted(server: Cluster, mode: str) -> None:
    stop = partial(server.stop, mode)
    await go_through(server, f"{mode} restart, {RESTARTS} times", partial(restart, server, stop, RESTARTS))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_sessions_are_ended_one_by_one(server: Cluster) -> None:
    dice = random.Random(7)

    async def end(load: Load) -> None:
        connection = await asyncpg.connect(server.url)
        try:
            for _ in range(ENDED_SESSIONS):
                await connection.execute(
                    f"SELECT pg_terminate_backend(pid) FROM (SELECT pid {OURS} ORDER BY random() LIMIT 1) AS one"
                )
                await asyncio.sleep(dice.uniform(0, 0.02))
        finally:
            await connection.close()

    await go_through(server, f"{ENDED_SESSIONS} sessions ended", end)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_server_takes_no_writes_for_a_while(server: Cluster) -> None:
    async def forbid(load: Load) -> None:
        for _ in range(READ_ONLY_TIMES):
            refused = load.errors["ReadOnlyDatabase"]
            await asyncio.to_thread(set_system, server, "default_transaction_read_only", "on")
            await asyncio.sleep(0.3)
            assert load.errors["ReadOnlyDatabase"] > refused
            await asyncio.to_thread(set_system, server, "default_transaction_read_only", "off")
            await load.goes_on()

    await go_through(server, f"read-only {READ_ONLY_TIMES} times", forbid)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_others_take_every_connection_for_a_while(server: Cluster) -> None:
    async def crowd_out(load: Load) -> None:
        others: list[asyncpg.Connection] = []
        try:
            while not load.errors["Unavailable"]:
                try:
                    others.append(await asyncpg.connect(server.url))
                except asyncpg.TooManyConnectionsError:
                    await others[0].execute(f"SELECT pg_terminate_backend(pid) {OURS}")
            await asyncio.sleep(0.2)
        finally:
            for other in others:
                await other.close()
        await load.goes_on()

    await go_through(server, "crowded out", crowd_out)
