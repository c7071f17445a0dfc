"""How fast searches are, what they cost a write, and how large the index is.

    python bench/search_speed.py --rows 1000000 --engine sqlite --engine postgres

Messages of real dialogues in many languages (chatterbot-corpus) are put together to bodies of
about 116 bytes, in 1,000 chats. Times are of whole calls of `messages.search`, one at a time.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import click
from rich.console import Console
from rich.table import Table

from sqlstore.demo.dialogues import load_dialogues
from sqlstore.engine.driver import Statement
from sqlstore.stores.support import Support
from sqlstore.terminal import progress_bar

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlstore.engine.scratch import scratch_server

CHATS = 1_000
BODY_BYTES = 116
SCHEMA = "bench_search"
FILL = {
    "sqlite": "INSERT INTO messages (telegram_id, chat_id, text) "
    "SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
    "postgres": "INSERT INTO messages (telegram_id, chat_id, text) "
    "SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, value ->> 2 FROM jsonb_array_elements($1::jsonb) AS value",
}
SIZES = {
    "sqlite": "SELECT coalesce(sum(pgsize) FILTER (WHERE name LIKE 'messages_search%'), 0), "
    "coalesce(sum(pgsize) FILTER (WHERE name = 'search_pending'), 0) FROM dbstat",
    "postgres": "SELECT pg_total_relation_size('messages_search'), pg_total_relation_size('search_pending')",
}

Bodies = list[str]


def sentences() -> Bodies:
    """The lines of all dialogues, without the longest."""
    return [text for dialogue in load_dialogues() for _, text in dialogue.turns if len(text.encode()) < 400]


def body(chance: random.Random, lines: Bodies, number: int) -> str:
    parts = [f"n{number}"]
    while len(" ".join(parts).encode()) < BODY_BYTES * 0.6:
        parts.append(chance.choice(lines))
    return " ".join(parts)


def queries(chance: random.Random, lines: Bodies, number: int) -> list[str]:
    """Words and pieces of words that stand in the dialogues: one, two, and pieces of 1 to 4 characters."""
    made: list[str] = []
    while len(made) < number:
        words = re.findall(r"\w+", chance.choice(lines))
        if not words:
            continue
        word = chance.choice(words)
        if re.match(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u9fff\uac00-\ud7a3]", word):
            length = chance.choice([1, 2, 2, 3, 4])
            start = chance.randrange(len(word))
            made.append(word[start : start + length])
        else:
            made.append(chance.choice([word, word, f"{word} {chance.choice(words)}"]))
    return made


async def fill(desk: Support, lines: Bodies, rows: int) -> int:
    """Write the messages; gives the bytes of their bodies."""
    size = 0
    chance = random.Random(1)
    statement = Statement(
        name="fill", source="bench", sql=FILL[desk.driver.engine], kind="changed", columns=None,
        encode=lambda rows: (rows,), result=lambda _, changed: changed,
    )  # fmt: skip
    for chat in range(CHATS):
        await desk.chats.save(chat, "group", f"Chat {chat}")
    with progress_bar(f"Writing to {desk.driver.engine}") as on_progress:
        for start in range(0, rows, 5_000):
            batch = [
                [number, chance.randrange(CHATS), body(chance, lines, number)]
                for number in range(start, min(start + 5_000, rows))
            ]
            size += sum(len(text.encode()) for _, _, text in batch)
            await desk.driver.call(statement, json.dumps(batch))
            on_progress(start, rows)
    return size


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1000


def percentiles(times: list[float]) -> list[str]:
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return [f"{value:.2f}" for value in (cuts[49], cuts[94], cuts[98], max(times))]


async def search_times(desk: Support, lines: Bodies, number: int) -> dict[str, list[float]]:
    chance = random.Random(2)
    asked = queries(chance, lines, number)
    kinds: dict[str, list[float]] = {
        "newest 20": [],
        "ranked, with snippets": [],
        "newest 20 in one chat": [],
    }
    search = desk.messages.search
    for words in asked:
        chat = chance.randrange(CHATS)
        kinds["newest 20"].append(await timed(lambda w=words: search(w, order="newest")))
        kinds["ranked, with snippets"].append(await timed(lambda w=words: search(w)))
        kinds["newest 20 in one chat"].append(
            await timed(lambda w=words, c=chat: search(w, order="newest", chat_id=c))
        )
    return kinds


async def insert_times(url: str, lines: Bodies, number: int, *, search: bool) -> list[float]:
    chance = random.Random(3)
    async with Support.open(url, search=search) as desk:
        first = int((await desk.driver.fetch("SELECT coalesce(max(telegram_id), 0) FROM messages"))[0][0]) + 1
        written = [
            (n, chance.randrange(CHATS), None, body(chance, lines, n)) for n in range(first, first + number)
        ]
        return [await timed(lambda row=row: desk.messages.append(*row)) for row in written]


async def measure(url: str, rows: int, number: int, console: Console) -> None:
    lines = sentences()
    engine = url.partition(":")[0].removesuffix("ql")
    table = Table("what", "p50 ms", "p95 ms", "p99 ms", "worst ms", title=f"{engine}, {rows:,} messages")
    async with Support.open(url, search=False) as desk:
        bodies = await fill(desk, lines, rows)
        if engine != "sqlite":
            await desk.driver.vacuum()
    table.add_row(
        "append, without search", *percentiles(await insert_times(url, lines, number, search=False))
    )
    async with Support.open(url) as desk:
        started = time.perf_counter()
        with progress_bar(f"Indexing on {engine}") as on_progress:
            await desk.complete_index(on_progress=on_progress)
        seconds = time.perf_counter() - started
        if engine != "sqlite":
            await desk.driver.vacuum()
        await search_times(desk, lines, 20)
        for kind, times in (await search_times(desk, lines, number)).items():
            table.add_row(kind, *percentiles(times))
        sizes = (await desk.driver.fetch(SIZES[engine]))[0]
    table.add_row("append, with search", *percentiles(await insert_times(url, lines, number, search=True)))
    console.print(table)
    console.print(
        f"bodies {bodies / 1e6:.0f} MB, index {sizes[0] / 1e6:.0f} MB, pending {sizes[1] / 1e6:.1f} MB; "
        f"indexed {rows / seconds:,.0f} rows/s"
    )


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--queries", "number", default=400, show_default=True)
@click.option("--engine", "engines", type=click.Choice(["sqlite", "postgres"]), multiple=True)
def main(rows: int, number: int, engines: tuple[str, ...]) -> None:
    """Measure search on the engines given; both without one."""
    console = Console(width=110)
    if not engines or "sqlite" in engines:
        with tempfile.TemporaryDirectory(prefix="sqlstore-bench-") as folder:
            asyncio.run(measure(f"sqlite:///{Path(folder) / 'bench.db'}", rows, number, console))
    if not engines or "postgres" in engines:
        with scratch_server() as server:
            asyncio.run(on_postgres(server, rows, number, console))


async def on_postgres(server: str, rows: int, number: int, console: Console) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        separator = "&" if "?" in server else "?"
        await measure(f"{server}{separator}schema={SCHEMA}", rows, number, console)
        await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    finally:
        await connection.close(timeout=5)


if __name__ == "__main__":
    main()
