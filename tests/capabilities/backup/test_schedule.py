"""Every night by the store's clock: made up for, made once, and given up when the store closes."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from sqlstore.capabilities.backup import BackupSchedule, list_backups
from sqlstore.capabilities.backup.manifest import rewrite_manifest
from sqlstore.capabilities.backup.schedule import back_up_if_due
from sqlstore.engine.backup import backup_source
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import visible

BERLIN, BANGKOK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Bangkok")
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "zone", "now", "last", "following"),
    [
        ("02:00", BANGKOK, "2026-01-02T01:59", "2026-01-01T02:00", "2026-01-02T02:00"),
        ("02:00", BANGKOK, "2026-01-02T02:00", "2026-01-02T02:00", "2026-01-03T02:00"),
        ("23:30", BERLIN, "2026-01-02T00:10", "2026-01-01T23:30", "2026-01-02T23:30"),
        # clocks are put forward from 2 to 3 on 29 March 2026, and back from 3 to 2 on 25 October
        ("02:30", BERLIN, "2026-03-29T12:00", "2026-03-29T03:30", "2026-03-30T02:30"),
        ("02:00", BERLIN, "2026-03-28T12:00", "2026-03-28T02:00", "2026-03-29T03:00"),
        ("02:30", BERLIN, "2026-10-25T12:00", "2026-10-25T02:30", "2026-10-26T02:30"),
    ],
)
def test_when_it_is_due(clock, zone, now, last, following):
    schedule = BackupSchedule(clock)
    moment = at(now, zone)
    assert schedule.last_due(moment, zone).astimezone(UTC) == at(last, zone)
    assert schedule.next_due(moment, zone).astimezone(UTC) == at(following, zone)


@pytest.mark.parametrize("zone", [BERLIN, BANGKOK, ZoneInfo("America/Havana"), ZoneInfo("Pacific/Apia")])
@pytest.mark.parametrize("clock", ["00:00", "00:30", "02:00", "02:30"])
def test_every_moment_lies_between_two_nights(zone, clock):
    schedule = BackupSchedule(clock)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        last, following = schedule.last_due(moment, zone), schedule.next_due(moment, zone)
        assert last <= moment < following
        assert timedelta(hours=22) < following.astimezone(UTC) - last.astimezone(UTC) < timedelta(hours=26)
        moment += timedelta(hours=3, minutes=37)


@pytest.mark.parametrize("wrong", ["2", "24:00", "02:60", "2 o'clock", ""])
def test_a_time_that_is_none(wrong):
    with pytest.raises(ConfigurationError, match="such as 02:00"):
        BackupSchedule(wrong)
    with pytest.raises(ConfigurationError, match="1 or more"):
        BackupSchedule(keep=0)


@on_sqlite
async def test_a_missed_night_is_made_up_for_once(bot, tmp_path):
    source, schedule = backup_source(bot.driver), BackupSchedule(folder=tmp_path / "backups", keep=2)
    first = await back_up_if_due(source, schedule, BANGKOK)
    assert first is not None
    assert await back_up_if_due(source, schedule, BANGKOK) is None
    # the last one is from the night before last, or from the future
    for moved in (-timedelta(days=2), timedelta(hours=1)):
        newest = list_backups(tmp_path / "backups")[0]
        changed = msgspec.structs.replace(newest.manifest, created_at=datetime.now(UTC) + moved)
        for each in list_backups(tmp_path / "backups"):
            rewrite_manifest(each.file, changed)
        assert await back_up_if_due(source, schedule, BANGKOK) is not None
        assert await back_up_if_due(source, schedule, BANGKOK) is None
    assert len(visible(tmp_path / "backups")) == 2


@on_sqlite
async def test_of_several_one_makes_it(bot, url, tmp_path):
    async with Chatbot.open(url) as other:
        schedule = BackupSchedule(folder=tmp_path / "backups")
        sources = [backup_source(store.driver) for store in (bot, other)]
        made = await asyncio.gather(
            *(back_up_if_due(source, schedule, BANGKOK) for source in sources for _ in range(3))
        )
    assert len([each for each in made if each]) == 1
    assert len(visible(tmp_path / "backups")) == 1


async def test_a_store_backs_itself_up_while_it_is_open(url, tmp_path):
    schedule = BackupSchedule("02:00", folder=tmp_path / "backups")
    async with Chatbot.open(url, backups=schedule, timezone="Asia/Bangkok") as bot:
        await bot.append_message("web_1", "user", "hi")
        async with asyncio.timeout(20):
            while not list_backups(tmp_path / "backups"):
                await asyncio.sleep(0.01)
        (task,) = bot._tasks
        assert not task.done()
    assert task.cancelled()
    assert len(visible(tmp_path / "backups")) == 1


async def test_no_backups_unless_asked_for(bot):
    assert bot._tasks == []


async def test_closing_gives_up_a_backup_that_is_being_made(url, tmp_path):
    store = await Chatbot.open(url, backups=BackupSchedule(folder=tmp_path / "backups"))
    while not (tmp_path / "backups").exists():
        await asyncio.sleep(0)
    async with asyncio.timeout(2.5):
        await store.close()
    assert [name for name in visible(tmp_path / "backups") if name.startswith(".")] == []


@on_sqlite
async def test_a_failure_is_logged_and_the_bot_goes_on(url, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    schedule = BackupSchedule(folder=tmp_path / "file")
    async with Chatbot.open(url, backups=schedule) as bot:
        async with asyncio.timeout(10):
            while "scheduled backup" not in caplog.text:
                await asyncio.sleep(0.01)
        await bot.append_message("web_1", "user", "hi")
        assert not bot._tasks[0].done()
    assert "Not a directory" in caplog.text


async def test_what_cannot_work_is_refused_when_the_store_opens(sqlite_url):
    with pytest.raises(ConfigurationError, match="timezone"):
        await Chatbot.open(sqlite_url, backups=BackupSchedule(), timezone="Nowhere")
    with pytest.raises(ConfigurationError, match="memory"):
        await Chatbot.open("sqlite://:memory:", backups=BackupSchedule())
