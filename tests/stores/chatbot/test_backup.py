"""backup_database: whole, private, under load; refused where it cannot be."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])


@on_sqlite
async def test_a_backup_opens_as_a_store_and_holds_everything(bot: Chatbot, tmp_path: Path) -> None:
    await bot.append_message("web_1", "user", "hi")
    target = tmp_path / "deep" / "copy.db"
    assert await bot.backup_database(str(target)) is True
    await bot.append_message("web_1", "user", "later")
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700
    assert target.read_bytes()[18:20] == b"\1\1"  # no write-ahead log: one file is the whole backup
    async with Chatbot.open(f"sqlite:///{target}", create=False) as copy:
        assert [message.content for message in await copy.messages.all("web_1")] == ["hi"]


@on_sqlite
async def test_a_backup_without_a_name_lies_beside_the_database(bot: Chatbot, tmp_path: Path) -> None:
    await bot.backup_database()
    found = list((tmp_path / "backups").iterdir())
    assert [path.suffix for path in found] == [".db"]
    assert found[0].name.startswith("bot_2")


@on_sqlite
async def test_an_older_backup_is_replaced(bot: Chatbot, tmp_path: Path) -> None:
    for _ in range(2):
        await bot.append_message("web_1", "user", "hi")
        await bot.backup_database(tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM messages").fetchone() == (2,)


@on_sqlite
async def test_backups_under_load_hold_whole_transactions(bot: Chatbot, tmp_path: Path) -> None:
    async def write(number: int) -> None:
        for turn in range(30):
            history = [{"role": "user", "parts": [{"text": f"{number} {turn} {part}"}]} for part in range(2)]
            await bot.save_history(f"web_{number}_{turn}", history)

    async def back_up() -> None:
        for number in range(5):
            await bot.backup_database(tmp_path / f"copy_{number}.db")

    await asyncio.gather(back_up(), *(write(number) for number in range(4)))
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"copy_{number}.db")) as copy:
            torn = copy.execute(
                "SELECT count(*) FROM users WHERE (SELECT count(*) FROM messages WHERE user_id = users.id) <> 2"
            )
            assert torn.fetchone() == (0,)


@on_sqlite
async def test_the_database_itself_is_no_place_for_its_backup(bot: Chatbot, tmp_path: Path) -> None:
    await bot.append_message("web_1", "user", "hi")
    with pytest.raises(ConfigurationError, match="itself"):
        await bot.backup_database(tmp_path / "bot.db")
    assert await bot.messages.count("web_1") == 1


@on_sqlite
async def test_a_database_in_use_is_never_replaced(bot: Chatbot, tmp_path: Path) -> None:
    async with Chatbot.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        await other.append_message("web_1", "user", "hi")
        with pytest.raises(ConfigurationError, match="in use"):
            await bot.backup_database(tmp_path / "other.db")


@on_sqlite
async def test_a_place_that_cannot_take_it_leaves_nothing(bot: Chatbot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="back up"):
        await bot.backup_database(tmp_path / "file" / "copy.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(ConfigurationError, match="back up"):
        await bot.backup_database(tmp_path / "folder.db")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


async def test_memory_is_not_backed_up(tmp_path: Path) -> None:
    async with Chatbot.open("sqlite://:memory:") as bot:
        with pytest.raises(ConfigurationError, match="memory"):
            await bot.backup_database(tmp_path / "copy.db")


@pytest.mark.parametrize("engine", ["postgres"])
async def test_postgres_is_backed_up_by_its_own_tools(bot: Chatbot, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pg_dump"):
        await bot.backup_database(tmp_path / "copy.db")
