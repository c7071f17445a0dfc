"""Old things go, in batches beside live traffic; everything else stays."""

import asyncio
import os
from datetime import timedelta
from itertools import pairwise

import pytest

from examples.diary.diary import Diary
from sqlstore.capabilities.retention import Retention
from sqlstore.engine import sqlite
from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.support import Support
from tests.people import LONG_AGO, PEOPLE, by_hand, contents, peopled

WEEK = timedelta(days=7)


@pytest.mark.parametrize("name", sorted(PEOPLE))
async def test_what_nobody_used_goes_and_the_rest_stays(url, name):
    people = PEOPLE[name]
    old, active = people.persons
    async with peopled(name, url) as store:
        await people.add(store, old, "old")
        for sql in people.make_old:
            await by_hand(store, sql)
        before = await contents(store)
        await people.add(store, active, "new")
        with_both = await contents(store)
        due = await store.due(older_than=WEEK)
        assert await contents(store) == with_both

        removed = await store.cleanup(older_than=WEEK)
        after = await contents(store)
        assert removed[0].rows > 0
        assert (due[0].what, due[0].rows) == (removed[0].what, removed[0].rows)
        for counted in due:
            assert len(after[counted.what]) == len(with_both[counted.what]) - counted.rows
        gone = {table for table in before if set(before[table]) - set(after[table])} - {"tickets"}
        assert gone.isdisjoint({*people.kept, *people.logs} - {"performance_metrics"})
        assert not [row for counted in due for row in after[counted.what] if "'old" in row]
        assert {each.rows for each in await store.cleanup(older_than=WEEK)} == {0}


@pytest.mark.parametrize("name", [name for name in sorted(PEOPLE) if PEOPLE[name].logs])
async def test_logs_go_by_their_own_age(url, name):
    people = PEOPLE[name]
    async with peopled(name, url) as store:
        await people.add(store, people.persons[0], "old")
        for sql in people.make_old:
            await by_hand(store, sql)
        await people.add(store, people.persons[1], "new")
        before = await contents(store)
        removed = await store.cleanup(logs_older_than=WEEK)
        after = await contents(store)
    assert [(each.what, each.rows) for each in removed] == [(people.logs[0], 1)]
    assert len(after[people.logs[0]]) == 1
    assert {table: after[table] for table in after if table not in people.logs} == {
        table: before[table] for table in before if table not in people.logs
    }


async def test_a_ticket_outlives_its_message(url):
    async with Support.open(url) as desk:
        await PEOPLE["support"].add(desk, "501", "old")
        await by_hand(desk, f"UPDATE messages SET created_at = '{LONG_AGO}'")
        await desk.cleanup(older_than=WEEK)
        assert [ticket.message_id for ticket in await desk.tickets.oldest_open()] == [None]


async def test_progress_counts_up_to_what_there_was(url):
    async with Chatbot.open(url) as bot:
        for number in range(40):
            await bot.get_or_create_user(f"web_{number}", "web")
        await by_hand(bot, PEOPLE["chatbot"].make_old[0])
        told = []
        await bot.cleanup(older_than=WEEK, on_progress=lambda *step: told.append(step))
    assert len(told) > 1
    assert told[-1] == ("users", 40, 40)
    assert {total for _, total, _ in told} == {40}


async def test_writers_go_in_between_and_the_log_stays_small(sqlite_url, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKPOINT_BYTES", 256 * 1024)
    async with Chatbot.open(sqlite_url) as bot:
        path = bot.driver.address
        user = await bot.get_or_create_user("web_busy", "web")
        items = [["user", "x" * 2_000, None, None, False, LONG_AGO]] * 20
        async with bot.transaction() as tx:
            for number in range(300):
                old = await tx.get_or_create_user(f"web_{number}", "web")
                await tx.messages.append_many(old.id, items)
        await by_hand(bot, f"UPDATE users SET last_active = '{LONG_AGO}' WHERE id <> {user.id}")
        await bot.driver.checkpoint()
        cleaning = asyncio.create_task(bot.cleanup(older_than=WEEK))
        written, sizes = 0, [0]
        while not cleaning.done():
            await bot.append_message("web_busy", "user", "still here")
            written += 1
            sizes.append(os.stat(f"{path}-wal").st_size)
        assert (await cleaning)[0].rows == 300
        assert await bot.messages.count("web_busy") == written
    assert written >= 10
    assert [size for before, size in pairwise(sizes) if size < before], sizes  # it was cut on the way


async def test_an_interrupted_clean_up_leaves_whole_users_and_goes_on(url):
    async with Chatbot.open(url) as bot:
        for number in range(60):
            await bot.append_message(f"web_{number}", "user", "hello")
        await by_hand(bot, PEOPLE["chatbot"].make_old[0])
        started = asyncio.Event()
        cleaning = asyncio.create_task(bot.cleanup(older_than=WEEK, on_progress=lambda *_: started.set()))
        await started.wait()
        cleaning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cleaning
        left = await contents(bot)
        assert 0 < len(left["users"]) < 60
        assert len(left["messages"]) == len(left["users"])
        assert (await bot.cleanup(older_than=WEEK))[0].rows == len(left["users"])


async def test_an_open_store_cleans_up_by_itself_now_and_then(url):
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_old", "user", "hello")
        await by_hand(bot, PEOPLE["chatbot"].make_old[0])
    retention = Retention(older_than=WEEK, every=timedelta(milliseconds=50))
    async with Chatbot.open(url, retention=retention) as bot:
        for round_trip in range(2):
            while await bot.users.count():
                await asyncio.sleep(0.02)
            await bot.append_message(f"web_{round_trip}", "user", "hello")
            await by_hand(bot, PEOPLE["chatbot"].make_old[0])
    assert not [task for task in asyncio.all_tasks() if "_keep_cleaning" in repr(task)]


async def test_a_retention_that_makes_no_sense_is_refused_at_open(url):
    for retention in (
        Retention(older_than=timedelta(days=-1)),
        Retention(logs_older_than=timedelta(days=-1)),
    ):
        with pytest.raises(InvalidValue, match="negative"):
            async with Chatbot.open(url, retention=retention):
                pass


async def test_an_age_that_makes_no_sense_is_refused(url):
    async with Chatbot.open(url) as bot:
        with pytest.raises(InvalidValue, match="negative"):
            await bot.cleanup(older_than=timedelta(seconds=-1))
        assert (await bot.cleanup(older_than=timedelta.max))[0].rows == 0


@pytest.mark.parametrize("wrong", [timedelta(-1), 7, "7d", float("nan")])
async def test_of_two_ages_one_that_makes_no_sense_deletes_nothing(url, wrong):
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_ann", "user", "hello")
        with pytest.raises(InvalidValue) as refused:
            await bot.cleanup(older_than=timedelta(0), logs_older_than=wrong)
        assert refused.value.parameter == "logs_older_than"
        assert await bot.users.get("web_ann") is not None


async def test_a_store_without_rules_says_so(url):
    async with Diary.open(url) as diary:
        with pytest.raises(ConfigurationError, match=r"no retention\.sql"):
            await diary.cleanup(older_than=WEEK)


async def written(bot):
    """Every row, but for the index, which maintenance brings up to date."""
    return {table: rows for table, rows in (await contents(bot)).items() if "search" not in table}


async def test_maintenance_leaves_every_row(url):
    async with Chatbot.open(url) as bot:
        await PEOPLE["chatbot"].add(bot, "web_ann", "x")
        before = await written(bot)
        await bot.maintain()
        await bot.maintain(vacuum=True)
        assert await written(bot) == before
        statistics = (
            "SELECT count(*) FROM sqlite_stat1"
            if bot.driver.engine == "sqlite"
            else "SELECT count(*) FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'users'"
        )
        assert (await bot.driver.fetch(statistics))[0][0] > 0
