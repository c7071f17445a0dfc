"""What a runner spares a bot that starts where nothing is to do, and what it never does."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlstore
from sqlstore.engine.migration_session import open_session
from sqlstore.migrations.runner import choose


async def test_nothing_to_do_needs_no_lock(shop):
    """A bot starts although somebody else migrates another store, or writes, for hours."""
    shop.write_two()
    await shop.migrate()
    async with (
        shop.driver() as holder,
        open_session(holder, lock_wait_s=1, notify=lambda *_: None) as session,
    ):

        def meanwhile(history):
            report = asyncio.run(asyncio.wait_for(shop.migrate(lock_wait_s=0), 10))
            assert report.steps == ()
            return []

        loop_free = meanwhile if shop.engine == "sqlite" else in_a_thread(meanwhile)
        await session.edit("shop", loop_free)


def in_a_thread(work):
    """Where the caller runs in the event loop, which cannot run a second one inside."""

    def run(history):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work, history).result()

    return run


async def test_applied_files_are_not_taken_apart(shop):
    shop.write_two()
    await shop.migrate()
    shop.write("0003_late", "CREATE TABLE late (id bigint);")
    async with shop.driver() as driver:
        choice = await choose(driver, shop.source)
    assert ["content" in vars(file) for file in choice.files] == [False, False, True]


def test_the_source_calls_nothing_that_commits_by_itself():
    """sqlite3's executescript commits the transaction that is open."""
    package = Path(sqlstore.__file__).parent
    found = [
        path.name for path in package.rglob("*.py") if ".executescript(" in path.read_text(encoding="utf-8")
    ]
    assert found == []
