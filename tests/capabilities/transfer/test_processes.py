"""Killed at any moment: what was begun is finished by the same command; and memory stays flat."""

import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.transfer.filled import rows_of

ROOT = Path(__file__).parents[3]
USERS, MESSAGES = 10, 5_000
MOMENT = datetime(2025, 1, 1, tzinfo=UTC)
MEMORY = """
import asyncio, sys, threading, time
from pathlib import Path
from sqlstore.stores.chatbot import Chatbot

most = 0

def watch():
    global most
    while True:
        status = Path("/proc/self/status").read_text()
        most = max(most, int(status.split("RssAnon:")[1].split()[0]))
        time.sleep(0.01)

async def main(source, target, file):
    async with Chatbot.open(source) as ours, Chatbot.open(target) as theirs:
        threading.Thread(target=watch, daemon=True).start()
        await ours.export_to(Path(file))
        await theirs.import_from(Path(file))

asyncio.run(main(*sys.argv[1:]))
print(most)
"""


def start(*arguments):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sqlstore", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def make(url: str, messages: int) -> None:
    """Users whose messages are many, and counters that do not count."""
    async with Chatbot.open(url, timeout_s=60) as bot:
        for number in range(1, USERS + 1):
            await bot.get_or_create_user(f"web_{number}", "web")
        layout = await bot._layout()
        table = layout.tables[-1]
        for begin in range(1, messages, 1000):
            rows = [
                table.row(i, 1 + i % USERS, "user", f"message {i}", None, i / 7, False, MOMENT)
                for i in range(begin, begin + 1000)
            ]
            await bot.driver.run(lambda tx, rows=rows: table.upsert.run(tx, rows))


async def kill_until_done(seconds: float, *arguments: object) -> int:
    """Start the command and kill it a little later each time; how often it took."""
    random.seed(4711)
    for attempt in range(1, 40):
        process = start(*arguments)
        try:
            _, problem = process.communicate(
                timeout=seconds * (0.5 + attempt / 10) * random.uniform(0.9, 1.1)
            )
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        else:
            if "rows of chatbot already" not in problem:  # killed when the copy was complete
                assert process.returncode == 0, problem
            return attempt
    raise AssertionError("it was never done")


def timed(*arguments) -> float:
    started = time.monotonic()
    process = start(*arguments)
    _, problem = process.communicate(timeout=100)
    assert process.returncode == 0, problem
    return time.monotonic() - started


@pytest.mark.slow
@pytest.mark.parametrize("way", ["import", "copy"])
async def test_killed_at_many_moments_it_is_finished_by_the_same_command(url, tmp_path, way):
    source = f"sqlite:///{tmp_path}/source.db"
    await make(source, MESSAGES)
    timed("export", tmp_path / "all.jsonl.gz", "--url", source)
    commands = {
        "import": lambda target: ("import", tmp_path / "all.jsonl.gz", "--url", target),
        "copy": lambda target: ("copy", source, target),
    }
    whole_s = timed(*commands[way](f"sqlite:///{tmp_path}/trial.db"))
    attempts = await kill_until_done(whole_s, *commands[way](url))
    assert attempts > 1
    async with Chatbot.open(source) as expected, Chatbot.open(url, migrate=False) as found:
        assert await rows_of(found, tmp_path) == await rows_of(expected, tmp_path)
        await found.append_message("web_1", "user", "goes on")


@pytest.mark.slow
async def test_an_export_that_is_killed_leaves_the_old_file(sqlite_url, tmp_path):
    path = tmp_path / "folder" / "all.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"old")
    await make(sqlite_url, MESSAGES)
    whole_s = timed("export", tmp_path / "trial.jsonl", "--url", sqlite_url)
    for share in (0.5, 0.7, 0.8, 0.9):
        process = start("export", path, "--url", sqlite_url)
        time.sleep(whole_s * share)
        process.kill()
        process.communicate()
        if path.read_bytes() != b"old":
            assert (
                path.read_bytes().splitlines()[1:]
                == ((tmp_path / "trial.jsonl").read_bytes().splitlines()[1:])
            )
            path.write_bytes(b"old")


@pytest.mark.slow
async def test_memory_is_flat(tmp_path):
    used = []
    for messages in (3_000, 30_000):
        source = f"sqlite:///{tmp_path}/source_{messages}.db"
        await make(source, messages)
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                MEMORY,
                source,
                f"sqlite:///{tmp_path}/{messages}.db",
                tmp_path / "all.jsonl",
            ],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        used.append(int(done.stdout) // 1024)
    assert used[1] - used[0] < 12, f"{used} MB"
