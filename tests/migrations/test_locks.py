"""Other sessions are in the way: tables that they hold, deadlocks, runners in between."""

import asyncio
import time

import asyncpg
import pytest

from sqlstore.engine.migration_session import open_session
from sqlstore.migrations import LockTimeout, MigrationFailed, MigrationSource, accept, load, migrate
from sqlstore.migrations.run import Run


@pytest.mark.parametrize("limit_ms", [100, 300])
async def test_readers_wait_no_longer_than_the_lock_timeout(postgres_shop, connection, limit_ms):
    """A waiting ALTER TABLE stands before every reader that comes after it."""
    postgres_shop.write("0001_t", "CREATE TABLE t (id bigint);")
    await postgres_shop.migrate()
    postgres_shop.write("0002_t", f"-- migrate: lock-timeout={limit_ms}ms\nALTER TABLE t ADD x text;")
    holder = connection.transaction()
    await holder.start()
    await connection.execute("SELECT * FROM t")
    address, _, schema = postgres_shop.url.rpartition("schema=")
    reader = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
    tries = 0

    def watch(event):
        nonlocal tries
        tries += event.phase == "retry"

    migrating = asyncio.create_task(postgres_shop.migrate(on_event=watch))
    worst_s = 0.0
    try:
        async with asyncio.timeout(20):
            while tries < 3:
                started = time.monotonic()
                await reader.fetch("SELECT * FROM t")
                worst_s = max(worst_s, time.monotonic() - started)
                await asyncio.sleep(0.002)
        await holder.rollback()
        await migrating
    finally:
        migrating.cancel()
        await reader.close(timeout=5)
    assert limit_ms / 2000 < worst_s < limit_ms / 1000 + 0.2
    assert await postgres_shop.applied() == [1, 2]


async def test_a_lock_that_is_never_free_ends_the_tries_and_says_why(postgres_shop, connection, monkeypatch):
    monkeypatch.setattr("sqlstore.engine.postgres_migrations._MOST_TRIES", 2)  # 10 of them take a minute
    postgres_shop.write("0001_t", "CREATE TABLE t (id bigint);")
    await postgres_shop.migrate()
    postgres_shop.write("0002_t", "-- migrate: lock-timeout=50ms\nALTER TABLE t ADD x text;")
    async with connection.transaction():
        await connection.execute("SELECT * FROM t")
        with pytest.raises(MigrationFailed, match="lock timeout") as caught:
            await postgres_shop.migrate()
    assert (caught.value.code, caught.value.rolled_back) == ("55P03", True)
    await postgres_shop.migrate()


async def test_a_migration_that_deadlocks_with_others_is_run_again(postgres_shop, connection):
    postgres_shop.write("0001_t", "CREATE TABLE a (id bigint); CREATE TABLE b (id bigint);")
    await postgres_shop.migrate()
    postgres_shop.write(
        "0002_t", "LOCK a IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.5); LOCK b IN ACCESS EXCLUSIVE MODE;"
    )
    retried = asyncio.Event()
    other = connection.transaction()
    await other.start()
    await connection.execute("SET LOCAL deadlock_timeout = '10s'; LOCK b IN ACCESS EXCLUSIVE MODE")
    migrating = asyncio.create_task(
        postgres_shop.migrate(on_event=lambda event: retried.set() if event.phase == "retry" else None)
    )
    await asyncio.sleep(0.3)
    theirs = asyncio.create_task(connection.execute("LOCK a IN ACCESS EXCLUSIVE MODE"))
    await asyncio.wait_for(retried.wait(), 20)
    await theirs
    await other.rollback()
    await migrating
    assert await postgres_shop.applied() == [1, 2]


async def test_edits_of_the_book_wait_for_the_lock_too(shop, tmp_path):
    shop.write_two()
    await shop.migrate()
    shop.write("0001_users", "CREATE TABLE users (id integer);")
    other = tmp_path / "other"
    other.mkdir()
    (other / "0001_slow.sql").write_text(shop.slow(1.5))
    started = asyncio.Event()

    async def run_other() -> None:
        async with shop.driver() as driver:
            source = MigrationSource("other", other)
            await migrate(driver, source, on_event=lambda event: event.phase == "started" and started.set())

    running = asyncio.create_task(run_other())
    await started.wait()
    await asyncio.sleep(0.3)
    async with shop.driver() as driver:
        with pytest.raises(LockTimeout):
            await accept(driver, shop.source, 1, "edited", lock_wait_s=0.1)
        await accept(driver, shop.source, 1, "edited", lock_wait_s=20)
    await running


async def test_another_runner_between_two_migrations_is_noticed(shop):
    """The history is not read again where nobody changed it; where somebody did, it is."""
    shop.write_two()
    shop.write("0003_t", "CREATE TABLE t (id bigint);")
    files = load(shop.source, shop.engine)
    run = Run("shop", 3, None)
    async with (
        shop.driver() as driver,
        open_session(driver, lock_wait_s=5, notify=run.notify) as session,
    ):
        await run.apply(session, files[0], files)
        await asyncio.to_thread(lambda: asyncio.run(shop.migrate(to=2)))
        await run.apply(session, files[1], files)
        await run.apply(session, files[2], files)
    assert [step.version for step in run.steps] == [1, 3]
    assert await shop.applied() == [1, 2, 3]


async def test_the_runners_connection_is_closed_at_the_end(postgres_shop):
    postgres_shop.write_two()
    async with postgres_shop.driver() as driver:
        await migrate(driver, postgres_shop.source)
        query = (
            "SELECT count(*) FROM pg_stat_activity "
            f"WHERE application_name = 'sqlstore migrations' AND query LIKE '%{postgres_shop.url[-8:]}%'"
        )
        async with asyncio.timeout(5):
            while await driver.fetch(query) != [(0,)]:
                await asyncio.sleep(0.05)
