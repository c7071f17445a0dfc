"""Writes that the database refuses are put aside, and hold nobody up."""

import functools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.capabilities.outbox.packing import pack, unpack
from sqlstore.capabilities.outbox.rows import DeadLetter
from sqlstore.engine.errors import StatementError
from sqlstore.stores.support import Message, Support
from sqlstore.stores.support.repositories.messages import MessageRepository

from .conftest import Removable, until, until_written
from .test_save import NOWHERE, texts

CANARY = "canary-text"


async def letters(desk: Support) -> list[DeadLetter]:
    assert desk.outbox is not None
    return [letter async for letter in desk.outbox.file.dead_letters()]


async def test_what_the_tables_refuse_is_put_aside_at_once_and_later_writes_of_its_key_go_on(
    url: str, settings: OutboxSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.messages.append, 1, 1, None, "first")
        await desk.save(desk.messages.append, 2, 1, 404, CANARY)  # nobody knows this user
        await desk.save(desk.messages.append, 3, 1, None, "third")
        await desk.save(desk.messages.append, 1, 2, None, "of an unknown chat")
    async with Support.open(url, outbox=settings) as desk:
        await until_written(desk)
        assert await texts(desk) == ["first", "third"]
        first, second = await letters(desk)
        assert (first.method, json.loads(first.keys)) == ("messages.append", ["chat_id=1", "user_id=404"])
        assert first.error.startswith("ForeignKeyViolation: support.messages.append")
        assert json.loads(second.keys) == ["chat_id=2"]
        assert desk.outbox is not None
        assert desk.outbox.backlog().dead_letters == 2
        assert CANARY not in caplog.text
        assert "was put aside" in caplog.text
        await desk.users.save(404, "Known now")
        assert await desk.outbox.file.revive(first.id)
        assert not await desk.outbox.file.revive(first.id)
        await desk.outbox.file.refresh()
        await desk.replay_outbox()
        assert sorted(map(str, await texts(desk))) == [CANARY, "first", "third"]
        assert [letter.id for letter in await letters(desk)] == [second.id]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE records SET arguments = '{\"chat_id\": 7' WHERE method = 'chats.save'",
        "UPDATE records SET arguments = '[]' WHERE method = 'chats.save'",
        'UPDATE records SET arguments = \'{"chat_id": {"$uuid": "x"}}\' WHERE method = \'chats.save\'',
        "UPDATE records SET keys = 'nothing' WHERE method = 'chats.save'",
        "UPDATE records SET method = 'chats.vanished' WHERE method = 'chats.save'",
        "UPDATE records SET method = 'messages.latest' WHERE method = 'chats.save'",
    ],
)
async def test_a_record_that_cannot_be_read_is_put_aside(
    sqlite_url: str, settings: OutboxSettings, damage: str
) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 7, "private")
        await desk.save(desk.users.save, 1, "Ann")
    with closing(sqlite3.connect(settings.path)) as connection, connection:
        connection.execute(damage)
    async with Support.open(sqlite_url, outbox=settings) as desk:
        await until_written(desk)
        assert await desk.users.get(1) is not None
        assert len(await letters(desk)) == 1


async def test_what_fails_otherwise_is_tried_a_few_times_and_its_key_waits(
    sqlite_url: str, tmp_path: Path, settings: OutboxSettings
) -> None:
    async with Support.open(NOWHERE, outbox=replace(settings, most_tries=1_000)) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.messages.append, 1, 1, None, "first")
        await desk.save(desk.messages.append, 2, 1, None, "second")
        await desk.save(desk.chats.save, 2, "private")
    async with Support.open(sqlite_url):
        pass
    database = tmp_path / "bot.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE messages RENAME COLUMN intent TO intent_gone")
    # The queries do not fit the tables any more: nothing is lost for it.
    with pytest.raises(StatementError):
        await Support.open(sqlite_url, outbox=settings)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE messages RENAME COLUMN intent_gone TO intent")
    async with Support.open(sqlite_url, outbox=replace(settings, most_tries=1_000)) as desk:
        await until_written(desk)
        assert (await texts(desk), await letters(desk)) == (["first", "second"], [])


async def test_a_record_that_goes_on_failing_is_put_aside_in_the_end(
    sqlite_url: str, settings: OutboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.messages.append, 1, 1, None, "first")

    async def fails(self: Any, **arguments: object) -> None:
        tried.append(1)
        raise StatementError("does not fit the tables")

    fails.__sqlstore_replay__ = MessageRepository.append.__sqlstore_replay__  # type: ignore[attr-defined]
    monkeypatch.setattr(MessageRepository, "append", fails)
    async with Support.open(sqlite_url, outbox=replace(settings, most_tries=3)) as desk:
        assert desk.outbox is not None
        backlog = desk.outbox.backlog
        await until(lambda: backlog().dead_letters == 1)
        (letter,) = await letters(desk)
        assert (letter.tries, len(tried) >= 3) == (3, True)
        assert await desk.chats.get(1) is not None


async def test_later_writes_of_a_key_wait_for_one_that_is_tried_again(
    sqlite_url: str, settings: OutboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.chats.save, 2, "private")
        for number in range(3):
            await desk.save(desk.messages.append, number, 1, None, str(number))
        await desk.save(desk.messages.append, 0, 2, None, "elsewhere")
    append, failures = MessageRepository.append, []

    @functools.wraps(append)
    async def fails_at_first(self: MessageRepository, **arguments: Any) -> Message:
        if arguments["text"] == "0" and len(failures) < 4:  # twice: in the batch, and by itself
            failures.append(await self.latest(2))
            raise StatementError("does not fit the tables")
        return await append(self, **arguments)

    monkeypatch.setattr(MessageRepository, "append", fails_at_first)
    async with Support.open(sqlite_url, outbox=settings) as desk:
        await until_written(desk)
        assert await texts(desk) == ["0", "1", "2"]
        assert [message.text for message in failures[-1]] == ["elsewhere"], "others went on meanwhile"
        assert await letters(desk) == []


async def test_what_a_command_dropped_meanwhile_holds_nobody_up(removable: Removable) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        await removable.take_away()
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.users.save, 2, "Ann")
        assert desk.outbox is not None
        with closing(sqlite3.connect(removable.settings.path)) as connection, connection:
            connection.execute("DELETE FROM records WHERE method = 'chats.save'")
        await removable.bring_back()
        await until_written(desk)
        assert (await desk.save(desk.chats.save, 1, "group")).state == "durable"


def test_arguments_come_back_as_they_were() -> None:
    from datetime import UTC, datetime
    from uuid import uuid4

    arguments = {
        "id": uuid4(),
        "at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "list": [1, 2.5, None, True, {"x": [datetime(2026, 1, 2, tzinfo=UTC)]}],
        "looks alike": {"$uuid": "no"},
        "twice": {"$object": {"$time": 1}},
        "empty": {},
    }
    assert unpack(pack(arguments)) == arguments
