"""What a call through SqliteDriver costs beside the bare driver.

1. One task: a point select and the load of 50 rows, against one hop through
   aiosqlite (`execute_fetchall`), in interleaved rounds.
2. 64 tasks that read, the same comparison.
3. 64 tasks that append with synchronous=FULL: the driver's group commit against a
   lock and a commit for each row, and against the limit: sqlite3 without asyncio,
   64 rows a transaction.

    python bench/sqlite_calls.py

Figure 3 depends on the disk: the faster it syncs, the more the 15 µs that a call
takes beside the commit weigh in the comparison with the limit. Prints medians as ratios; milliseconds of one machine mean nothing on another.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite

from sqlstore.engine.driver import Statement
from sqlstore.engine.sqlite import SqliteDriver

ROWS = 20_000
TASKS = 64
SCHEMA = """
CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX messages_chat ON messages (chat_id, id);
"""
POINT = "SELECT id, chat_id, text FROM messages WHERE id = ?"
LOAD = "SELECT id, chat_id, text FROM messages WHERE chat_id = ? ORDER BY id DESC LIMIT 50"
APPEND = "INSERT INTO messages (chat_id, text) VALUES (?, ?)"

Operation = Callable[[int], Awaitable[object]]


def statement(name: str, sql: str, kind: str) -> Statement:
    return Statement(
        name=name,
        source="bench",
        sql=sql,
        kind=kind,
        columns=None,
        encode=lambda *arguments: arguments,
        result=(lambda _, changed: changed) if kind == "changed" else (lambda rows, _: rows),
    )


def make_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)
    rows = ((number % 200, f"message {number} " + "x" * 60) for number in range(ROWS))
    connection.executemany(APPEND, rows)
    connection.commit()
    connection.close()
    path.chmod(0o600)


async def measure(operation: Operation, calls: int, tasks: int = 1) -> tuple[float, float]:
    """CPU and wall time of one call, in µs."""

    async def repeat(first: int) -> None:
        for number in range(first, calls, tasks):
            await operation(number)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(repeat(first) for first in range(tasks)))
    return (time.process_time() - cpu) / calls * 1e6, (time.perf_counter() - wall) / calls * 1e6


async def compare(
    title: str, ours: Operation, bare: Operation, rounds: int, calls: int, *, tasks: int
) -> None:
    ratios, figures = [], []
    for number in range(rounds + 1):
        operations = [ours, bare] if number % 2 else [bare, ours]
        measured = {operation: await measure(operation, calls, tasks) for operation in operations}
        if number:  # the first round warms up
            figures.append((*measured[ours], *measured[bare]))
            ratios.append(
                [mine / theirs for mine, theirs in zip(measured[ours], measured[bare], strict=True)]
            )
    cpu, wall = (statistics.median(column) for column in zip(*ratios, strict=True))
    own_cpu, own_wall, bare_cpu, bare_wall = (
        statistics.median(column) for column in zip(*figures, strict=True)
    )
    print(
        f"{title:28} cpu {cpu:5.2f}  wall {wall:5.2f}   "
        f"({own_cpu:.1f} / {bare_cpu:.1f} µs cpu, {own_wall:.1f} / {bare_wall:.1f} µs wall)"
    )


async def reads(path: Path, rounds: int, calls: int) -> None:
    driver = SqliteDriver(path)
    await driver.open()
    point, load = statement("point", POINT, "many"), statement("load", LOAD, "many")
    async with aiosqlite.connect(path, isolation_level=None, cached_statements=512) as bare:
        for pragma in ("synchronous = FULL", "mmap_size = 1073741824", "temp_store = MEMORY"):
            await bare.execute_fetchall(f"PRAGMA {pragma}")
        pairs: dict[str, tuple[Operation, Operation]] = {
            "point select": (
                lambda number: driver.call(point, number % ROWS + 1),
                lambda number: bare.execute_fetchall(POINT, (number % ROWS + 1,)),
            ),
            "load 50": (
                lambda number: driver.call(load, number % 200),
                lambda number: bare.execute_fetchall(LOAD, (number % 200,)),
            ),
        }
        for tasks in (1, TASKS):
            for title, (ours, theirs) in pairs.items():
                await compare(f"{title}, {tasks} task(s)", ours, theirs, rounds, calls, tasks=tasks)
    await driver.close()


async def grouped(path: Path, rows: int, tasks: int) -> float:
    driver = SqliteDriver(path)
    await driver.open()
    append = statement("append", APPEND, "changed")
    await driver.call(append, 1, "warm")
    _, wall = await measure(lambda number: driver.call(append, number % 200, "x" * 60), rows, tasks)
    await driver.close()
    return wall


async def locked(path: Path, rows: int, tasks: int) -> float:
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        lock = asyncio.Lock()

        async def append(number: int) -> None:
            async with lock:
                await connection.execute("BEGIN IMMEDIATE")
                await connection.execute(APPEND, (number % 200, "x" * 60))
                await connection.commit()

        _, wall = await measure(append, rows, tasks)
    return wall


def synchronous(path: Path, rows: int, together: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    started = time.perf_counter()
    for first in range(0, rows, together):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(first, first + together):
            connection.execute(APPEND, (number % 200, "x" * 60))
        connection.execute("COMMIT")
    wall = (time.perf_counter() - started) / rows * 1e6
    connection.close()
    return wall


async def appends(path: Path, rounds: int) -> None:
    rows = TASKS * 40
    figures = [
        (
            await grouped(path, rows, TASKS),
            await locked(path, TASKS * 5, TASKS),
            synchronous(path, rows, TASKS),
            await grouped(path, 100, 1),
            await locked(path, 100, 1),
        )
        for _ in range(rounds)
    ]
    together, apart, limit, alone, alone_bare = (
        statistics.median(column) for column in zip(*figures, strict=True)
    )
    to_limit = statistics.median(ours / floor for ours, _, floor, *_ in figures)
    print(
        f"append at FULL, {TASKS} tasks     {to_limit:.2f} of the limit, {together / apart:.2f} of one by one   "
        f"({together:.0f} / {limit:.0f} / {apart:.0f} µs wall)"
    )
    print(f"append at FULL, one task     wall {alone / alone_bare:.2f} ({alone:.0f} / {alone_bare:.0f} µs)")


async def main(rounds: int, calls: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        make_database(path)
        await reads(path, rounds, calls)
        await appends(path, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9)")
    parser.add_argument("--calls", type=int, default=2000, help="calls a round (default 2000)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rounds, arguments.calls))
