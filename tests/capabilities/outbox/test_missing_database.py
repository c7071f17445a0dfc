"""A SQLite file that is missing beside its outbox was lost: nobody makes an empty one in its place."""

import asyncio
from pathlib import Path

import pytest

from sqlstore.capabilities.outbox import OutboxFile, OutboxSettings
from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter
from sqlstore.engine.errors import CorruptDatabase
from sqlstore.stores.support import Support


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def beside(path: Path) -> OutboxSettings:
    return OutboxSettings(path.with_name("bot.outbox.db"), patience_s=1, first_pause_s=0.01)


async def use(path: Path, outbox: OutboxSettings) -> None:
    async with Support.open(f"sqlite:///{path}", outbox=outbox) as desk:
        assert (await desk.save(desk.chats.save, 1, "private")).state == "durable"


async def test_it_is_refused_with_a_sentence(path: Path, beside: OutboxSettings) -> None:
    await use(path, beside)
    path.unlink()
    with pytest.raises(
        CorruptDatabase, match=r"bot\.db is missing but bot\.outbox\.db lies beside it.*put it back"
    ):
        await Support.open(f"sqlite:///{path}")
    assert not path.exists()


async def test_with_the_outbox_open_it_counts_as_away_until_it_is_put_back(
    path: Path, beside: OutboxSettings, caplog: pytest.LogCaptureFixture
) -> None:
    await use(path, beside)
    elsewhere = path.rename(path.with_name("elsewhere.db"))
    async with Support.open(f"sqlite:///{path}", outbox=beside) as desk:
        assert "bot.db is missing but bot.outbox.db lies beside it" in caplog.text
        assert (await desk.save(desk.chats.save, 2, "private")).state == "spooled"
        elsewhere.rename(path)
        # It also tries by itself: whoever comes first connects, once, or a driver would stay open.
        assert await asyncio.gather(*(desk.replay_outbox() for _ in range(3))) == [True] * 3
        assert [chat.id for chat in await desk.chats.list()] == [1, 2]


async def test_the_first_start_makes_both_even_after_a_kill_between_them(
    path: Path, beside: OutboxSettings
) -> None:
    outbox = OutboxFile(beside)
    await outbox.open()
    await outbox.close()
    await use(path, beside)


async def test_an_outbox_that_nothing_was_made_in_is_no_sign(path: Path, beside: OutboxSettings) -> None:
    async with Support.open("postgresql://nobody@127.0.0.1:1/nothing", outbox=beside) as desk:
        await desk.save(desk.chats.save, 1, "private")
    async with Support.open(f"sqlite:///{path}", outbox=beside) as desk:
        assert await desk.replay_outbox()
        assert await desk.chats.get(1) is not None


async def test_an_outbox_that_cannot_be_read_counts(path: Path, beside: OutboxSettings) -> None:
    beside.path.write_bytes(b"no database " * 100)
    with pytest.raises(CorruptDatabase, match=r"bot\.outbox\.db lies beside it"):
        await Support.open(f"sqlite:///{path}")


async def test_the_tutoring_bot_is_refused_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_PATH", str(path))
    database = DatabaseManager()
    async with PersistenceAdapter(database):
        pass
    await database.close()
    assert path.exists()
    path.unlink()
    with pytest.raises(CorruptDatabase, match=r"bot\.outbox\.db lies beside it"):
        await Support.open(f"sqlite:///{path}")
