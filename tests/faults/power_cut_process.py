"""What a process does whose power is cut; run by power_cut.py under strace, and says what is acknowledged.

python -m tests.faults.power_cut_process SCENARIO FOLDER [ARGUMENT]…
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlstore.capabilities.backup import backup, restore
from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.stores.conversations import Conversations

from .diary import SHARED, begin, write_entry
from .writer_process import say

DATABASE = "data/bot.db"
"""In a folder that is not there either."""
BACKUP = "copies/bot.db"
RESTORED = "restored/bot.db"


def url_in(folder: Path, name: str = DATABASE) -> str:
    return f"sqlite:///{folder / name}"


async def write(folder: Path, synchronous: Any, tasks: str, entries: str) -> None:
    """Begin with nothing, write so many entries with so many tasks, and close."""
    async with Conversations.open(url_in(folder), synchronous=synchronous) as store:
        await begin(store)
        say("open")
        left = iter(range(1, int(entries) + 1))

        async def write_on() -> None:
            for number in left:
                await write_entry(store, f"k{number}", number)
                say(f"k{number}")

        await asyncio.gather(*(write_on() for _ in range(int(tasks))))


async def migrate(folder: Path) -> None:
    """Bring an older database up to date."""
    async with Conversations.open(url_in(folder)):
        say("open")


async def spool(folder: Path, records: str) -> None:
    """Save while another connection holds the database, and then while it does not."""
    settings = OutboxSettings(folder / "data/bot.outbox.db", patience_s=0.2, first_pause_s=0.01)
    async with Conversations.open(url_in(folder), outbox=settings) as store:
        await begin(store)
        say("open")
        with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(int(records)):
                await save(store, f"s{number}", "spooled")
            other.execute("ROLLBACK")
        while not await store.replay_outbox():
            await asyncio.sleep(0.01)
        for number in range(int(records)):
            await save(store, f"d{number}", "durable")


async def save(store: Conversations, key: str, state: str) -> None:
    saved = await store.save(store.messages.append, SHARED, "user", key, message_id=key)
    assert saved.state == state
    say(key)


async def back_up(folder: Path) -> None:
    """Back up what is there, and restore it beside it."""
    async with Conversations.open(url_in(folder)) as store:
        await backup(store.driver, folder / BACKUP)
        say("backup")
    await restore(folder / BACKUP, url_in(folder, RESTORED))
    say("restored")


SCENARIOS = {"write": write, "migrate": migrate, "spool": spool, "back_up": back_up}

if __name__ == "__main__":
    asyncio.run(SCENARIOS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
