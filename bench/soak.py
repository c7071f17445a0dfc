"""Mixed traffic for minutes: what grows that should not?

    python -m bench.soak --minutes 10

16 tasks append, load, save whole histories, list users and search. Each second takes the memory of
the process, the size of SQLite's write-ahead log, threads, open files and the latency of the calls. The first
minute (after one of warming up) and the last are printed; exit code 1 where something has grown.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import click
import msgspec
from rich.table import Table

from bench.growth import database
from bench.load import memory_mb
from bench.peers.peer import Engine
from bench.places import server_for
from bench.report import TITLES, make_console
from bench.worker import Loop, run
from sqlstore.engine.errors import Conflict
from sqlstore.stores.chatbot import Chatbot
from sqlstore.terminal import progress_bar

TASKS: Final = 16
SESSIONS: Final = 500
PAUSE_S: Final = 0.01
"""Between two calls of a task: traffic, not a race."""
WORDS: Final = ("parcel", "order", "address", "invoice", "refund", "tomorrow", "Bangkok", "thanks", "again")


class Second(msgspec.Struct, frozen=True):
    """How it was in one second. p50_ms, p99_ms: of its calls."""

    memory_mb: float
    wal_mb: float
    threads: float
    open_files: float
    p50_ms: float
    p99_ms: float


MOST_GROWTH: Final = {
    "memory_mb": (1.2, 20.0),
    "wal_mb": (1.5, 64.0),
    "threads": (1.0, 2.0),
    "open_files": (1.0, 4.0),
    "p50_ms": (2.0, 1.0),
    "p99_ms": (2.0, 20.0),
}
"""The last minute may be the first, times so much, and so much more."""


class Traffic:
    """Tasks that use one store until they are told to end."""

    def __init__(self, bot: Chatbot) -> None:
        self._bot = bot
        self.times_ms: list[float] = []
        self.calls = self.conflicts = 0

    async def go_on(self, number: int, until: float) -> None:
        chance = random.Random(number)
        while time.monotonic() < until:
            started = time.perf_counter()
            try:
                await self._call(chance)
            except Conflict:  # what a bot would do again
                self.conflicts += 1
            self.times_ms.append((time.perf_counter() - started) * 1000)
            self.calls += 1
            await asyncio.sleep(PAUSE_S)

    async def _call(self, chance: random.Random) -> None:
        bot, session_id = self._bot, f"web_{chance.randrange(SESSIONS)}"
        text = " ".join(chance.choices(WORDS, k=8))
        kind = chance.random()
        if kind < 0.40:
            await bot.append_message(session_id, "user", text)
        elif kind < 0.75:
            await bot.get_or_create_history(session_id, limit=50)
        elif kind < 0.85:
            history = await bot.get_or_create_history(session_id, limit=20)
            await bot.save_history(session_id, [*history, {"role": "model", "parts": [{"text": text}]}])
        elif kind < 0.90:
            await bot.users.recent(20)
        elif kind < 0.97:
            await bot.messages.search(chance.choice(WORDS), order="newest")
        else:
            await bot.clear_history(session_id)


def sample(url: str, times_ms: list[float]) -> Second:
    """How it is now, and what the calls since the last sample took."""
    file = url.removeprefix("sqlite:///")
    wal = Path(f"{file}-wal")
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive") if len(times_ms) > 1 else [0.0] * 99
    return Second(
        memory_mb(),
        wal.stat().st_size / 1e6 if wal.exists() else 0.0,
        threading.active_count(),
        len(list(Path("/proc/self/fd").iterdir())),
        cuts[49],
        cuts[98],
    )


async def soak(url: str, seconds: float) -> tuple[list[Second], Traffic]:
    """A sample for each second, and the traffic. Raises what a call raises, but Conflict."""
    samples: list[Second] = []
    async with Chatbot.open(url) as bot:
        traffic, started = Traffic(bot), time.monotonic()
        until = started + seconds
        with progress_bar("Traffic") as on_progress:
            async with asyncio.TaskGroup() as group:
                for number in range(TASKS):
                    group.create_task(traffic.go_on(number, until))
                while time.monotonic() < until:
                    await asyncio.sleep(1)
                    times, traffic.times_ms = traffic.times_ms, []
                    samples.append(sample(url, times))
                    on_progress(round(time.monotonic() - started), round(seconds))
    return samples, traffic


def compare(samples: list[Second]) -> dict[str, tuple[float, float, bool]]:
    """Of each figure the median of the first and of the last minute, and whether it has grown.

    The first tenth, at most a minute, warms up; of a short run a minute is a quarter.
    """
    warm = min(60, len(samples) // 10)
    part = min(60, max(len(samples) // 4, 1))
    first, last = samples[warm : warm + part], samples[-part:]
    found = {}
    for name, (times, more) in MOST_GROWTH.items():
        before, after = (
            statistics.median(getattr(each, name) for each in minute) for minute in (first, last)
        )
        found[name] = (before, after, after > before * times + more)
    return found


@click.command(help=__doc__)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--engine", "engines", multiple=True, type=click.Choice(get_args(Engine)))
@click.option("--loop", default="asyncio", show_default=True, type=click.Choice(get_args(Loop)))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Every sample.")
def main(minutes: float, engines: tuple[Engine, ...], loop: Loop, json_file: Path | None) -> None:
    console, grown, every = make_console(), False, {}

    async def measure(engine: Engine, server: str) -> None:
        nonlocal grown
        async with database(engine, server) as url:
            samples, traffic = await soak(url, minutes * 60)
        every[engine] = samples
        title = (
            f"{TITLES[engine]}: {traffic.calls:,} calls in {minutes:g} minutes, {traffic.conflicts} conflicts"
        )
        table = Table("", "first minute", "last minute", "", title=title)
        for name, (before, after, more) in compare(samples).items():
            table.add_row(name, f"{before:.1f}", f"{after:.1f}", "GROWN" if more else "")
            grown = grown or more
        console.print(table)

    chosen: Sequence[Engine] = engines or get_args(Engine)
    with server_for(chosen) as server:
        for engine in chosen:
            run(measure(engine, server), loop)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_bytes(msgspec.json.encode(every))
    sys.exit(1 if grown else 0)


if __name__ == "__main__":
    main()
