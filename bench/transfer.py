"""Rows a second and memory of export, import and copy: python bench/transfer.py [ROWS] [POSTGRES_URL].

Each step runs in a process of its own, so that its largest memory is its own; flat memory shows
when a tenth of the rows needs as much. In the end the writing alone, as a multiple of the CPU that the
bare driver's executemany takes for the same rows (asyncpg, aiosqlite; a thousand in a transaction).
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite
import asyncpg
import msgspec
from msgspec.structs import astuple

from sqlstore.engine.bulk import make_bulk
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Statement
from sqlstore.engine.row_codec import row_fields
from sqlstore.engine.values import timestamp_text
from sqlstore.stores.chatbot import Chatbot

USERS = 1_000
FILL = (
    """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {users})
    INSERT INTO users (id, session_id, platform, name) SELECT i, 'web_' || i, 'web', 'User ' || i FROM n""",
    """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
    INSERT INTO messages (user_id, role, content, latency)
    SELECT 1 + i % {users}, iif(i % 2, 'user', 'model'),
        'The parcel has not come yet, what can I do? ' || i, i / 7.0 FROM n""",
)


class Row(msgspec.Struct, frozen=True):
    id: int
    user_id: int
    content: str
    latency: float
    created_at: datetime


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def statement(sql: str) -> Statement:
    return Statement("bench", "bench", sql, "changed", None, tuple, lambda _, changed: changed)


async def fill(url: str, rows: int) -> None:
    async with Chatbot.open(url, timeout_s=600) as bot:
        for sql in FILL:
            text = sql.format(rows=rows, users=USERS)
            await bot.driver.call(statement(text))


async def export(url: str, path: str) -> None:
    async with Chatbot.open(url) as bot:
        await bot.export_to(Path(path))


async def load(url: str, path: str) -> None:
    async with Chatbot.open(url) as bot:
        await bot.import_from(Path(path))


async def judge(url: str, path: str) -> None:
    async with Chatbot.open(url) as bot:
        await bot.import_from(Path(path), dry_run=True)


async def copy(url: str, target: str) -> None:
    async with Chatbot.open(url) as ours, Chatbot.open(target) as theirs:
        await ours.copy_to(theirs)


STEPS = {step.__name__: step for step in (fill, export, load, judge, copy)}


def memory() -> float:
    """What this process holds of its own, in MB: not the database file, which SQLite maps into memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


async def sampled(work: Coroutine[None, None, None]) -> float:
    """Do the work; gives the most memory seen, every 20 ms."""
    most, task = 0.0, asyncio.create_task(work)
    while not task.done():
        most = max(most, memory())
        await asyncio.wait([task], timeout=0.02)
    task.result()
    return most


def run_step(name: str, *arguments: str) -> None:
    """In this process; prints seconds, CPU seconds and the most memory in MB."""
    started, cpu = time.perf_counter(), time.process_time()
    given = [int(each) if each.isdecimal() else each for each in arguments]
    most = asyncio.run(sampled(STEPS[name](*given)))
    print(time.perf_counter() - started, time.process_time() - cpu, most)


def measure(title: str, rows: int, name: str, *arguments: object) -> None:
    command = [sys.executable, __file__, "--step", name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, cpu, memory = map(float, done.stdout.split())
    print(
        f"{title:<36}{rows / seconds:>10,.0f} rows/s {cpu / rows * 1e6:>6.1f} us CPU a row {memory:>6.0f} MB",
        flush=True,
    )


PLAIN = {
    "sqlite": """CREATE TABLE rows (id INTEGER PRIMARY KEY, user_id INTEGER, content TEXT, latency REAL,
        created_at TEXT) STRICT""",
    "postgres": """CREATE TABLE rows (id bigint PRIMARY KEY, user_id bigint, content text, latency float8,
        created_at timestamptz)""",
}
BATCHES = [
    [Row(i, i % 50, f"The parcel has not come {i}", i / 7, MOMENT) for i in range(start, start + 1000)]
    for start in range(0, 20_000, 1000)
]


async def beside_executemany(url: str) -> float:
    """CPU of the upserts, divided by that of executemany for the same rows into the same table."""
    driver = make_driver(url)
    await driver.open()
    upsert = make_bulk(driver).upsert("rows", row_fields(Row), ["id"])
    await driver.call(statement("DROP TABLE IF EXISTS rows"))
    await driver.call(statement(PLAIN[driver.engine]))
    ratios = []
    for _ in range(7):
        floor = await (many_sqlite if driver.engine == "sqlite" else many_postgres)(url)
        await driver.call(statement("DELETE FROM rows"))
        started = time.process_time()
        for batch in BATCHES:
            await driver.run(lambda tx, batch=batch: upsert.run(tx, batch))
        ratios.append((time.process_time() - started) / floor)
        await driver.call(statement("DELETE FROM rows"))
    await driver.close()
    return statistics.median(ratios)


async def many_sqlite(url: str) -> float:
    async with aiosqlite.connect(url.removeprefix("sqlite:///"), isolation_level=None) as connection:
        started = time.process_time()
        for batch in BATCHES:
            await connection.execute("BEGIN")
            rows = [(*astuple(row)[:4], timestamp_text(row.created_at)) for row in batch]
            await connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", rows)
            await connection.execute("COMMIT")
        return time.process_time() - started


async def many_postgres(url: str) -> float:
    server, _, schema = url.partition("?schema=")
    connection = await asyncpg.connect(server, server_settings={"search_path": schema})
    started = time.process_time()
    for batch in BATCHES:
        await connection.executemany("INSERT INTO rows VALUES ($1, $2, $3, $4, $5)", map(astuple, batch))
    spent = time.process_time() - started
    await connection.close()
    return spent


async def with_schema(server: str, action: str, schema: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"{action} SCHEMA {schema}" + (" CASCADE" if action == "DROP" else ""))
    await connection.close()


def main(rows: int, server: str | None) -> None:
    for count in (rows // 10, rows):
        with tempfile.TemporaryDirectory() as folder:
            source, file = f"sqlite:///{folder}/source.db", f"{folder}/messages.jsonl"
            print(f"{count:,} messages")
            measure("fill", count, "fill", source, count)
            measure("export from SQLite", count, "export", source, file)
            measure("export, gzip", count, "export", source, file + ".gz")
            measure("judge the file", count, "judge", f"sqlite:///{folder}/into.db", file)
            measure("import into SQLite", count, "load", f"sqlite:///{folder}/into.db", file)
            measure("the same again", count, "load", f"sqlite:///{folder}/into.db", file)
            measure("copy SQLite to SQLite", count, "copy", source, f"sqlite:///{folder}/copy.db")
            if server is None:
                continue
            for title, step, argument in (
                ("import into PostgreSQL", "load", file),
                ("copy SQLite to PostgreSQL", "copy", None),
            ):
                schema = f"bench_{uuid.uuid4().hex[:12]}"
                asyncio.run(with_schema(server, "CREATE", schema))
                url = f"{server}?schema={schema}"
                measure(title, count, step, *((url, argument) if argument else (source, url)))
                if step == "copy":
                    measure("copy back", count, "copy", url, f"sqlite:///{folder}/back.db")
                asyncio.run(with_schema(server, "DROP", schema))
    with tempfile.TemporaryDirectory() as folder:
        print(f"SQLite: {asyncio.run(beside_executemany(f'sqlite:///{folder}/rows.db')):.2f} of executemany")
    if server is not None:
        asyncio.run(with_schema(server, "CREATE", schema := f"bench_{uuid.uuid4().hex[:12]}"))
        print(
            f"PostgreSQL: {asyncio.run(beside_executemany(f'{server}?schema={schema}')):.2f} of executemany"
        )
        asyncio.run(with_schema(server, "DROP", schema))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        run_step(*sys.argv[2:])
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000,
            sys.argv[2] if len(sys.argv) > 2 else os.environ.get("SQLSTORE_TEST_POSTGRES"),
        )
