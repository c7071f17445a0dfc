"""The goals, and whether a run reached them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bench.cases import Measure
from bench.measuring import ROOT, Growth, Results
from bench.peers import HISTORIES, ONE_HOP
from bench.peers.peer import Engine

FETCH, POOL = "asyncpg, connection.fetch", "asyncpg, pool.fetch"
LIMIT = "sqlite3, synchronous"


class Goal(msgspec.Struct, frozen=True):
    """figure: None where it was not measured; reached: where it is at most `most`."""

    number: int
    what: str
    most: float
    figure: float | None
    unit: str = "x"

    @property
    def reached(self) -> bool | None:
        return None if self.figure is None else self.figure <= self.most


Ratio = tuple[int, Engine, str, str, Measure, float]
RATIOS: Final[tuple[Ratio, ...]] = (
    (1, "sqlite", "one by key", ONE_HOP, "cpu", 1.10),
    (1, "sqlite", "last 50", ONE_HOP, "cpu", 1.10),
    (1, "postgres", "one by key", FETCH, "cpu", 1.15),
    (1, "postgres", "last 50", FETCH, "cpu", 1.15),
    (1, "sqlite", "one by key, 16 tasks", ONE_HOP, "cpu", 0.65),
    (1, "sqlite", "one by key, 64 tasks", ONE_HOP, "cpu", 0.65),
    (2, "sqlite", "one by key", "aiosql", "cpu", 0.40),
    (2, "sqlite", "one by key", "SQLSpec", "cpu", 0.22),
    (2, "sqlite", "one by key", "SQLAlchemy", "cpu", 0.05),
    (2, "sqlite", "last 50", "SQLSpec", "cpu", 0.50),
    (2, "sqlite", "last 50", "SQLAlchemy", "cpu", 0.20),
    (2, "sqlite", "append, synchronous=NORMAL", "SQLSpec", "cpu", 0.32),
    (2, "sqlite", "append, synchronous=NORMAL", "SQLAlchemy", "cpu", 0.13),
    (2, "postgres", "one by key", POOL, "cpu", 0.35),
    (2, "postgres", "one by key", "aiosql", "cpu", 0.30),
    (2, "postgres", "one by key", "SQLSpec", "cpu", 0.18),
    (3, "sqlite", "append, 64 tasks", LIMIT, "wall", 1.30),
    (3, "sqlite", "append, 64 tasks", ONE_HOP, "wall", 0.33),
    (3, "sqlite", "append", ONE_HOP, "wall", 1.10),
    (3, "postgres", "append, 16 tasks", POOL, "cpu", 0.60),
    (3, "postgres", "append, 16 tasks", "SQLAlchemy", "cpu", 0.16),
    (4, "sqlite", "bulk insert, a row", ONE_HOP, "cpu", 0.60),
    (4, "postgres", "bulk insert, a row", FETCH, "cpu", 0.55),
)
IMPORT, BULK = "import of JSON Lines, a row", "bulk insert, a row"


def goals(results: Results, growths: Mapping[Engine, Growth], starts: Mapping[str, float]) -> list[Goal]:
    """All goals, in their order."""
    found = [
        Goal(number, f"{engine}: {case}, {measure}, of {to}", most, results.ours(engine, case, to, measure))
        for number, engine, case, to, measure, most in RATIOS
    ]
    for engine, to, most in (("sqlite", ONE_HOP, 0.60), ("postgres", FETCH, 0.55)):
        lines, many = results.find(engine, IMPORT, "sqlstore"), results.find(engine, BULK, to)
        ratio = lines.quartiles("cpu")[1] / many.quartiles("cpu")[1] if lines and many else None
        found.append(Goal(4, f"{engine}: import of JSON Lines, cpu, of executemany by {to}", most, ratio))
    found += list(_growth_goals(growths))
    for engine, peers in HISTORIES.items():
        for peer in list(peers)[1:]:
            for case in ("history: append", "history: last 50"):
                for measure in ("cpu", "wall"):
                    figure = results.ours(engine, case, peer, measure)
                    found.append(Goal(6, f"{engine}: {case}, {measure}, of {peer}", 1.0, figure))
    found.append(Goal(7, "import sqlstore, more than Python itself", 60, starts.get("import"), "ms"))
    found.append(Goal(7, "opening a store that is migrated", 100, starts.get("open"), "ms"))
    return found


def _growth_goals(growths: Mapping[Engine, Growth]) -> Iterator[Goal]:
    for engine, growth in growths.items():
        small, large = min(growth.times_ms), max(growth.times_ms)
        for what in growth.times_ms[small] if small < large else ():
            ratio = growth.times_ms[large][what] / growth.times_ms[small][what]
            yield Goal(5, f"{engine}: {what}, {small:,} to {large:,} messages", 2.5, ratio)
        if growth.history:
            short, long = min(growth.history), max(growth.history)
            rows = growth.history[long].rows / max(growth.history[short].rows, 1)
            yield Goal(5, f"{engine}: save_history, rows for {long:,} stored, of {short:,}", 1.0, rows)
            most = growth.history[long].ms
            yield Goal(5, f"{engine}: save_history of {long:,}, grown by two", 10, most, "ms")


OPENING: Final = """
import asyncio, sys, time
from sqlstore.stores.chatbot import Chatbot
async def main():
    started = time.perf_counter()
    async with Chatbot.open(sys.argv[1]):
        print((time.perf_counter() - started) * 1000)
asyncio.run(main())
"""


def start_times(rounds: int) -> dict[str, float]:
    """Milliseconds, medians: `import` beyond Python's own start, `open` in a fresh process.

    Byte code is there, as of an installed package.
    """
    with TemporaryDirectory() as folder:
        environment = os.environ | {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(folder, "compiled")),
        }

        def timed(code: str, *arguments: str) -> tuple[float, str]:
            started = time.perf_counter()
            command = [sys.executable, "-c", code, *arguments]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment
            )
            return (time.perf_counter() - started) * 1000, done.stdout

        url = f"sqlite:///{Path(folder, 'bot.db')}"
        timed(OPENING, url)
        imports, opens = [], []
        for _ in range(rounds):
            imports.append(timed("import sqlstore")[0] - timed("pass")[0])
            opens.append(float(timed(OPENING, url)[1]))
    return {"import": statistics.median(imports), "open": statistics.median(opens)}
