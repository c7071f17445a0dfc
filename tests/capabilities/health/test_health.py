"""A check says how a database is, in time, whatever the database does."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
import uuid
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
import pytest

from sqlstore.capabilities.health import Health, database_health_check
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import ConfigurationError, UsageError
from sqlstore.engine.sqlite_jobs import Work
from sqlstore.stores.lessons import Lessons
from sqlstore.stores.support import Support
from tests.engine.postgres_support import postgres_address
from tests.engine.proxy import proxy
from tests.own_postgres import own_postgres

SECRET = "s3cr3t-canary"
SLACK_S = 1.0
"""What a busy machine may add to a deadline."""


@asynccontextmanager
async def within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds + SLACK_S


def path_of(url):
    return Path(url.removeprefix("sqlite:///"))


def through(port, url, **changes):
    """The URL of the same database by way of a port of this machine."""
    address = postgres_address(url)
    password = changes.get("password", address.password or "")
    options = f"schema={address.schema}&sslmode=disable{changes.get('options', '')}"
    return f"postgresql://{address.user}:{password}@127.0.0.1:{port}/{address.database}?{options}"


@pytest.fixture
async def network(postgres_url):
    """A proxy before the test's database."""
    async with proxy(*postgres_address(postgres_url).hosts[0]) as running:
        yield running


async def test_an_open_store_is_healthy(url, engine):
    async with Support.open(url) as desk:
        health = await database_health_check(desk)
    assert (health.status, health.engine, health.store) == ("healthy", engine, "support")
    assert (health.problem, health.error, health.pending) == (None, None, ())
    assert health.server_version[0].isdigit()
    assert 0 < health.latency_ms < 5000
    assert health.pool.in_use == health.pool.waiting == 0
    assert health.pool.idle >= 1
    assert (health.wal_bytes is None) == (health.disk_free_bytes is None) == (engine == "postgres")


async def test_a_database_in_memory_is_healthy():
    async with Support.open("sqlite://:memory:") as desk:
        health = await database_health_check(desk)
    assert health.status == "healthy"
    assert (health.wal_bytes, health.disk_free_bytes) == (None, None)


async def test_a_url_is_checked_with_a_connection_of_its_own(url):
    async with Support.open(url):
        pass
    assert (await database_health_check(url)).pending is None
    health = await database_health_check(url, store=Support)
    assert (health.status, health.pending, health.pool) == ("healthy", (), None)


async def test_pending_migrations_are_unhealthy_and_stay_pending(url):
    driver = make_driver(url)
    await driver.open()
    await driver.close()
    for _ in range(2):
        health = await database_health_check(url, store=Lessons)
        assert (health.status, health.error) == ("unhealthy", None)
        assert health.pending[0] == 1
        assert "migrate up --store lessons" in health.problem


async def test_tables_of_another_store_are_unhealthy(url):
    async with Support.open(url):
        pass
    health = await database_health_check(url, store=Lessons)
    assert health.status == "unhealthy"
    assert "migrate up" not in health.problem  # it would be refused


async def test_a_missing_file_is_away_and_stays_missing(sqlite_url):
    health = await database_health_check(sqlite_url)
    assert (health.status, health.error) == ("away", "ConfigurationError")
    assert not path_of(sqlite_url).exists()


async def test_a_file_that_is_no_database_is_unhealthy(sqlite_url):
    path_of(sqlite_url).write_bytes(b"not a database, " * 1000)
    health = await database_health_check(sqlite_url)
    assert (health.status, health.error) == ("unhealthy", "CorruptDatabase")


async def test_a_damaged_table_of_contents_is_unhealthy(sqlite_url):
    async with Support.open(sqlite_url):
        pass
    with path_of(sqlite_url).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)
    health = await database_health_check(sqlite_url, store=Support)
    assert (health.status, health.error) == ("unhealthy", "CorruptDatabase")


async def test_a_file_that_was_deleted_under_an_open_store_is_unhealthy(sqlite_url):
    async with Support.open(sqlite_url) as desk:
        for companion in path_of(sqlite_url).parent.glob("bot.db*"):
            companion.unlink()
        health = await database_health_check(desk)
    assert (health.status, health.error) == ("unhealthy", "CorruptDatabase")


async def test_a_file_that_another_process_keeps_to_itself_is_away_in_time(sqlite_url):
    async with Support.open(sqlite_url):
        pass
    with sqlite3.connect(path_of(sqlite_url)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("CREATE TABLE mine (id)")
        async with within(0.8):
            health = await database_health_check(sqlite_url, timeout_s=0.8)
    holder.close()
    assert health.status == "away"


async def test_a_disk_that_hangs_is_away_in_time(sqlite_url):
    async with Support.open(sqlite_url) as desk:
        hanging = threading.Event()
        jobs = [
            asyncio.ensure_future(worker.do(Work(time.monotonic() + 60, lambda _: hanging.wait(5))))
            for worker in desk.driver._workers[1:]
        ]
        await asyncio.sleep(0)
        async with within(0.6):
            health = await database_health_check(desk, timeout_s=0.6)
        assert (health.status, health.error) == ("away", "DeadlineExceeded")
        assert health.pool.waiting >= 0
        hanging.set()
        await asyncio.gather(*jobs)
        assert (await database_health_check(desk)).status == "healthy"


async def test_inside_a_transaction_it_is_used_wrongly(url):
    async with Support.open(url) as desk, desk.transaction():
        with pytest.raises(UsageError):
            await database_health_check(desk)


async def test_a_closed_store_is_away(url):
    async with Support.open(url) as desk:
        pass
    health = await database_health_check(desk)
    assert (health.status, health.error) == ("away", "UsageError")


async def test_a_url_that_cannot_be_read_is_an_error():
    with pytest.raises(ConfigurationError) as caught:
        await database_health_check(f"mysql://bot:{SECRET}@host/db")
    assert SECRET not in str(caught.value)


async def test_a_stalled_network_is_away_in_time(network, postgres_url):
    async with Support.open(through(network.port, postgres_url)) as desk:
        network.stall()
        async with within(0.6):
            health = await database_health_check(desk, timeout_s=0.6)
        assert (health.status, health.error) == ("away", "DeadlineExceeded")
        network.flow()
        assert (await database_health_check(desk)).status == "healthy"


async def test_a_url_behind_a_stalled_network_is_away_in_time(network, postgres_url):
    network.stall()
    async with within(0.6):
        health = await database_health_check(through(network.port, postgres_url), timeout_s=0.6)
    assert health.status == "away"
    assert f"127.0.0.1:{network.port} did not answer" in health.problem


async def test_a_network_that_stalls_at_the_last_question_is_away_in_time(network, postgres_url):
    network.stall_at = b"transaction_read_only"
    async with within(0.6):
        health = await database_health_check(through(network.port, postgres_url), timeout_s=0.6)
    assert (health.status, health.error) == ("away", "DeadlineExceeded")


async def test_a_pool_that_is_used_up_is_away_and_shows_why(postgres_url):
    async with Support.open(f"{postgres_url}&pool_size=1") as desk:
        held = await desk.driver.begin()
        async with within(0.5):
            health = await database_health_check(desk, timeout_s=0.5)
        await held.rollback()
    assert (health.status, health.error) == ("away", "DeadlineExceeded")
    assert (health.pool.limit, health.pool.in_use, health.pool.idle) == (1, 1, 0)


async def test_a_server_that_takes_no_writes_is_unhealthy(postgres_server, postgres_url):
    role = f"reader_{uuid.uuid4().hex[:8]}"
    owner = await asyncpg.connect(postgres_server)
    await owner.execute(f"CREATE ROLE {role} LOGIN; ALTER ROLE {role} SET default_transaction_read_only = on")
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as server:
        url = through(server.port, postgres_url).replace(f"//{address.user}:", f"//{role}:")
        health = await database_health_check(url)
    await owner.execute(f"DROP ROLE {role}")
    await owner.close()
    assert (health.status, health.error) == ("unhealthy", None)
    assert "takes no writes" in health.problem


async def test_cancelling_a_check_leaves_nothing_behind(network, postgres_url):
    async with Support.open(through(network.port, postgres_url)) as desk:
        before = asyncio.all_tasks()
        network.stall()
        check = asyncio.create_task(database_health_check(desk, timeout_s=5))
        await asyncio.sleep(0.05)
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        network.flow()
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() <= before
        assert (await database_health_check(desk)).status == "healthy"


@pytest.mark.slow
async def test_a_wrong_password_is_away_and_is_not_told():
    with own_postgres() as server:
        rules = (server.data / "pg_hba.conf").read_text()
        (server.data / "pg_hba.conf").write_text(f"local all bot scram-sha-256\n{rules}")
        owner = await asyncpg.connect(server.url)
        await owner.execute("CREATE ROLE bot LOGIN PASSWORD 'right'; SELECT pg_reload_conf()")
        await owner.close()
        wrong = server.url.replace("//postgres:", f"//bot:{SECRET}")
        for attempt in range(50):  # the server reads its rules again when it gets round to it
            health = await database_health_check(wrong)
            if health.status == "away":
                break
            await asyncio.sleep(0.02 * attempt)
        right = await database_health_check(server.url.replace("//postgres:", "//bot:right"))
    assert (health.status, health.error) == ("away", "AuthenticationFailed")
    assert SECRET not in repr(health) + msgspec.json.encode(health).decode()
    assert right.status == "healthy"


@pytest.mark.slow
async def test_a_server_that_is_stopped_dead_is_away_in_time():
    with own_postgres() as server:
        async with Support.open(server.url) as desk:
            await database_health_check(desk)
            stopped = server.process_ids
            try:
                for process in stopped:
                    os.kill(process, signal.SIGSTOP)
                for check in (
                    partial(database_health_check, desk),
                    partial(database_health_check, server.url),
                ):
                    async with within(0.7):
                        health = await check(timeout_s=0.7)
                    assert health.status == "away", health
            finally:
                for process in stopped:
                    os.kill(process, signal.SIGCONT)
            assert (await database_health_check(desk)).status == "healthy"


def test_json_has_every_field():
    shown = msgspec.json.decode(msgspec.json.encode(Health(status="healthy", engine="sqlite")))
    assert list(shown) == [field.name for field in msgspec.structs.fields(Health)]
