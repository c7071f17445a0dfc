"""PgBouncer in transaction mode, with faults on either side of it."""

import asyncio
import signal
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from sqlstore.engine.address import PostgresAddress
from sqlstore.stores.conversations import Conversations
from tests.engine.pgbouncer import PASSWORD, USER, PgBouncer, running_pgbouncer

from .amount import FSYNC, FULL, amount, show
from .cluster import Cluster, cluster
from .load import finds_new_words, under_load

TIMES = amount(quick=1, full=10)
FAULTS = ["server killed", "server restarted", "pooler killed", "pooler stopped", "pooler restarted"]
ENDS = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM, "restarted": signal.SIGINT}
RETRY = {"server_login_retry": "1"}
"""How long PgBouncer leaves a server alone that was away, in seconds; 15 by itself."""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster(fsync=FSYNC) as server:
        yield server


async def strike(fault: str, server: Cluster, pooler: PgBouncer) -> None:
    what, how = fault.split()
    if what == "server":
        await asyncio.to_thread(server.kill if how == "killed" else server.stop)
        await asyncio.to_thread(server.start)
    else:
        await asyncio.to_thread(pooler.end, ENDS[how])
        await pooler.start()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS if FULL else FAULTS[:3:2])
async def test_what_fails_comes_back(server: Cluster, fault: str) -> None:
    behind = PostgresAddress(hosts=(("127.0.0.1", server.port),), user="postgres", database="postgres")
    async with running_pgbouncer(behind, **RETRY) as pooler:
        place = f"{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{pooler.port}/store"
        async with Conversations.open(f"postgresql://{place}?pgbouncer=true&sslmode=disable") as store:
            async with under_load(store, name=fault) as load:
                for _ in range(TIMES):
                    await asyncio.sleep(0.2)
                    await strike(fault, server, pooler)
                    await load.goes_on()
            await load.check(store)
            await finds_new_words(store, f"goodbye{FAULTS.index(fault)}")
    show(f"PgBouncer, {fault} {TIMES} times: {load}, 0 lost")
