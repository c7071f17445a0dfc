"""Whatever is written, by whatever program: the next history is that of the database."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from contextvars import Context
from datetime import timedelta
from pathlib import Path

import pytest

from sqlstore.engine.errors import Conflict
from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis
from tests.people import changing

from .conftest import Uses, cached_store

ROOT = Path(__file__).parents[3]
OTHER = "another"
WRITES = {
    "edit": "UPDATE messages SET content = 'edited' WHERE content = 'text 2'",
    "edit of all": "UPDATE messages SET content = 'edited'",
    "metadata": "UPDATE messages SET metadata = '{\"a\": 1}' WHERE content = 'text 2'",
    "references": "UPDATE messages SET \"references\" = '[1]' WHERE content = 'text 2'",
    "role": "UPDATE messages SET role = 'system' WHERE content = 'text 2'",
    "agent": "UPDATE messages SET agent_used = 'weather' WHERE content = 'text 2'",
    "time": "UPDATE messages SET timestamp = '2020-01-01T00:00:00.000000Z' WHERE content = 'text 2'",
    "id": "UPDATE messages SET id = 'other' WHERE content = 'text 2'",
    "order": "UPDATE messages SET seq = 1000 WHERE content = 'text 2'",
    "delete": "DELETE FROM messages WHERE content = 'text 2'",
    "delete of all": "DELETE FROM messages",
    "move away": f"UPDATE messages SET conversation_id = '{OTHER}' WHERE content = 'text 2'",
    "move here": "UPDATE messages SET conversation_id = '{chat}' WHERE content = 'elsewhere'",
    "insert": "INSERT INTO messages (id, conversation_id, role, content) VALUES ('m', '{chat}', 'user', 'new')",
    "insert in the middle": "INSERT INTO messages (seq, id, conversation_id, role, content) "
    "SELECT min(seq) - 1000, 'm', '{chat}', 'user', 'new' FROM messages",
    "delete of the conversation": "DELETE FROM conversations WHERE id = '{chat}'",
    "no version": "UPDATE conversations SET history_version = ''",
}
ONLY_POSTGRES = {"truncate": "TRUNCATE messages", "truncate both": "TRUNCATE conversations CASCADE"}
ONLY_SQLITE = {
    "replace": "REPLACE INTO messages (id, conversation_id, role, content) "
    "SELECT id, conversation_id, 'user', 'new' FROM messages WHERE content = 'text 2'",
    "replace elsewhere": "REPLACE INTO messages (id, conversation_id, role, content) "
    f"SELECT id, '{OTHER}', 'user', 'new' FROM messages WHERE content = 'text 2'",
    "replace by seq": "REPLACE INTO messages (seq, id, conversation_id, role, content) "
    f"SELECT seq, 'm', '{OTHER}', 'user', 'new' FROM messages WHERE content = 'text 2'",
    "update or replace": "UPDATE OR REPLACE messages SET id = (SELECT id FROM messages WHERE content = 'text 2') "
    "WHERE content = 'elsewhere'",
    "replace of the conversation": "REPLACE INTO conversations (id, user_id, title) VALUES ('{chat}', 1, '')",
}


@pytest.fixture
async def kept(store: Conversations, chat: str, uses: Uses) -> str:
    """A conversation whose history is in the cache; there is another one, with one message."""
    await store.conversations.create(2, conversation_id=OTHER)
    await store.messages.append(OTHER, "user", "elsewhere")
    for conversation_id in (chat, OTHER):
        for _ in range(2):
            await store.messages.history(conversation_id)
    assert uses.counted() == {"miss": 2, "hit": 2}
    return chat


READS = pytest.mark.parametrize("read_before", [True, False], ids=["read", "not_read"])
"""Whether somebody reads between the restore and the next message."""


async def check_same(store: Conversations, plain: Conversations, *chats: str) -> None:
    """Twice: what is read first is kept, and is not old either."""
    for _ in range(2):
        for chat in chats:
            assert await store.messages.history(chat) == await plain.messages.history(chat)


@pytest.mark.parametrize("kind", [*WRITES, *ONLY_POSTGRES])
async def test_a_write_by_hand_is_seen(
    store: Conversations, plain: Conversations, kept: str, by_hand, kind: str
) -> None:
    if kind in ONLY_POSTGRES and store.driver.engine != "postgres":
        return
    await by_hand((WRITES | ONLY_POSTGRES)[kind].replace("{chat}", kept))
    await check_same(store, plain, kept, OTHER)


@pytest.mark.parametrize("kind", [*WRITES, *ONLY_SQLITE])
async def test_a_write_of_the_program_sqlite3_is_seen(
    sqlite_url: str, redis_url: str, tmp_path: Path, kind: str
) -> None:
    """It leaves foreign keys and recursive triggers off."""
    async with cached_store(sqlite_url, redis_url) as store, Conversations.open(sqlite_url) as plain:
        chat = (await store.conversations.create(1)).id
        await store.conversations.create(2, conversation_id=OTHER)
        for number in range(5):
            await store.messages.append(chat, "user", f"text {number}")
        await store.messages.append(OTHER, "user", "elsewhere")
        await check_same(store, plain, chat, OTHER)
        with closing(sqlite3.connect(tmp_path / "bot.db")) as other, other:
            other.execute((WRITES | ONLY_SQLITE)[kind].replace("{chat}", chat))
        await check_same(store, plain, chat, OTHER)


async def test_the_stores_own_writes_are_seen(
    store: Conversations, plain: Conversations, kept: str, uses: Uses
) -> None:
    await plain.messages.append(kept, "user", "of a process without a cache")
    await check_same(store, plain, kept)
    await store.messages.append(kept, "user", "of a process with one")
    await check_same(store, plain, kept)
    async with store.transaction() as tx:
        await tx.messages.append(kept, "user", "of a transaction")
    await check_same(store, plain, kept)
    assert uses.taken() == ["miss", "hit"] * 3
    await plain.cleanup(older_than=timedelta(0))
    await check_same(store, plain, kept, OTHER)
    assert await store.messages.history(kept) == []


async def test_a_conversation_made_again_with_the_same_id_starts_empty(
    store: Conversations, plain: Conversations, kept: str, redis: OwnRedis
) -> None:
    (value,) = (key for key in redis.stored_keys() if kept.encode() in key)
    old = redis.command(b"DUMP", value)
    await store.conversations.delete(kept)
    await store.conversations.create(1, conversation_id=kept)
    redis.command(b"RESTORE", value, b"0", old.split(b"\r\n", 1)[1][:-2])  # as if it had not been deleted
    assert len(redis.stored_keys()) == 2
    await check_same(store, plain, kept)
    await store.messages.append(kept, "user", "new")
    await check_same(store, plain, kept)


async def test_an_import_of_rows_is_seen(
    store: Conversations, plain: Conversations, kept: str, tmp_path: Path, by_hand
) -> None:
    await by_hand("UPDATE messages SET content = 'other ' || content")
    await plain.export_to(tmp_path / "rows.jsonl")
    await by_hand("UPDATE messages SET content = 'text'")
    await store.messages.history(kept)
    await plain.import_from(tmp_path / "rows.jsonl")
    await check_same(store, plain, kept, OTHER)
    assert (await store.messages.history(kept))[0].content == "other text 0"


async def test_a_change_of_what_no_message_says_is_at_most_a_miss(
    store: Conversations, plain: Conversations, kept: str
) -> None:
    await store.conversations.rename(kept, "title")
    await store.conversations.archive(kept)
    await check_same(store, plain, kept)


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
    redis.freeze()
    await store.messages.append(kept, "user", "new")
    await by_hand("DELETE FROM messages WHERE content = 'text 2'")
    await store.conversations.delete(OTHER)
    redis.thaw()
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
    """Even where their keys are the same, which they are not."""
    async with cached_store(sqlite_url, redis_url) as one:
        chat = (await one.conversations.create(1)).id
        await one.messages.append(chat, "user", "both")
        await one.driver.backup_to(tmp_path / "copy.db")
        copy_uses = Uses()
        async with cached_store(f"sqlite:///{tmp_path}/copy.db", redis_url, copy_uses) as two:
            assert one.cache is not None
            assert two.cache is not None
            assert one.cache._prefix != two.cache._prefix
            two.cache._prefix = one.cache._prefix
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
