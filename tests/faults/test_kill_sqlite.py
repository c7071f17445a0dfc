"""kill -9 of a process that writes to SQLite: what was acknowledged is there, the rest whole or not at all."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sqlstore.stores.conversations import Conversations

from .amount import amount, show
from .diary import read_entries
from .writer_process import WriterProcess

CYCLES = amount(quick=25, full=300)


@pytest.fixture(scope="module")
def writers() -> Iterator[WriterProcess]:
    writers = WriterProcess()
    yield writers
    writers.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_killed_at_random_moments(writers: WriterProcess, tmp_path: Path, synchronous: str) -> None:
    """A killed process alone loses nothing at either setting: what it wrote is the system's by then."""
    path = tmp_path / "bot.db"
    url = f"sqlite:///{path}"
    dice = random.Random(11)
    acknowledged: set[str] = set()
    for cycle in range(CYCLES):
        pid = writers.start(url, str(cycle), synchronous=synchronous)
        if dice.random() < 0.8:  # else while it opens, and mends what the last one left
            writers.wait_until_open()
        time.sleep(dice.uniform(0.005, 0.06))
        os.kill(pid, signal.SIGKILL)
        acknowledged |= writers.acknowledged()
        with closing(sqlite3.connect(path) if path.exists() else sqlite3.connect(":memory:")) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    async with Conversations.open(url) as store:
        entries = await read_entries(store)
    assert acknowledged <= entries
    show(f"{CYCLES} kills, {len(acknowledged)} acknowledged, {len(acknowledged - entries)} lost")
    assert len(acknowledged) > 10 * CYCLES
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
