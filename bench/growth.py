"""What grows with the data, with tasks and with processes, and what memory it takes.

    python -m bench.growth --rows 10000 --rows 1000000 --json bench/results/growth.json

- The last 50 messages of a chat, users by activity and a search for the newest 20, at each size.
- save_history of a list that has grown by two: milliseconds, and the rows read and written.
- 1 to 256 tasks that append and read; 1 to 8 processes that append to one database.
- Memory of a connection, and of an export.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_args

import click
import msgspec
from rich.table import Table

from bench.board import Board, make_board, plain_statement
from bench.load import at_once, connection_kb, export_mb, processes
from bench.measuring import Growth, HistoryCost
from bench.peers.peer import Engine
from bench.places import database_url, execute, own_name, server_for
from bench.report import TITLES, make_console
from bench.search_speed import fill, queries, sentences
from bench.worker import Loop, run
from sqlstore.engine.observe import Call, Observer
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.support import Support
from sqlstore.terminal import progress_bar

CALLS: Final = 200
TASKS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PROCESSES: Final = (1, 2, 4, 8)
LENGTHS: Final = (10, 100, 1_000, 10_000)
USERS: Final = """INSERT INTO users (id, first_name, updated_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {users})
    SELECT i, 'User ' || i, {moment} FROM n"""
LONG_CHATS: Final = "UPDATE messages SET chat_id = id % 10 WHERE id <= 2000"
"""So that ten chats have more than 50 messages at every size."""
MOMENTS: Final[dict[Engine, str]] = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f', 1790000000 + i * 7919 % 1000000, 'unixepoch') || '000Z'",
    "postgres": "to_timestamp(1790000000 + i::bigint * 7919 % 1000000)",
}


@asynccontextmanager
async def database(engine: Engine, server: str) -> AsyncIterator[str]:
    """The URL of an empty database, gone after the block."""
    if engine == "sqlite":
        with TemporaryDirectory(prefix="sqlstore-bench-") as folder:
            yield f"sqlite:///{folder}/growth.db"
        return
    name = own_name()
    await execute(server, f"CREATE DATABASE {name}")
    try:
        yield database_url(server, name)
    finally:
        await execute(server, f"DROP DATABASE {name} (FORCE)")


async def measure_growth(engine: Engine, server: str, sizes: Sequence[int]) -> Growth:
    """Calls at each size, and save_history at each length."""
    growth = Growth()
    for size in sizes:
        async with database(engine, server) as url:
            growth.times_ms[size] = await _times(url, size)
    async with database(engine, server) as url:
        growth.history = await _history_costs(url)
    return growth


async def _times(url: str, size: int) -> dict[str, float]:
    chance, lines = random.Random(4), sentences()
    async with Support.open(url, search=False, synchronous="normal", timeout_s=1_800) as desk:
        engine = desk.driver.engine
        await desk.driver.call(
            plain_statement(USERS.format(users=max(size // 10, 100), moment=MOMENTS[engine]))
        )
        await fill(desk, lines, size)
        await desk.driver.call(plain_statement(LONG_CHATS))
    async with Support.open(url, timeout_s=1_800) as desk:
        with progress_bar("Indexing") as on_progress:
            await desk.complete_index(on_progress=on_progress)
        if desk.driver.engine == "postgres":
            await desk.driver.vacuum()
        await desk.driver.analyze()
        words = iter(queries(chance, lines, CALLS * 2))
        search = desk.messages.search
        return {
            "last 50 of a chat": await _median(lambda: desk.messages.latest(chance.randrange(10))),
            "users by activity": await _median(lambda: desk.users.recent(20)),
            "search, newest 20": await _median(lambda: search(next(words), order="newest")),
        }


async def _median(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds, the median of CALLS calls after as many that warm up."""
    times = []
    for _ in range(CALLS * 2):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[CALLS:])


class Rows(Observer):
    """Counts the rows that calls give or change, those of the search index's own work left out."""

    def __init__(self) -> None:
        self.rows = 0

    def called(self, call: Call) -> None:
        if not call.query.startswith("index."):
            self.rows += call.rows


async def _history_costs(url: str) -> dict[int, HistoryCost]:
    counted, costs = Rows(), {}
    async with Chatbot.open(url, observers=[counted]) as bot:
        for length in LENGTHS:
            times, rows = [], []
            for turn in range(7):
                session_id, history = f"web_{length}_{turn}", _dialogue(length)
                await bot.save_history(session_id, history)
                history += _dialogue(2, length)
                await bot.complete_index()  # the search index is done with it
                counted.rows = 0
                started = time.perf_counter()
                await bot.save_history(session_id, history)
                times.append((time.perf_counter() - started) * 1000)
                rows.append(counted.rows)
            costs[length] = HistoryCost(statistics.median(times), statistics.median_low(rows))
    return costs


def _dialogue(length: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "role": ("user", "model")[number % 2],
            "parts": [{"text": f"message {number}: where is the parcel?"}],
        }
        for number in range(first, first + length)
    ]


async def measure_load(engine: Engine, server: str, rows: int, seconds: float) -> Growth:
    """Tasks, processes and memory, on the board."""
    growth = Growth()
    async with database(engine, server) as url:
        await asyncio.to_thread(lambda: asyncio.run(make_board(url, rows)))
        async with Board.open(url) as board:
            await at_once(board, 8, 400)
            for tasks in TASKS:
                growth.tasks_us[tasks] = await at_once(board, tasks, 2_000)
        for count in PROCESSES:
            growth.processes[count] = await asyncio.to_thread(processes, url, count, seconds)
        growth.connection_kb = await asyncio.to_thread(connection_kb, url)
        with TemporaryDirectory() as folder:
            path = Path(folder, "board.jsonl")
            growth.export_mb = await asyncio.to_thread(export_mb, url, path)
    return growth


def tables(engine: Engine, growth: Growth) -> list[Table]:
    """One for each thing that was measured."""
    made = []
    if growth.times_ms:
        sizes = sorted(growth.times_ms)
        table = Table("a call in ms", *(f"{size:,} messages" for size in sizes), "last / first")
        for what in growth.times_ms[sizes[0]]:
            values = [growth.times_ms[size][what] for size in sizes]
            table.add_row(what, *(f"{value:.3f}" for value in values), f"{values[-1] / values[0]:.2f}")
        made.append(table)
    if growth.history:
        table = Table("save_history, grown by two", "ms", "rows read and written")
        for length, cost in growth.history.items():
            table.add_row(f"{length:,} stored", f"{cost.ms:.2f}", str(cost.rows))
        made.append(table)
    if growth.tasks_us:
        table = Table("tasks", "append, µs", "last 50, µs")
        for tasks, times in growth.tasks_us.items():
            table.add_row(str(tasks), *(f"{value:.0f}" for value in times.values()))
        made.append(table)
        table = Table("processes of 8 tasks", "messages a second, all together")
        for count, rate in growth.processes.items():
            table.add_row(str(count), f"{rate:,.0f}")
        made.append(table)
        table = Table("memory", "")
        table.add_row("a further connection, KB", f"{growth.connection_kb:.0f}")
        table.add_row("an export at most, MB", f"{growth.export_mb:.1f}")
        made.append(table)
    for table in made:
        table.title = TITLES[engine]
    return made


@click.command(help=__doc__)
@click.option("--rows", "sizes", multiple=True, type=int, default=(10_000, 1_000_000), show_default=True)
@click.option("--board-rows", default=1_000_000, show_default=True, help="Messages for load and memory.")
@click.option("--seconds", default=5.0, show_default=True, help="How long the processes append.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(get_args(Engine)))
@click.option("--loop", default="asyncio", show_default=True, type=click.Choice(get_args(Loop)))
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    *,
    sizes: tuple[int, ...], board_rows: int, seconds: float, engines: tuple[Engine, ...], loop: Loop,
    json_file: Path | None,
) -> None:  # fmt: skip
    console, found = make_console(), {}
    chosen: Sequence[Engine] = engines or get_args(Engine)

    async def measure(server: str) -> None:
        for engine in chosen:
            growth = await measure_growth(engine, server, sizes)
            load = await measure_load(engine, server, board_rows, seconds)
            found[engine] = [growth, load]
            for part in found[engine]:
                for table in tables(engine, part):
                    console.print(table)

    with server_for(chosen) as server:
        run(measure(server), loop)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    sys.exit(main())
