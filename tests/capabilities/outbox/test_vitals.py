"""What metrics and the health check say of an outbox."""

import gc
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from sqlstore.capabilities.health import database_health_check
from sqlstore.capabilities.metrics import prometheus_metrics
from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.capabilities.outbox.applied import applied_queries
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.support import Support

from .conftest import Removable, until_written
from .test_save import NOWHERE


async def test_the_metrics_show_what_waits_and_what_was_put_aside(url: str, settings: OutboxSettings) -> None:
    registry = CollectorRegistry()
    metrics = prometheus_metrics(registry)

    def values() -> list[float | None]:
        names = ("records", "bytes", "oldest_seconds", "dead_letters", "database_away")
        return [registry.get_sample_value(f"db_outbox_{name}", {"store": "support"}) for name in names]

    async with Support.open(NOWHERE, outbox=settings, observers=[metrics]) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.messages.append, 1, 404, None, "x")
        records, size, oldest, dead, away = values()
        assert (records, dead, away) == (2, 0, 1)
        assert size and oldest is not None and oldest > 0
    del desk
    gc.collect()  # the closed store is not asked any more
    async with Support.open(url, outbox=settings, observers=[metrics]) as desk:
        await until_written(desk)
        assert values() == [0, 0, 0, 1, 0]


async def test_the_health_of_an_open_store_shows_its_outbox(removable: Removable) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        health = await database_health_check(desk)
        assert health.outbox is not None
        assert (health.status, health.outbox.records, health.outbox.away) == ("healthy", 0, False)
        await removable.take_away()
        await desk.save(desk.chats.save, 1, "private")
        health = await database_health_check(desk, timeout_s=1)
        assert health.outbox is not None
        assert (health.outbox.records, health.outbox.away) == (1, True)
        await removable.bring_back()
    async with Support.open(removable.direct_url) as desk:
        assert (await database_health_check(desk)).outbox is None


async def test_a_store_opened_without_its_database_says_so(settings: OutboxSettings) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        health = await database_health_check(desk)
        assert (health.status, health.error) == ("away", "Unavailable")
        assert health.problem is not None
        assert "was away when the store was opened" in health.problem


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_old_rows_of_outbox_applied_are_forgotten(url: str, settings: OutboxSettings) -> None:
    async with Chatbot.open(url, outbox=settings) as bot:
        await bot.save(bot.append_message, "web_1", "user", "x")
        await bot.save(bot.append_message, "web_1", "user", "y")
        count = "SELECT count(*) FROM outbox_applied"
        assert await bot.driver.fetch(count) == [(2,)]
        await bot.forget_applied()
        assert await bot.driver.fetch(count) == [(2,)]
        await bot.driver.call(applied_queries("sqlite").remember, "old", datetime(2020, 1, 1, tzinfo=UTC))
        await bot.maintain()
        assert await bot.driver.fetch(count) == [(2,)]
