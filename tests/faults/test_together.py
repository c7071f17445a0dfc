"""Processes, their threads and their forks write to one SQLite file at the same time."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqlstore.stores.conversations import Conversations

from .amount import amount, show
from .counter_process import COUNTER
from .writer_process import ROOT

PROCESSES = 4
ROUNDS = amount(quick=100, full=1_000)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_sum_of_everybody_is_exact_and_nobody_is_told_of_a_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    async with Conversations.open(url, search=False) as store:
        await store.conversations.create(1, "0", conversation_id=COUNTER)
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.counter_process", url, str(ROUNDS)]
        started = time.perf_counter()
        processes = [
            subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(PROCESSES)
        ]
        ends = [(process.communicate(timeout=600)[1], process.returncode) for process in processes]
        took_s = time.perf_counter() - started
        assert ends == [("", 0)] * PROCESSES
        counter = await store.conversations.get(COUNTER)
        assert counter is not None
        assert counter.title == str(PROCESSES * ROUNDS)
    show(f"{PROCESSES} processes, {ROUNDS} read-modify-writes each: exact, {took_s:.0f} s")
