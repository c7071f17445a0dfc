"""Killed at any moment: what was begun is finished by the same command; and memory stays flat."""

import asyncio
import os
import signal
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


async def killed_at(watcher: Chatbot, rows: int, *arguments: object) -> bool:
    """Start the command, and kill it when the target has that many messages; False where it was done before."""
    messages = (await watcher._layout()).tables[-1]
    process = start(*arguments)
    while process.poll() is None and await watcher.driver.call(messages.count) < rows:
        await asyncio.sleep(0.005)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


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
    command = (
        ("import", tmp_path / "all.jsonl.gz", "--url", url) if way == "import" else ("copy", source, url)
    )
    async with Chatbot.open(url) as watcher:
        killed = [await killed_at(watcher, rows, *command) for rows in (0, 1, 1_500, 3_000, MESSAGES - 1)]
        end = start(*command)
        _, problem = await asyncio.to_thread(end.communicate)
    assert killed[:2] == [True, True]
    assert end.returncode == 0 or "rows of chatbot already" in problem  # the last kill came when all was done
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
