"""Whatever is written, by whatever program: the next history is that of the database."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis

from .conftest import OTHER, Uses, cached_store, check_same

ROOT = Path(__file__).parents[3]
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
