"""Whoever is late, killed, frozen or restored: the next history is that of the database."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from contextvars import Context
from pathlib import Path

import pytest

from sqlstore.engine.errors import Conflict
from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis
from tests.people import changing

from .conftest import OTHER, PATIENCE_S, Uses, be_impatient, cached_store, check_same

ROOT = Path(__file__).parents[3]
READS = pytest.mark.parametrize("read_before", [True, False], ids=["read", "not_read"])
"""Whether somebody reads between the restore and the next message."""


async def test_a_reader_that_writes_to_the_cache_late_leaves_nothing_old(
    store: Conversations, plain: Conversations, kept: str, redis: OwnRedis, uses: Uses, by_hand
) -> None:
    """It reads the database, then somebody deletes and reads, then it writes to the cache."""
    redis.command(b"FLUSHALL")
    read = type(store.messages)._versioned_history
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(self, *arguments):
        found = await read(self, *arguments)
        if not has_read.is_set():
            has_read.set()
            await may_go_on.wait()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(store.messages), "_versioned_history", slow)
        reader = asyncio.create_task(store.messages.history(kept))
        await has_read.wait()
        await by_hand("DELETE FROM messages WHERE content = 'text 2'")
        assert len(await store.messages.history(kept)) == 4
        may_go_on.set()
        assert len(await reader) == 5  # it began before
    assert len(redis.stored_keys()) == 1
    uses.taken()
    await check_same(store, plain, kept)
    assert uses.taken() == ["miss", "hit"]


async def test_a_write_that_is_not_committed_is_seen_by_nobody_and_then_by_all(
    store: Conversations, plain: Conversations, kept: str
) -> None:
    before = await plain.messages.history(kept)
    async with store.transaction() as tx:
        await tx.messages.append(kept, "user", "new")
        read = asyncio.create_task(store.messages.history(kept), context=Context())
        assert await read == before
    await check_same(store, plain, kept)
    assert len(await store.messages.history(kept)) == len(before) + 1


async def test_an_edit_and_an_append_at_the_same_time_leave_nothing_old(
    postgres_url: str, redis_url: str
) -> None:
    """The edit is committed last, though the append has given the history its version last."""
    async with cached_store(postgres_url, redis_url) as store, Conversations.open(postgres_url) as plain:
        chat = (await store.conversations.create(1)).id
        first = await store.messages.append(chat, "user", "first")
        editor = await store.driver.begin()
        edit = changing(f"UPDATE messages SET content = 'edited' WHERE seq = {first.seq}")
        await editor.call(edit)
        appended = asyncio.create_task(plain.messages.append(chat, "user", "second"))
        await asyncio.sleep(0.2)
        await store.messages.history(chat)
        await editor.commit()
        await appended
        await check_same(store, plain, chat)
        assert [message.content for message in await store.messages.history(chat)] == ["edited", "second"]


@pytest.mark.slow
async def test_readers_and_writers_at_once_never_see_what_was_before(
    url: str, redis_url: str, by_hand, store: Conversations
) -> None:
    """Two stores with a cache; what a writer was told to be written is in every history that begins later."""
    chats = [(await store.conversations.create(1)).id for _ in range(3)]
    written: dict[str, dict[int, str]] = {chat: {} for chat in chats}
    chance = random.Random(7)
    checked = 0

    async def write(writer: Conversations) -> None:
        for number in range(60):
            chat = chance.choice(chats)
            if number % 5 == 4 and written[chat]:
                seq = chance.choice(list(written[chat]))
                del written[chat][seq]  # unknown until it is done
                await by_hand(f"DELETE FROM messages WHERE seq = {seq}")
                written[chat][seq] = ""
            elif number % 5 == 3 and written[chat]:
                seq = chance.choice(list(written[chat]))
                if written[chat].pop(seq):
                    text = f"edited {number} {id(writer)}"
                    await by_hand(f"UPDATE messages SET content = '{text}' WHERE seq = {seq}")
                    written[chat][seq] = text
                else:
                    written[chat][seq] = ""
            else:
                message = await writer.messages.append(chat, "user", f"{number} {id(writer)}")
                written[chat][message.seq] = message.content
            await asyncio.sleep(chance.random() / 500)

    async def read(reader: Conversations, writers: asyncio.Task) -> None:
        nonlocal checked
        while not writers.done():
            chat = chance.choice(chats)
            known = dict(written[chat])
            found = {message.seq: message.content for message in await reader.messages.history(chat, 200)}
            for seq, content in known.items():
                if written[chat].get(seq) == content:  # nobody has touched it meanwhile
                    assert found.get(seq, "") == content
                    checked += 1
            await asyncio.sleep(0.001)

    async with cached_store(url, redis_url) as other:
        writers = asyncio.ensure_future(asyncio.gather(write(store), write(other)))
        await asyncio.gather(writers, *(read(reader, writers) for reader in (store, other, store, other)))
    assert checked > 1_000


WRITER = """
import asyncio, os, signal, sys
from sqlstore.capabilities.cache import RedisCache
from sqlstore.stores.conversations import Conversations

async def main():
    url, redis, chat = sys.argv[1:]
    async with Conversations.open(url, cache=RedisCache(redis)) as store:
        await store.messages.history(chat)
        await store.messages.append(chat, "user", "of the process that is killed")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_writer_that_is_killed_once_it_has_committed_leaves_nothing_old(
    store: Conversations, plain: Conversations, kept: str, url: str, redis_url: str
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", WRITER, url, redis_url, kept],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    await check_same(store, plain, kept)
    assert (await store.messages.history(kept))[-1].content == "of the process that is killed"


async def test_what_is_written_while_redis_is_frozen_is_seen_when_it_goes_on(
    store: Conversations, plain: Conversations, kept: str, redis: OwnRedis, by_hand, uses: Uses
) -> None:
    be_impatient(store)
    redis.freeze()
    await store.messages.append(kept, "user", "new")
    await by_hand("DELETE FROM messages WHERE content = 'text 2'")
    await store.conversations.delete(OTHER)
    redis.thaw()
    be_impatient(store, PATIENCE_S)
    assert len(redis.stored_keys()) >= 1
    uses.taken()
    await check_same(store, plain, kept, OTHER)
    assert "hit" in uses.taken()


@READS
async def test_a_restored_backup_of_sqlite_is_seen(
    sqlite_url: str, redis_url: str, tmp_path: Path, read_before: bool
) -> None:
    """The database goes back, and then on another way, under the same numbers and ids."""
    async with cached_store(sqlite_url, redis_url) as store:
        chat = (await store.conversations.create(1)).id
        await store.messages.append(chat, "user", "before", message_id="m1")
        await store.messages.history(chat)
        await store.driver.backup_to(tmp_path / "older.db")
        await store.messages.append(chat, "user", "lost", message_id="m2")
        assert [message.content for message in await store.messages.history(chat)] == ["before", "lost"]
    for rest in tmp_path.glob("bot.db*"):
        rest.unlink()
    shutil.move(tmp_path / "older.db", tmp_path / "bot.db")
    async with cached_store(sqlite_url, redis_url) as store, Conversations.open(sqlite_url) as plain:
        if read_before:
            await check_same(store, plain, chat)
            assert [message.content for message in await store.messages.history(chat)] == ["before"]
        await store.messages.append(chat, "user", "another way", message_id="m2")
        await check_same(store, plain, chat)
        assert [message.content for message in await store.messages.history(chat)] == [
            "before",
            "another way",
        ]


@READS
async def test_restored_rows_of_postgres_are_seen(
    postgres_url: str, redis_url: str, read_before: bool
) -> None:
    """As pg_restore does it: rows come back before there are triggers."""
    async with cached_store(postgres_url, redis_url) as store, Conversations.open(postgres_url) as plain:
        chat = (await store.conversations.create(1)).id
        await store.messages.append(chat, "user", "before", message_id="m1")

        async def run(*statements: str) -> None:
            for sql in statements:
                await plain.driver.call(changing(sql))

        await run("CREATE TABLE c AS TABLE conversations", "CREATE TABLE m AS TABLE messages")
        await store.messages.append(chat, "user", "lost", message_id="m2")
        assert len(await store.messages.history(chat)) == 2
        await run(
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("conversations", "messages")),
            "TRUNCATE conversations, messages RESTART IDENTITY",
            "INSERT INTO conversations SELECT * FROM c",
            "INSERT INTO messages SELECT * FROM m",
            "SELECT setval(pg_get_serial_sequence('messages', 'seq'), 1)",
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in ("conversations", "messages")),
        )
        if read_before:
            await check_same(store, plain, chat)
            assert [message.content for message in await store.messages.history(chat)] == ["before"]
        await store.messages.append(chat, "user", "another way", message_id="m2")
        await check_same(store, plain, chat)


async def test_copies_of_a_database_at_one_place_in_redis_do_not_mix(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Their keys are the same."""
    async with cached_store(sqlite_url, redis_url) as one:
        chat = (await one.conversations.create(1)).id
        await one.messages.append(chat, "user", "both")
        await one.driver.backup_to(tmp_path / "copy.db")
        copy_uses = Uses()
        async with cached_store(f"sqlite:///{tmp_path}/copy.db", redis_url, copy_uses) as two:
            assert one.cache is not None
            assert two.cache is not None
            assert one.cache._prefix == two.cache._prefix
            for number in range(3):
                assert len(await one.messages.history(chat)) == number + 1
                await two.messages.append(chat, "user", "of two")
                await one.messages.append(chat, "user", "of one")
                for store, text in ((one, "of one"), (two, "of two"), (two, "of two")):
                    found = await store.messages.history(chat)
                    assert [message.content for message in found] == ["both"] + [text] * (number + 1)
        assert copy_uses.taken() == ["miss", "hit"] * 3


async def test_a_conflict_of_transactions_is_told_as_ever(store: Conversations, kept: str) -> None:
    """Two that edit and append to one history: one may have to run again, none is lost."""

    async def append(text: str) -> None:
        async def work(tx: Conversations) -> None:
            await tx.messages.history(kept)
            await tx.messages.append(kept, "user", text)

        await store.run(work)

    try:
        await asyncio.gather(*(append(f"number {number}") for number in range(8)))
    except Conflict:
        pytest.fail("run tries again")
    assert len(await store.messages.history(kept)) == 13
