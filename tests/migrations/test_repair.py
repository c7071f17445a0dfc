"""What somebody tells the book: a baseline, a difference that is well; and an older book."""

import getpass
import sqlite3
from contextlib import closing

import pytest

from sqlstore.migrations import (
    HistoryError,
    MigrationError,
    NewerDatabase,
    accept,
    baseline,
    down,
    migrate,
    redo,
    status,
)

from .conftest import USERS, VISITS

FIRST_BOOK = """
CREATE TABLE migrations (
    store text NOT NULL, version {integer} NOT NULL, name text NOT NULL, checksum text NOT NULL,
    fingerprint text NOT NULL, applied_at {moment} NOT NULL, duration_ms {integer} NOT NULL,
    applied_by text NOT NULL, runner text NOT NULL, state text NOT NULL DEFAULT 'applied',
    up_sql text NOT NULL, down_sql text,
    CONSTRAINT migrations_state_check CHECK (state IN ('started', 'applied')),
    PRIMARY KEY (store, version))
"""
TYPES = {
    "sqlite": {"integer": "integer", "moment": "text"},
    "postgres": {"integer": "bigint", "moment": "timestamptz"},
}
COLUMNS = "store, version, name, checksum, fingerprint, applied_at, duration_ms, applied_by, runner, state, up_sql, down_sql"


def marks(found) -> list[tuple[int, str]]:
    return [(line.version, line.mark) for line in found.migrations]


@pytest.fixture
async def three(shop):
    """Three migrations, of which the tables of the first two are there without a book."""
    shop.write_two()
    shop.write("0003_late", "CREATE TABLE late (id bigint);\n-- migrate: down\nDROP TABLE late;")
    return shop


async def test_a_baseline_records_what_is_there_and_up_goes_on_from_it(three):
    await three.execute("CREATE TABLE users (id bigint PRIMARY KEY, name text)")
    with pytest.raises(HistoryError, match="baseline VERSION"):
        await three.migrate()
    async with three.driver() as driver:
        found = await baseline(driver, three.source, 2)
        assert marks(found) == [(1, "baseline"), (2, "baseline"), (3, "pending")]
        assert (found.problem, found.migrations[0].applied_by.startswith(getpass.getuser())) == (None, True)
        report = await migrate(driver, three.source)
    assert [step.version for step in report.steps] == [3]
    assert "visits" not in await three.tables()
    assert await three.rows("SELECT state FROM migrations ORDER BY version") == [
        ("baseline",),
        ("baseline",),
        ("applied",),
    ]


async def test_a_baseline_is_refused_where_there_is_a_history_or_no_table_or_no_such_version(three):
    async with three.driver() as driver:
        with pytest.raises(HistoryError, match="none of the tables"):
            await baseline(driver, three.source, 2)
        with pytest.raises(MigrationError, match="no migration 0009"):
            await baseline(driver, three.source, 9)
        assert not await three.tables()
        await migrate(driver, three.source, to=1)
        with pytest.raises(HistoryError, match="has migrations of this store"):
            await baseline(driver, three.source, 2)
    assert await three.applied() == [1]


async def test_an_edited_baseline_is_refused(three):
    await three.execute("CREATE TABLE users (id bigint)")
    async with three.driver() as driver:
        await baseline(driver, three.source, 1)
    three.write("0001_users", USERS.replace("name", "nickname"))
    with pytest.raises(HistoryError, match="edited"):
        await three.migrate()


async def test_an_edit_that_is_accepted_is_no_longer_refused_until_the_next(three):
    await three.migrate(to=2)
    three.write("0002_visits", VISITS.replace("bigint", "integer"))
    async with three.driver() as driver:
        found = await accept(driver, three.source, 2, "edited")
        assert marks(found) == [(1, "applied"), (2, "accepted"), (3, "pending")]
        assert found.migrations[1].accepted_by.startswith(getpass.getuser() + "@")
        assert found.migrations[1].accepted_at >= found.migrations[1].applied_at
        assert (await driver.fetch("SELECT up_sql FROM migrations WHERE version = 2"))[0][0].startswith(
            "CREATE TABLE visits (id integer"
        )
        await migrate(driver, three.source)
        three.write("0002_visits", VISITS.replace("bigint", "smallint"))
        with pytest.raises(HistoryError, match="edited"):
            await migrate(driver, three.source)


async def test_a_file_that_is_gone_is_accepted_and_can_still_be_taken_back(three):
    await three.migrate()
    (three.folder / "0002_visits.sql").unlink()
    async with three.driver() as driver:
        with pytest.raises(HistoryError, match="accept --missing"):
            await migrate(driver, three.source)
        found = await accept(driver, three.source, 2, "missing")
        assert (marks(found)[1], found.problem) == ((2, "accepted"), None)
        await migrate(driver, three.source)
        await down(driver, three.source, to=1)
    assert await three.tables() == {"users", "migrations"}


async def test_only_what_is_so_can_be_accepted(three):
    await three.migrate(to=2)
    async with three.driver() as driver:
        for what in ("missing", "edited"):
            with pytest.raises(MigrationError, match=f"0002 is not {what} but applied"):
                await accept(driver, three.source, 2, what)
        with pytest.raises(MigrationError, match="0003 is not edited but pending"):
            await accept(driver, three.source, 3, "edited")
        with pytest.raises(MigrationError, match="no migration 0007"):
            await accept(driver, three.source, 7, "edited")
        assert marks(await status(driver, three.source))[1] == (2, "applied")


async def test_a_table_of_somebody_else_is_told_nothing(three):
    await three.execute("CREATE TABLE migrations (version text)")
    async with three.driver() as driver:
        for call in (baseline(driver, three.source, 1), accept(driver, three.source, 1, "edited")):
            with pytest.raises(HistoryError, match="not ours"):
                await call
    assert await three.tables() == {"migrations"}


async def test_strict_newer_refuses_what_is_only_warned_of_else(three):
    await three.migrate()
    (three.folder / "0003_late.sql").unlink()
    assert (await three.migrate()).newer == (3,)
    with pytest.raises(NewerDatabase):
        await three.migrate(strict_newer=True)


async def test_redo_takes_back_and_applies_as_the_files_are_now(three):
    await three.migrate()
    await three.execute("INSERT INTO late VALUES (1)")
    events = []
    async with three.driver() as driver:
        report = await redo(driver, three.source, steps=2, on_event=events.append)
    assert ([step.version for step in report.steps], report.version) == ([2, 3], 3)
    done = [(event.phase, event.version) for event in events if event.phase in ("reverted", "applied")]
    assert done == [("reverted", 3), ("reverted", 2), ("applied", 2), ("applied", 3)]
    assert await three.rows("SELECT count(*) FROM late") == [(0,)]


async def test_redo_leaves_alone_what_waits_behind_and_refuses_a_file_that_is_gone(three):
    await three.migrate(to=2)
    async with three.driver() as driver:
        assert (await redo(driver, three.source)).version == 2
        (three.folder / "0002_visits.sql").unlink()
        (three.folder / "0003_late.sql").unlink()
        with pytest.raises(HistoryError, match="files are gone"):
            await redo(driver, three.source)
    assert await three.applied() == [1, 2]


@pytest.fixture
async def old_book(three):
    """A book as the first version of sqlstore made it, with two migrations in it."""
    await three.migrate(to=2)
    rows = await three.rows(f"SELECT {COLUMNS} FROM migrations ORDER BY version")
    await three.execute("DROP TABLE migrations")
    await three.execute(FIRST_BOOK.format(**TYPES[three.engine]))
    if three.engine == "sqlite":
        with closing(sqlite3.connect(three.url.removeprefix("sqlite:///"))) as connection, connection:
            connection.executemany(f"INSERT INTO migrations ({COLUMNS}) VALUES (?{', ?' * 11})", rows)
    else:
        import asyncpg

        address, _, schema = three.url.rpartition("schema=")
        connection = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
        values = ", ".join(f"${number}" for number in range(1, 13))
        await connection.executemany(f"INSERT INTO migrations ({COLUMNS}) VALUES ({values})", rows)
        await connection.close()
    return three


async def test_an_older_book_is_read_as_it_is_and_brought_up_to_date_by_the_first_change(old_book):
    assert marks(await old_book.status()) == [(1, "applied"), (2, "applied"), (3, "pending")]
    before = await old_book.rows(f"SELECT {COLUMNS} FROM migrations ORDER BY version")
    await old_book.migrate()
    rows = await old_book.rows(f"SELECT {COLUMNS} FROM migrations ORDER BY version")
    assert rows[:2] == before
    assert len(rows) == 3
    assert await old_book.rows("SELECT accepted FROM migrations") == [(None,)] * 3
    assert await old_book.tables() == {"users", "visits", "late", "migrations"}


async def test_an_older_book_is_brought_up_to_date_by_accept_too(old_book):
    old_book.write("0001_users", USERS.replace("name", "nickname"))
    async with old_book.driver() as driver:
        found = await accept(driver, old_book.source, 1, "edited")
    assert marks(found)[0] == (1, "accepted")
