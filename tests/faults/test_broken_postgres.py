"""The line to PostgreSQL is cut at the n-th question, for every n of every public method."""

import itertools
import os

import pytest

from sqlstore.store import Store
from tests.engine.postgres_support import until_true

from .amount import FULL, show
from .calls import STORES, every_call
from .cluster import Cluster
from .counting_proxy import CountingProxy, counting_proxy
from .trial import Trial, empty, judge, nothing_runs, quiet_store


def at(server: Cluster, host: str, name: str) -> str:
    return f"postgresql://postgres@{host}/postgres?schema={name}&sslmode=disable"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STORES)
async def test_every_question_of_every_method(name: str, quick_server: Cluster) -> None:
    quick_server.sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
    files = os.listdir("/proc/self/fd")
    async with (
        counting_proxy(quick_server) as line,
        quiet_store(name, at(quick_server, f"127.0.0.1:{line.port}", name)) as store,
        quiet_store(name, at(quick_server, quick_server.host, name)) as beside,
    ):
        faults = await cut_everywhere(store, beside, line)
    show(f"{name}: {faults} faults")
    assert faults > 10
    assert os.listdir("/proc/self/fd") == files


async def cut_everywhere(store: Store, beside: Store, line: CountingProxy) -> int:
    """Gives the number of cuts. beside: the same database, by a line that nobody cuts."""
    moments, faults = ("before", "after"), 0
    turns = itertools.cycle(moments)
    for place, call in enumerate(call for call in every_call() if call.store == store.name):
        await empty(beside)
        for _ in range(2):  # the first time, a connection prepares what it runs
            trial = await Trial.begin(call, store)
            line.set()
            await trial.run()
        questions, good = line.count, await trial.change(beside)
        for n in range(1 if FULL else 1 + place % 2, questions + 1, 1 if FULL else 2):
            for moment in moments if FULL else (next(turns),):
                trial = await Trial.begin(call, store)
                line.set(n, moment)
                try:
                    outcome = await trial.run()
                except Exception as error:
                    outcome = error
                assert line.cuts == faults + 1, f"{call}: question {n} of {questions} was not asked"
                line.set()
                faults += 1
                await until_true(lambda: nothing_runs(beside))
                change = await trial.change(beside)
                judge(call, f"{moment} question {n} of {questions}", outcome, change, good)
                assert store.driver.load().in_use == 0
    return faults
