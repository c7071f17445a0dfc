"""`drift`: a live database against one that its applied migrations make."""

import json

import pytest

from sqlstore.engine.resources import migrations_folder
from sqlstore.engine.scratch import scratch_driver
from sqlstore.migrations import HistoryError, MigrationSource, drift, migrate


@pytest.fixture
def find(shop, engine, postgres_server):
    async def find(source=None):
        async with shop.driver() as driver, scratch_driver(engine, postgres_server) as scratch:
            return await drift(driver, source or shop.source, scratch)

    return find


async def test_a_database_as_its_migrations_make_it_has_none(shop, find):
    shop.write_two()
    await shop.migrate()
    found = await find()
    assert (found.stores, found.unknown, found.diff) == (("shop",), (), "")


async def test_a_pending_migration_is_none(shop, find):
    shop.write_two()
    await shop.migrate(steps=1)
    assert (await find()).diff == ""
    assert await shop.applied() == [1]


async def test_what_was_changed_by_hand_is_shown(shop, find):
    shop.write_two()
    await shop.migrate()
    await shop.execute("CREATE INDEX by_hand ON users (name)")
    await shop.execute("ALTER TABLE users ADD COLUMN age bigint")
    await shop.execute("DROP TABLE visits")
    await shop.execute("CREATE TABLE more (id bigint)")
    diff = (await find()).diff.splitlines()
    assert "+  age bigint," in diff
    changed = {" ".join(line.split()[:3]) for line in diff if line.startswith(("+CREATE", "-CREATE"))}
    assert changed == {"+CREATE TABLE more", "+CREATE INDEX by_hand", "-CREATE TABLE visits"}


async def test_nothing_is_changed(shop, find):
    shop.write_two()
    assert (await find()).diff == ""
    assert await shop.tables() == set()


async def test_an_edited_file_contradicts_the_history(shop, find):
    shop.write_two()
    await shop.migrate()
    shop.write("0001_users", "CREATE TABLE users (id bigint PRIMARY KEY);")
    with pytest.raises(HistoryError, match="0001 was edited"):
        await find()


async def test_a_newer_database_cannot_be_compared(shop, find):
    shop.write_two()
    await shop.migrate()
    (shop.folder / "0002_visits.sql").unlink()
    with pytest.raises(HistoryError, match="newer than the files: 0002"):
        await find()


async def test_the_built_in_stores_of_the_database_are_built_too(shop, find):
    shop.write("0001_t", "CREATE TABLE shop_items (id bigint PRIMARY KEY);")
    await shop.migrate()
    async with shop.driver() as driver:
        await migrate(driver, MigrationSource("lessons", migrations_folder("lessons")))
    found = await find()
    assert (found.stores, found.unknown, found.diff) == (("shop", "lessons"), (), "")


async def test_what_may_belong_to_an_unknown_store_is_not_compared(shop, find, tmp_path):
    shop.write("0001_t", "CREATE TABLE shop_items (id bigint PRIMARY KEY);")
    await shop.migrate()
    lessons = MigrationSource("lessons", migrations_folder("lessons"))
    async with shop.driver() as driver:
        await migrate(driver, lessons)
    found = await find(lessons)
    assert (found.stores, found.unknown, found.diff) == (("lessons",), ("shop",), "")
    await shop.execute("CREATE INDEX by_hand ON messages (content)")
    assert "+CREATE INDEX by_hand ON messages" in (await find(lessons)).diff


@pytest.mark.slow
async def test_the_command_exits_with_4_where_there_is_some(shop):
    shop.write_two()
    shop.run("up")
    end = shop.run("drift")
    assert (end.returncode, end.stdout) == (0, "shop: the database is as its migrations make it\n")
    await shop.execute("DROP TABLE visits")
    end = shop.run("drift")
    assert (end.returncode, end.stderr) == (4, "")
    assert end.stdout.startswith("--- as its migrations make it\n+++ as it is\n")
    document = json.loads(shop.run("drift", "--json").stdout)
    assert document["stores"] == ["shop"]
    assert "-CREATE TABLE visits (" in document["diff"]
