"""An outage of the database, with a bot that is killed again and again in it: 0 lost, 0 doubled, order kept.

The quick form runs everywhere. The long one: SQLSTORE_TEST_OUTAGE_S=60 SQLSTORE_TEST_KILLS=20
SQLSTORE_TEST_WRITES_PER_S=500 (20,000 writes), as `make soak` has it.
"""

import asyncio
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import Lessons
from tests.own_postgres import OwnServer, own_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OUTAGE_S = float(os.environ.get("SQLSTORE_TEST_OUTAGE_S", "2"))
KILLS = int(os.environ.get("SQLSTORE_TEST_KILLS", "3"))
WRITES_PER_S = int(os.environ.get("SQLSTORE_TEST_WRITES_PER_S", "100"))
CHATS = [f"chat_{number}" for number in range(8)]
ROOT = Path(__file__).parents[3]


class Bot:
    """One bot after the other, with one outbox. saved: what they said was saved, in order, by chat."""

    def __init__(self, store: str, url: str, outbox: Path) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            "tests.capabilities.outbox.talkative",
            store,
            url,
            str(outbox),
        ]
        self.saved: dict[str, list[str]] = {chat: [] for chat in CHATS}
        self.states: set[str] = set()
        self.run = 0

    async def start(self) -> None:
        self.run += 1
        chats = [f"{chat}={self._next(chat)}" for chat in CHATS]
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments, str(self.run), str(WRITES_PER_S), *chats,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._reading
        await self._process.wait()

    async def end(self) -> None:
        """Let it write everything that waits."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(30 + OUTAGE_S):
                await asyncio.shield(self._reading)
        except TimeoutError:
            await self.kill()
            raise
        assert await self._process.wait() == 0

    def _next(self, chat: str) -> int:
        return int(self.saved[chat][-1].split(".")[0]) + 1 if self.saved[chat] else 0

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            chat, number, state = line.decode().split()
            self.saved[chat].append(f"{number}.{self.run}")
            self.states.add(state)


async def outage(server: OwnServer, bot: Bot) -> None:
    """See `_outage`; no bot outlives it."""
    try:
        await _outage(server, bot)
    except BaseException:
        await bot.kill()
        raise


async def _outage(server: OwnServer, bot: Bot) -> None:
    """The server is stopped while the bot talks; bots are killed until it is back, and while it catches up."""
    chance = random.Random(1)
    await bot.start()
    async with asyncio.timeout(30):
        while "durable" not in bot.states:
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    await asyncio.to_thread(server.stop)
    for _ in range(KILLS):
        await asyncio.sleep(OUTAGE_S / KILLS * chance.uniform(0.7, 1.3))
        await bot.kill()
        await bot.start()
    await asyncio.sleep(1)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(0.5)
    await bot.kill()  # in the middle of the replay
    await bot.start()
    await asyncio.sleep(1.5)
    await bot.end()


def check(bot: Bot, chat: str, found: list[str]) -> None:
    saved = bot.saved[chat]
    assert len(found) == len(set(found)), "doubled"
    assert set(saved) <= set(found), "lost"
    expected = set(saved)
    assert [text for text in found if text in expected] == saved, "not in order"
    assert len(found) - len(saved) <= bot.run, "a bot that is killed has one answer under way in each chat"


async def test_a_store_with_an_outbox(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with own_postgres() as server:
        async with Chatbot.open(server.url):
            pass
        bot = Bot("chatbot", server.url, tmp_path / "outbox.db")
        await outage(server, bot)
        async with Chatbot.open(server.url) as store:
            for chat in CHATS:
                check(bot, chat, [message.content for message in await store.messages.all(chat)])
    assert bot.states == {"durable", "spooled"}
    total = sum(map(len, bot.saved.values()))
    record_property("saved", total)  # with --junit-xml
    assert total > WRITES_PER_S * OUTAGE_S / 2


async def test_the_tutoring_bot(tmp_path: Path) -> None:
    with own_postgres() as server:
        async with Lessons.open(server.url):
            pass
        bot = Bot("lessons", server.url, tmp_path / "outbox.db")
        await outage(server, bot)
        async with Lessons.open(server.url) as store:
            for chat in CHATS:
                found = [message.content async for message in store.messages.all(chat)]
                check(bot, chat, found)
                session = await store.sessions.get(chat)
                assert session is not None
                assert session.topic == found[-1], "the newest state stands"
    assert bot.states == {"durable", "spooled"}
