"""What PostgreSQL runs outside transactions only, and what is left of it after a failure or a kill."""

import asyncio
import subprocess

import pytest

from sqlstore.migrations import HistoryError, MigrationError, MigrationFailed, down, migrate, resolve

INDEX = "-- migrate: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY by_name ON users (name);\n"
DROP = "-- migrate: down\nDROP INDEX CONCURRENTLY by_name;\n"
UNFINISHED = "UPDATE migrations SET state = 'started' WHERE version = 3"


@pytest.fixture
async def indexed(postgres_shop):
    """Two migrations applied; the third makes an index."""
    postgres_shop.write_two()
    await postgres_shop.migrate()
    postgres_shop.write("0003_index", INDEX + DROP)
    return postgres_shop


async def index_is_valid(connection) -> bool | None:
    return await connection.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('by_name')"
    )


async def states(connection) -> dict[int, str]:
    return dict(await connection.fetch("SELECT version, state FROM migrations"))


async def test_an_index_is_made_and_dropped_outside_transactions(indexed, connection):
    await indexed.migrate()
    assert (await states(connection))[3] == "applied"
    assert await index_is_valid(connection)
    await indexed.down()
    assert await states(connection) == {1: "applied", 2: "applied"}
    assert await index_is_valid(connection) is None


async def test_runners_at_once_make_it_once(indexed, connection):
    reports = await asyncio.gather(*(indexed.migrate() for _ in range(4)))
    assert sorted(len(report.steps) for report in reports) == [0, 0, 0, 1]
    assert await index_is_valid(connection)


async def test_a_failure_leaves_no_broken_index_and_the_mended_data_just_run(indexed, connection):
    await connection.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')")
    with pytest.raises(MigrationFailed, match="NOT rolled back") as caught:
        await indexed.migrate()
    assert (caught.value.line, caught.value.code) == (2, "23505")
    assert await index_is_valid(connection) is None
    assert await states(connection) == {1: "applied", 2: "applied"}
    await connection.execute("DELETE FROM users WHERE id = 2")
    await indexed.migrate()
    assert await index_is_valid(connection)


async def test_an_index_of_that_name_that_was_there_before_stays(indexed, connection):
    await connection.execute("CREATE INDEX by_name ON users (id)")
    with pytest.raises(MigrationFailed) as caught:
        await indexed.migrate()
    assert caught.value.code == "42P07"
    assert await index_is_valid(connection)
    assert 3 not in await states(connection)


@pytest.mark.parametrize("state", ["valid", "invalid", "absent"])
async def test_an_index_whose_runner_died_is_looked_at(indexed, connection, state):
    """As the runner leaves it: the row says started; the index was finished, was not, or was never begun."""
    await indexed.migrate()
    await connection.execute(UNFINISHED)
    if state != "valid":
        await connection.execute("DROP INDEX by_name")
    if state == "invalid":
        await connection.execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')")
        with pytest.raises(Exception, match="could not create unique"):
            await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY by_name ON users (name)")
        assert await index_is_valid(connection) is False
        await connection.execute("DELETE FROM users WHERE id = 2")
    assert (await indexed.status()).migrations[2].mark == "unfinished"
    report = await indexed.migrate()
    assert len(report.steps) == (0 if state == "valid" else 1)
    assert await index_is_valid(connection)
    assert (await states(connection))[3] == "applied"


@pytest.mark.slow
async def test_a_runner_that_is_killed_while_it_makes_an_index(indexed, connection):
    writer = connection.transaction()
    await writer.start()
    await connection.execute("INSERT INTO users VALUES (1, 'a')")  # the index waits for its end
    process = indexed.start("up")
    schema = indexed.url.rpartition("schema=")[2]
    query = f"""SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relname = 'by_name' AND relnamespace = '{schema}'::regnamespace AND NOT indisvalid"""
    async with asyncio.timeout(20):
        while await indexed.rows(query) != [(1,)]:
            await asyncio.sleep(0.05)
    process.kill()
    process.communicate()
    await asyncio.sleep(2.5)  # the server looks for its client every two seconds
    await writer.commit()
    await indexed.migrate(lock_wait_s=20)
    assert await index_is_valid(connection)
    assert (await states(connection))[3] == "applied"


@pytest.mark.parametrize(("outcome", "state"), [("applied", "applied"), ("not-applied", None)])
async def test_anything_else_that_was_not_finished_must_be_resolved(indexed, connection, outcome, state):
    indexed.write("0003_index", "-- migrate: no-transaction\nVACUUM users;")
    await indexed.migrate()
    await connection.execute(UNFINISHED)
    end = await asyncio.to_thread(indexed.run, "up")
    assert (end.returncode, "resolve" in end.stderr) == (4, True)
    async with indexed.driver() as driver:
        with pytest.raises(HistoryError, match="resolve"):
            await down(driver, indexed.source)
        status = await resolve(driver, indexed.source, 3, outcome)
        assert status.problem is None
        assert (await states(connection)).get(3) == state
        with pytest.raises(MigrationError, match="is not unfinished"):
            await resolve(driver, indexed.source, 2, outcome)
        await migrate(driver, indexed.source)
    assert (await states(connection))[3] == "applied"


async def test_resolve_on_the_command_line(indexed, connection):
    await indexed.migrate()
    await connection.execute(UNFINISHED)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return indexed.run("resolve", "3", *arguments)

    assert (await asyncio.to_thread(run)).returncode == 2
    assert "--yes" in (await asyncio.to_thread(run, "--applied")).stderr
    end = await asyncio.to_thread(run, "--applied", "--yes")
    assert (end.returncode, end.stdout) == (0, "shop: 0003 recorded as applied\n")
    assert (await states(connection))[3] == "applied"
