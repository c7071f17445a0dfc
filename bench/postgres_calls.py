"""The PostgreSQL driver beside bare asyncpg: ratios of CPU and of wall time.

    python bench/postgres_calls.py [rounds]

The server is SQLSTORE_TEST_POSTGRES, or one that is started for the run.

Rounds are short and interleaved, and medians compared, so that what else the machine does
meets all alike. Goals: one task at most 1.15 of `connection.fetch`, 16 tasks at
most 0.60 of `pool.fetch`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.driver import Statement
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.scratch import scratch_server

POINT = "SELECT id, chat_id, body FROM bench_messages WHERE id = $1::bigint"
FIFTY = "SELECT id, chat_id, body FROM bench_messages WHERE id > $1::bigint ORDER BY id LIMIT 50"
APPEND = "INSERT INTO bench_appended (body) VALUES ($1::text)"
TABLES = """
    DROP TABLE IF EXISTS bench_messages, bench_appended;
    CREATE TABLE bench_messages (id bigint PRIMARY KEY, chat_id bigint NOT NULL, body text NOT NULL);
    INSERT INTO bench_messages SELECT n, n % 100, repeat('word ', 20) FROM generate_series(1, 20000) n;
    CREATE UNLOGGED TABLE bench_appended (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)
"""
Work = Callable[[int], Awaitable[object]]


def statement(sql: str, kind: str = "many") -> Statement[Any]:
    return Statement(
        name="bench",
        source="bench",
        sql=sql,
        kind=kind,  # type: ignore[arg-type]
        columns=None,
        encode=lambda *values: values,
        result=lambda rows, _: rows,
    )


async def measure(work: Work, calls: int, tasks: int) -> tuple[float, float]:
    """Microseconds of CPU and of wall time for a call."""

    async def run(first: int) -> None:
        for number in range(first, calls, tasks):
            await work(1 + number * 7919 % 19000)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(run(first) for first in range(tasks)))
    return (time.process_time() - cpu) / calls * 1e6, (time.perf_counter() - wall) / calls * 1e6


async def compare(title: str, ours: Work, theirs: Work, *, calls: int, tasks: int, rounds: int) -> None:
    for work in (ours, theirs):
        await measure(work, calls * 3, tasks)
    results: dict[Work, list[tuple[float, float]]] = {ours: [], theirs: []}
    for number in range(rounds):
        for work in (ours, theirs) if number % 2 else (theirs, ours):
            results[work].append(await measure(work, calls, tasks))
    medians = [
        [statistics.median(values) for values in zip(*results[work], strict=True)] for work in (ours, theirs)
    ]
    cpu, wall = (mine / other for mine, other in zip(*medians, strict=True))
    print(
        f"{title:44} cpu {cpu:5.2f}  wall {wall:5.2f}   ({medians[0][0]:6.1f} / {medians[1][0]:6.1f} µs cpu)"
    )


async def main(url: str, rounds: int) -> None:
    address = parse(url)
    if not isinstance(address, PostgresAddress):
        sys.exit("give a PostgreSQL URL")
    driver = PostgresDriver(address)
    await driver.open()
    connection = await asyncpg.connect(url)
    pool = await asyncpg.create_pool(url, min_size=8, max_size=8)
    await connection.execute(TABLES)
    point, fifty, append = statement(POINT), statement(FIFTY), statement(APPEND, "changed")
    try:
        one = {"calls": 100, "tasks": 1, "rounds": rounds}
        many = {"calls": 400, "tasks": 16, "rounds": rounds}
        await compare(
            "point, 1 task, of connection.fetch",
            lambda n: driver.call(point, n),
            lambda n: connection.fetch(POINT, n),
            **one,
        )
        await compare(
            "50 rows, 1 task, of connection.fetch",
            lambda n: driver.call(fifty, n),
            lambda n: connection.fetch(FIFTY, n),
            **one,
        )
        await compare(
            "append, 1 task, of connection.fetch",
            lambda _: driver.call(append, "text"),
            lambda _: connection.fetch(APPEND, "text"),
            **one,
        )
        await compare(
            "point, 16 tasks, of pool.fetch",
            lambda n: driver.call(point, n),
            lambda n: pool.fetch(POINT, n),
            **many,
        )
        await compare(
            "50 rows, 16 tasks, of pool.fetch",
            lambda n: driver.call(fifty, n),
            lambda n: pool.fetch(FIFTY, n),
            **many,
        )
        await compare(
            "append, 16 tasks, of pool.fetch",
            lambda _: driver.call(append, "text"),
            lambda _: pool.fetch(APPEND, "text"),
            **many,
        )
    finally:
        await connection.execute("DROP TABLE bench_messages, bench_appended")
        await connection.close()
        await pool.close()
        await driver.close()


if __name__ == "__main__":
    with scratch_server() as url:
        asyncio.run(main(url, int(sys.argv[1]) if len(sys.argv) > 1 else 100))
