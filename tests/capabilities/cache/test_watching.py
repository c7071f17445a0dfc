"""What health checks, commands and metrics say about the cache."""

import json
import logging

import httpx
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from sqlstore.adapters.fastapi import health_router
from sqlstore.capabilities.cache import CacheHealth, RedisCache
from sqlstore.capabilities.health import database_health_check
from sqlstore.capabilities.metrics import prometheus_metrics
from sqlstore.cli import main
from sqlstore.stores.conversations import Conversations
from tests.own_redis import OwnRedis, own_redis

from .conftest import Uses, cached_store

SECRET = "s3cr3t-canary"
REFUSED = CacheHealth(status="away", error="ConnectionError")


@pytest.fixture
def switched_on(redis: OwnRedis, monkeypatch, tmp_path) -> None:
    """SQLSTORE_CACHE=1, and where the test's server is."""
    monkeypatch.chdir(tmp_path)
    for name in ("SQLSTORE_URL", "REDIS_URL", "REDIS_DB", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TTL_S"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SQLSTORE_CACHE", "1")
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(redis.port))


async def test_a_health_check_says_how_the_cache_is(store: Conversations, url: str, redis: OwnRedis) -> None:
    health = await database_health_check(store)
    assert health.cache is not None
    assert (health.cache.status, health.cache.error) == ("up", None)
    assert health.cache.latency_ms is not None
    assert 0 < health.cache.latency_ms < 5_000
    redis.stop()
    for checked in (
        await database_health_check(store),
        await database_health_check(url, cache=RedisCache(redis.url)),
    ):
        assert (checked.status, checked.problem, checked.cache) == ("healthy", None, REFUSED)
    redis.start()
    for _ in range(2):
        health = await database_health_check(store)
        assert health.cache is not None
        assert health.cache.status == "up"
    assert (await database_health_check(url)).cache is None


async def test_a_health_check_that_finds_the_cache_well_again_lets_it_be_used(
    store: Conversations, chat: str, redis: OwnRedis, uses: Uses
) -> None:
    redis.stop()
    for _ in range(5):
        await store.messages.history(chat)
    redis.start()
    uses.taken()
    await store.messages.history(chat)
    await database_health_check(store)
    await store.messages.history(chat)
    assert uses.taken() == ["skipped", "miss"]


async def test_a_frozen_cache_does_not_keep_a_health_check_waiting(
    store: Conversations, redis: OwnRedis
) -> None:
    assert store.cache is not None
    store.cache._client.deadline_s = 0.1
    redis.freeze()
    health = await database_health_check(store)
    assert health.status == "healthy"
    assert health.cache == CacheHealth(status="away", error="DeadlineExceeded")


async def test_over_http_a_cache_that_is_away_is_200_and_its_place_not_shown(url: str, tmp_path) -> None:
    with own_redis(tmp_path, password=SECRET) as redis:
        async with cached_store(url, redis.url) as store:
            application = FastAPI()
            application.include_router(health_router(store))
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                well = await client.get("/health/database")
                redis.stop()
                away = await client.get("/health/database")
    assert (well.status_code, well.json()["cache"]["status"]) == (200, "up")
    assert (away.status_code, away.json()["cache"]) == (
        200,
        {"status": "away", "latency_ms": None, "error": "ConnectionError"},
    )
    for answer in (well, away):
        assert SECRET not in answer.text
        assert str(redis.port) not in answer.text


def test_the_commands_name_the_cache_and_try_it(switched_on, url: str, redis: OwnRedis) -> None:
    place = f"redis://127.0.0.1:{redis.port}/0"
    run = CliRunner().invoke
    made = run(main, ["setup", "--url", url])
    assert (made.exit_code, made.output.splitlines()[1].startswith(f"cache: {place}, up, ")) == (0, True)
    assert run(main, ["setup", "--info", "--url", url]).output.splitlines()[1:] == [f"cache: {place}"]
    tried = json.loads(run(main, ["setup", "--test", "--json", "--url", url]).output)
    assert (tried["cache"]["place"], tried["cache"]["health"]["status"]) == (place, "up")
    assert "\ncache: up, " in run(main, ["health", "--url", url]).output
    redis.stop()
    for command in (["setup"], ["setup", "--test"], ["health"]):
        done = run(main, [*command, "--url", url])
        assert done.exit_code == 0
        assert done.output.endswith("away (ConnectionError); the database answers alone\n")
    shown = json.loads(run(main, ["health", "--json", "--url", url]).output)
    assert (shown["status"], shown["cache"]["status"]) == ("healthy", "away")


def test_without_a_cache_the_commands_say_nothing_of_it(switched_on, monkeypatch, url: str) -> None:
    monkeypatch.setenv("SQLSTORE_CACHE", "0")
    run = CliRunner().invoke
    assert len(run(main, ["setup", "--url", url]).output.splitlines()) == 1
    assert json.loads(run(main, ["setup", "--json", "--url", url]).output)["cache"] is None
    assert "cache" not in run(main, ["health", "--url", url]).output


async def test_erasing_a_person_with_a_cache_that_is_away_says_so(
    store: Conversations, chat: str, redis: OwnRedis, caplog
) -> None:
    redis.stop()
    receipt = await store.erase_person("1")
    assert [each.rows for each in receipt.rows] == [1, 5]
    (record,) = [record for record in caplog.records if record.name == "sqlstore.capabilities.upkeep"]
    assert (record.levelno, record.store) == (logging.WARNING, "conversations")
    assert "was not emptied" in record.getMessage()


async def test_what_the_cache_did_is_counted(url: str, redis: OwnRedis) -> None:
    registry = CollectorRegistry()
    async with Conversations.open(
        url, cache=RedisCache(redis.url), observers=[prometheus_metrics(registry)]
    ) as store:
        assert store.cache is not None
        store.cache._client.deadline_s = 5.0
        chat = (await store.conversations.create(1)).id
        await store.messages.append(chat, "user", "canary")
        for _ in range(3):
            await store.messages.history(chat)
        redis.stop()
        for _ in range(5):
            await store.messages.history(chat)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"store": "conversations", **labels})

    found = {
        outcome: value("db_cache_reads_total", outcome=outcome)
        for outcome in ("hit", "miss", "error", "skipped")
    }
    assert found == {"hit": 2, "miss": 1, "error": 3, "skipped": 2}
    assert value("db_cache_errors_total", error="ConnectionError") == 3
    assert 0 < (value("db_cache_seconds_total") or 0) < 40
