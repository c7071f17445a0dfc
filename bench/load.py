"""Load from many tasks and many processes, and what memory is taken. `python -m bench.load STEP …` is a step."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.board import CHATS, ROLE, SENT_MS, TEXT, Board, plain_statement
from bench.measuring import ROOT
from bench.places import with_option

READERS: Final = 16
WAIT: Final = "SELECT pg_sleep(0.2)"


def memory_mb() -> float:
    """What this process holds of its own, in MB: not the database file, which SQLite maps into memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


async def at_once(board: Board, tasks: int, calls: int) -> dict[str, float]:
    """µs of wall time for an append and for the last 50, with that many tasks."""

    async def append(number: int) -> object:
        return await board.messages.append(1 + number % CHATS, ROLE, TEXT, SENT_MS)

    async def latest(number: int) -> object:
        return await board.messages.latest(1 + number % CHATS)

    found = {}
    for name, work in {"append": append, "last 50": latest}.items():
        each = max(calls // tasks, 4)
        started = time.perf_counter()
        await asyncio.gather(*(_repeat(work, task, each) for task in range(tasks)))
        found[name] = (time.perf_counter() - started) / (each * tasks) * 1e6
    return found


async def _repeat(work: Callable[[int], Awaitable[object]], first: int, count: int) -> None:
    for number in range(count):
        await work(first + number * 7919)


def processes(url: str, count: int, seconds: float) -> float:
    """Messages a second that so many processes, of 8 tasks each, append together.

    Raises CalledProcessError where one of them fails.
    """
    started = [_start("append", url, str(seconds)) for _ in range(count)]
    ends = [process.communicate()[0] for process in started]
    for process in started:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return sum(map(float, ends))


def connection_kb(url: str) -> float:
    """KB of this side's memory for each further connection that was used."""
    return float(_step("connections", url))


def export_mb(url: str, path: Path) -> float:
    """MB that an export holds at most, beyond those of the open store."""
    return float(_step("export", url, str(path)))


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.load", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def _step(*arguments: str) -> str:
    process = _start(*arguments)
    said, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return said


async def append_step(url: str, seconds: str) -> float:
    async with Board.open(url) as board:
        until = time.monotonic() + float(seconds)
        written = 0

        async def write() -> None:
            nonlocal written
            while time.monotonic() < until:
                await board.messages.append(1 + written % CHATS, ROLE, TEXT, SENT_MS)
                written += 1

        await asyncio.gather(*(write() for _ in range(8)))
    return written / float(seconds)


async def connections_step(url: str) -> float:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(_opened(url, 1))
        await _use(first, 1)
        before = memory_mb()
        many = await stack.enter_async_context(_opened(url, READERS))
        await _use(many, READERS)
        return (memory_mb() - before) * 1024 / READERS


def _opened(url: str, connections: int):
    if url.startswith("sqlite"):
        return Board.open(url, readers=connections)
    return Board.open(with_option(url, f"pool_size={connections}"))


async def _use(board: Board, connections: int) -> None:
    """Have every connection do something."""
    if board.driver.engine == "postgres":
        waiting = plain_statement(WAIT)
        await asyncio.gather(*(board.driver.call(waiting) for _ in range(connections)))
    await asyncio.gather(*(board.messages.latest(1 + number) for number in range(connections * 20)))


async def export_step(url: str, path: str) -> float:
    async with Board.open(url) as board:
        before = most = memory_mb()
        export = asyncio.create_task(board.export_to(Path(path)))
        while not export.done():
            most = max(most, memory_mb())
            await asyncio.wait([export], timeout=0.02)
        export.result()
        return most - before


if __name__ == "__main__":
    steps = {"append": append_step, "connections": connections_step, "export": export_step}
    print(asyncio.run(steps[sys.argv[1]](*sys.argv[2:])))
