"""Texts in many languages, queries of every kind, and what a search must find by looking at each text.

Used by test_parity.py, and by hand for as long as one likes:

    python -m tests.capabilities.search.parity --queries 100000
"""

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlstore.capabilities.search.grammar import matches, parse
from sqlstore.capabilities.search.maintenance import complete, verify
from sqlstore.demo.dialogues import load_dialogues
from sqlstore.engine.scratch import scratch_server
from sqlstore.stores.support import Support
from tests.capabilities.search.conftest import execute

CHATS = (1, -100, 7)
HOSTILE = (
    "",
    " ",
    '"',
    "''",
    'a"b',
    "* NEAR (",
    "AND OR NOT",
    "-",
    "--",
    "a:b",
    "{x}",
    "^a",
    "a*b",
    "\\",
    "%_%",
    "'); DROP TABLE messages; --",
    "\u200d👨‍👩‍👧‍👦\u200d",
    "🙂",
    "e\u0301ё й и\u0306",
    "ﬁ ﷺ ㍿ ½",
    "ＡＢＣ １２３",
    "İstanbul ıI ß ẞ ſ",
    "שלום عليكم \u202eabc\u202c",
    "กำ เเก แก ก็",
    "가\u1100\u1161각 한국어를 한국어는",
    "がか\u3099ガ ｶﾞ",
    "𠮷野家 𝒳𝓎",
    "a\u00adb a\u200bb",
    "x_y_z snake_case",
    "1,000.50 3.14 192.168.0.1",
    "C++ C# .NET node.js",
    "don't l'été rock'n'roll",
    "\t\n\r\x01\x7f",
    "ｶﾀｶﾅ カタカナ",
    "Ⅳ ⅳ ④ ⁴",
    "\ufeffbom",
    "̀̀̀ ่ ้",
    "Ω Ω K Å",
    "a" * 200,
    "ก" * 300,
    "word " * 200,
)
MARKS = (
    '"',
    "'",
    "*",
    "-",
    "(",
    ")",
    ":",
    "^",
    "&",
    "|",
    "!",
    "<",
    ">",
    "\\",
    "%",
    "_",
    ".",
    "\u200d",
    "“",
    "»",
    "\t",
)


def texts(chance: random.Random, number: int) -> list[str]:
    """Lines of real dialogues, some put together, and hostile ones."""
    lines = [text for dialogue in load_dialogues() for _, text in dialogue.turns if len(text) < 300]
    made = [*HOSTILE][: number // 4]
    while len(made) < number:
        made.append(" ".join(chance.choices(lines, k=chance.choice([1, 1, 1, 2, 3]))))
    chance.shuffle(made)
    return made


def queries(chance: random.Random, texts: list[str]) -> Iterator[str]:
    """Pieces and words of the texts, in every form that queries have, and hostile ones, for ever."""
    while True:
        text = chance.choice(texts)
        words = re.findall(r"\w+", text) or ["x"]
        others = re.findall(r"\w+", chance.choice(texts)) or ["y"]
        start = chance.randrange(len(text) + 1)
        word = chance.choice(words)
        kind = chance.randrange(12)
        if kind < 3:
            yield text[start : start + chance.choice([1, 1, 2, 2, 3, 5])]
        elif kind < 5:
            yield word
        elif kind == 5:
            yield f"{word} {chance.choice(words)}"
        elif kind == 6:
            yield f"{word[: chance.randint(1, 4)]}*"
        elif kind == 7:
            yield f'"{text[start : start + 20]}"'
        elif kind == 8:
            yield f"{word} -{chance.choice(others)}"
        elif kind == 9:
            yield f"{chance.choice(words)}-{word}/{chance.choice(words)}"
        elif kind == 10:
            yield "".join(chance.choice([*MARKS, word, " ", text[start : start + 2]]) for _ in range(6))
        else:
            yield "".join(
                chr(chance.choice([chance.randrange(1, 0xD800), chance.randrange(0xE000, 0x30000)]))
                for _ in range(4)
            )


class Texts:
    """What a store should hold: text and chat by id."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, int]] = {}

    def found(self, words: str, chat: int | None, limit: int) -> list[int]:
        """The newest ids whose text matches, by looking at each."""
        query = parse(words)
        ids = []
        for key in sorted(self.rows, reverse=True):
            text, where = self.rows[key]
            if (chat is None or chat == where) and not query.is_empty and matches(query, text):
                ids.append(key)
                if len(ids) == limit:
                    break
        return ids


async def fill(desk: Support, chance: random.Random, bodies: list[str]) -> Texts:
    """Write the texts, then edit, delete and write some again; a part is indexed, a part pending."""
    known = Texts()
    for chat in CHATS:
        await desk.chats.save(chat, "group", "g")
    async with desk.transaction() as tx:
        for number, text in enumerate(bodies):
            chat = chance.choice(CHATS)
            message = await tx.messages.append(number, chat, None, text)
            known.rows[message.id] = (text, chat)
    await complete(desk.driver, ["messages"], lambda done, total: None)
    await change(desk, chance, known, bodies, len(bodies) // 10)
    return known


async def change(desk: Support, chance: random.Random, known: Texts, bodies: list[str], number: int) -> None:
    """Edit, delete (with a user, as an erasure does), and write anew."""
    for _ in range(number):
        key = chance.choice([*known.rows])
        _, chat = known.rows[key]
        stored = await desk.messages.get(key)
        assert stored is not None
        kind = chance.randrange(3)
        if kind == 0:
            text = chance.choice(bodies)
            await desk.messages.edit(chat, stored.telegram_id, text)
            known.rows[key] = (text, chat)
        elif kind == 1:
            user = 1_000_000 + key
            await desk.users.save(user, "Gone")
            message = await desk.messages.append(user, chat, user, chance.choice(bodies))
            known.rows[message.id] = (message.text or "", chat)
        else:
            text = chance.choice(bodies)
            message = await desk.messages.append(2_000_000 + chance.randrange(10**9), chat, None, text)
            known.rows[message.id] = (text, chat)


async def compare(desk: Support, chance: random.Random, known: Texts, bodies: list[str], number: int) -> int:
    """Ask so many queries; gives how many hits there were. Raises AssertionError naming the query that differs."""
    hits = 0
    asked = queries(chance, bodies)
    for _ in range(number):
        words, chat = next(asked), chance.choice([None, None, *CHATS])
        limit = chance.choice([1, 5, 20, 200])
        result = await desk.messages.search(words, chat_id=chat, limit=limit, order="newest")
        expected = known.found(words, chat, limit)
        found = [hit.row.id for hit in result.hits]
        assert (found, result.complete) == (expected, True), (desk.driver.engine, words, chat)
        for hit in result.hits[:3]:
            assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.highlights), words
        hits += len(found)
    return hits


async def soak(urls: list[str], number: int, seed: int) -> None:
    """Rounds of 2,000 queries over fresh texts, on each database the same, with changes in between."""
    started = time.monotonic()
    for done in range(0, number, 2_000):
        for url in urls:
            chance = random.Random(f"{seed} {done}")
            bodies = texts(chance, 300)
            async with Support.open(url) as desk:
                known = await fill(desk, chance, bodies)
                for _ in range(4):
                    await compare(desk, chance, known, bodies, 500)
                    await change(desk, chance, known, bodies, 20)
                await complete(desk.driver, ["messages"], lambda done, total: None)
                verdict = await verify(desk.driver, "messages")
                assert verdict.agrees, verdict
                await execute(desk, "DELETE FROM messages")
        print(  # noqa: T201 - run by hand
            f"{done + 2_000:,} queries on {len(urls)} databases, {time.monotonic() - started:.0f} s",
            flush=True,
        )


async def on_both(number: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, scratch_server() as server:
        connection = await asyncpg.connect(server)
        await connection.execute("DROP SCHEMA IF EXISTS parity CASCADE")
        separator = "&" if "?" in server else "?"
        try:
            await soak([f"sqlite:///{folder}/bot.db", f"{server}{separator}schema=parity"], number, seed)
            await connection.execute("DROP SCHEMA parity CASCADE")
        finally:
            await connection.close(timeout=5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    asyncio.run(on_both(arguments.queries, arguments.seed))
