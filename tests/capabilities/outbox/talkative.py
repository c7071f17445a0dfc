"""A bot that writes in several chats at once, and says on its output what was saved: to be killed.

python -m tests.capabilities.outbox.talkative STORE URL OUTBOX RUN WRITES_PER_S CHAT=NEXT…

It ends, with nothing waiting, once its input is closed. Each line of output, `CHAT NUMBER STATE`,
is written after the answer came. What it says in a chat is `NUMBER.RUN`.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from sqlstore.capabilities.outbox import OutboxSettings, Spool
from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter
from sqlstore.stores.chatbot import Chatbot

Say = Callable[[str, str], Awaitable[str]]


async def open_chatbot(stack: AsyncExitStack, url: str, settings: OutboxSettings) -> tuple[Say, Spool]:
    bot = await stack.enter_async_context(Chatbot.open(url, outbox=settings, search=False))

    async def say(chat: str, text: str) -> str:
        return (await bot.save(bot.append_message, chat, "user", text)).state

    assert bot.outbox is not None
    return say, bot.outbox


async def open_lessons(stack: AsyncExitStack, url: str, settings: OutboxSettings) -> tuple[Say, Spool]:
    database = DatabaseManager(url=url, first_pause_s=0.1, timeout_s=2)
    stack.push_async_callback(database.close)
    adapter = await stack.enter_async_context(PersistenceAdapter(database, outbox=settings))

    async def say(chat: str, text: str) -> str:
        session = await adapter.get_session(chat)
        session.add_message("user", text)
        session.topic = text
        return (await adapter.save_session(session)).state

    return say, await adapter._outbox.open()


async def main(store: str, url: str, outbox: str, run: str, pace: str, *chats: str) -> None:
    settings = OutboxSettings(Path(outbox), patience_s=1, first_pause_s=0.05, longest_pause_s=0.5)
    loop, closing = asyncio.get_running_loop(), asyncio.Event()

    def close() -> None:
        loop.remove_reader(sys.stdin.fileno())
        closing.set()

    loop.add_reader(sys.stdin.fileno(), close)
    async with AsyncExitStack() as stack:
        open_store = {"chatbot": open_chatbot, "lessons": open_lessons}[store]
        say, spool = await open_store(stack, url, settings)

        async def talk(chat: str, number: int) -> None:
            while not closing.is_set():
                state = await say(chat, f"{number}.{run}")
                os.write(1, f"{chat} {number} {state}\n".encode())
                number += 1
                await asyncio.sleep(len(chats) / float(pace))

        await asyncio.gather(
            *(talk(chat, int(first)) for chat, _, first in (c.partition("=") for c in chats))
        )
        while spool.backlog().records:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
