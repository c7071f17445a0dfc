"""An open store indexes by itself, and holds up nothing: not the exit, not a close, not other writes."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import time
import weakref
from collections import Counter
from pathlib import Path

import pytest

from sqlstore.capabilities.search import keeper as keeping
from sqlstore.capabilities.search.keeper import Keeper
from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.observe import Call, Observer
from sqlstore.store import Store
from sqlstore.stores.state import State
from sqlstore.stores.support import Support

from .conftest import ANN, GROUP, execute, furnish

ROOT = Path(__file__).parents[3]


async def pending(desk: Support) -> int:
    return (await desk.driver.fetch("SELECT count(*) FROM search_pending"))[0][0]


async def until_indexed(desk: Support) -> None:
    async with asyncio.timeout(20):
        while await pending(desk):
            await asyncio.sleep(0.02)


async def test_what_is_written_is_indexed_by_itself(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSE_S", 0.05)
    with deadline(5):  # of whoever opens it; the keeper goes on after it
        desk = await Support.open(url)
    try:
        await furnish(desk)
        async with desk.transaction() as tx:
            for number in range(500):
                await tx.messages.append(number, GROUP, ANN, f"number {number}")
        await until_indexed(desk)
        await desk.messages.append(1_000, GROUP, ANN, "one more")
        await until_indexed(desk)
        assert (await desk.messages.search("more")).complete
    finally:
        await desk.close()


async def test_an_idle_store_asks_seldom(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSE_S", 0.02)
    monkeypatch.setattr(keeping, "LONGEST_PAUSE_S", 0.32)
    asked = 0
    work = Keeper._work

    async def counted(self: Keeper) -> None:
        nonlocal asked
        asked += 1
        await work(self)

    monkeypatch.setattr(Keeper, "_work", counted)
    async with Support.open(url):
        await asyncio.sleep(1.2)
    assert 3 <= asked <= 9  # after 0.02, 0.04, 0.08, 0.16, 0.32, 0.32 … seconds


async def test_closing_does_not_wait_for_the_indexing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSE_S", 0.0)
    async with Support.open(url) as desk:
        await furnish(desk)
        async with desk.transaction() as tx:
            for number in range(2_000):
                await tx.messages.append(number, GROUP, ANN, f"number {number}")
        started = time.monotonic()
    assert time.monotonic() - started < 3
    monkeypatch.setattr(keeping, "PAUSE_S", 60.0)
    async with Support.open(url) as desk:
        hits = (await desk.messages.search("1234")).hits
        assert [hit.row.text for hit in hits] == ["number 1234"]


async def test_a_failure_is_tried_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSE_S", 0.02)
    monkeypatch.setattr(keeping, "LONGEST_PAUSE_S", 0.05)
    async with Support.open(url) as desk:
        await furnish(desk)
        rename = "ALTER TABLE search_pending RENAME TO put_aside"
        if desk.driver.engine == "sqlite":
            async with desk.driver.exclusive() as held:
                await held.run(
                    lambda connection: connection.execute("PRAGMA legacy_alter_table = ON").fetchall()
                )
                await held.run(lambda connection: connection.execute(rename).fetchall())
                await asyncio.sleep(0.3)
                await held.run(
                    lambda connection: connection.execute("ALTER TABLE put_aside RENAME TO search_pending")
                )
        else:
            await execute(desk, rename)
            await asyncio.sleep(0.3)
            await execute(desk, "ALTER TABLE put_aside RENAME TO search_pending")
        await desk.messages.append(1, GROUP, ANN, "after the failure")
        await until_indexed(desk)


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_store_that_nobody_holds_is_not_kept_alive(url: str) -> None:
    desk = await Support.open(url)
    driver = weakref.ref(desk.driver)
    keeper = weakref.ref(desk._keeper)
    with pytest.warns(ResourceWarning):
        del desk
        gc.collect()
    assert driver() is keeper() is None


PROGRAM = """
    import asyncio, sys
    from sqlstore.capabilities.search import keeper
    keeper.PAUSE_S = 0.0
    from sqlstore.stores.support import Support

    async def main():
        desk = await Support.open(sys.argv[1])
        await desk.chats.save(1, "group", "g")
        for number in range(300):
            await desk.messages.append(number, 1, None, f"number {number}")
        print("done", flush=True)

    asyncio.run(main())
"""


def test_a_store_that_was_never_closed_does_not_hold_up_the_exit(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "Traceback" not in done.stderr


async def test_what_is_indexed_by_request_is_not_indexed_beside_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PAUSE_S", 0.0)
    read, told = Read(), []
    async with Support.open(url, search=False) as desk:
        await furnish(desk)
        async with desk.transaction() as tx:
            for number in range(1_000):
                await tx.messages.append(number, GROUP, ANN, f"number {number}")
    async with Support.open(url, observers=[read]) as desk:
        await desk.complete_index(on_progress=lambda done, total: told.append((done, total)))
        assert (await desk.messages.search("number")).complete
        assert read.rows["index.waiting"] <= 1_100
        assert told[-1][0] == told[-1][1] >= 1_000
        read.rows.clear()
        await desk.complete_index(anew=True)
        assert 1_000 <= read.rows["index.waiting"] <= 1_100
        assert (await desk.messages.search("number")).complete


class Read(Observer):
    """Counts the rows that each query gives."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()

    def called(self, call: Call) -> None:
        self.rows[call.query] += call.rows


@pytest.mark.parametrize(("store", "search"), [(Support, False), (State, True)])
async def test_without_an_index_there_is_none_to_complete(url: str, store: type[Store], search: bool) -> None:
    async with store.open(url, search=search) as opened:
        with pytest.raises(ConfigurationError, match=f"the store {store.name} keeps no search index"):
            await opened.complete_index()
