"""What only SQLite needs: foreign keys while a table is rebuilt, one file, memory."""

import pytest

from sqlstore.engine.connect import make_driver
from sqlstore.engine.migration_session import Change, Script, ScriptError, open_session
from sqlstore.migrations import MigrationFailed, migrate

PARENT = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
"""
REBUILD = """
CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO parent_new SELECT id, name FROM parent{condition};
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;
"""


@pytest.fixture
async def family(sqlite_shop):
    sqlite_shop.write("0001_family", PARENT)
    await sqlite_shop.migrate()
    return sqlite_shop


async def test_a_rebuilt_parent_keeps_every_child_row(family):
    family.write("0002_rebuild", REBUILD.format(condition=""))
    async with family.driver() as driver:
        await migrate(driver, family.source)
        assert await driver.fetch("SELECT count(*) FROM child") == [(3,)]
        async with driver.exclusive() as exclusive:
            on = await exclusive.run(lambda connection: connection.execute("PRAGMA foreign_keys").fetchone())
        assert on == (1,)


async def test_a_rebuild_that_loses_a_parent_is_rolled_back_and_names_the_child(family):
    family.write("0002_rebuild", REBUILD.format(condition=" WHERE id = 1"))
    with pytest.raises(MigrationFailed, match=r"table child \(rowid 3\), which refers to parent"):
        await family.migrate()
    assert await family.rows("SELECT count(*) FROM parent") == [(2,)]
    assert await family.rows("SELECT count(*) FROM child") == [(3,)]
    assert await family.applied() == [1]


async def test_rows_that_pointed_at_nothing_before_do_not_stop_a_migration(family):
    family.write("0002_loose", "CREATE TABLE loose (id INTEGER PRIMARY KEY);")
    await family.execute("INSERT INTO child VALUES (9, 99)")
    await family.migrate()
    assert await family.applied() == [1, 2]


async def test_foreign_keys_stay_on_where_the_file_says_keep(family):
    family.write("0002_rebuild", "-- migrate: foreign-keys=keep\n" + REBUILD.format(condition=""))
    await family.migrate()
    assert await family.rows("SELECT count(*) FROM child") == [(0,)]


async def test_a_database_in_memory_is_migrated_on_its_own_connection(sqlite_shop):
    sqlite_shop.write_two()
    driver = make_driver("sqlite://:memory:")
    await driver.open()
    try:
        await migrate(driver, sqlite_shop.source)
        assert await driver.fetch("SELECT count(*) FROM users") == [(0,)]
    finally:
        await driver.close()


async def test_vacuum_runs_alone(sqlite_shop):
    sqlite_shop.write_two()
    sqlite_shop.write("0003_vacuum", "-- migrate: no-transaction\nVACUUM;")
    await sqlite_shop.migrate()
    assert await sqlite_shop.applied() == [1, 2, 3]


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t (id); COMMIT; CREATE TABLE u (id);", "CREATE TABLE t (id); ROLLBACK;"]
)
async def test_a_script_that_ends_the_transaction_is_noticed_while_it_runs(sqlite_shop, sql):
    cuts = [index for index, character in enumerate(sql) if character == ";"]
    starts = [0, *(cut + 2 for cut in cuts)]
    script = Script(sql, tuple((start, cut + 1) for start, cut in zip(starts, cuts, strict=False)))
    async with (
        sqlite_shop.driver() as driver,
        open_session(driver, lock_wait_s=5, notify=lambda *_: None) as session,
    ):
        with pytest.raises(ScriptError, match="ended the transaction") as caught:
            await session.apply(Change("shop", 1, script, None), lambda _: True)
    assert caught.value.offset == starts[1]
    assert not caught.value.rolled_back


async def test_a_cut_that_sqlite_does_not_confirm_runs_nothing(sqlite_shop):
    script = Script("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1;", ((0, 50),))
    async with (
        sqlite_shop.driver() as driver,
        open_session(driver, lock_wait_s=5, notify=lambda *_: None) as session,
    ):
        with pytest.raises(ScriptError, match="end of this statement"):
            await session.check(script)


async def test_what_went_with_a_table_that_was_made_anew_is_told(family, caplog):
    hanging = """
        CREATE INDEX idx_parent_name ON parent (name);
        CREATE INDEX idx_parent_dropped ON parent (name);
        CREATE TRIGGER parent_named AFTER INSERT ON parent BEGIN SELECT 1; END;
        CREATE INDEX idx_child ON child (parent_id);
    """
    family.write("0002_hanging", hanging)
    await family.migrate()
    again = " CREATE TRIGGER parent_named AFTER INSERT ON parent BEGIN SELECT 1; END;"
    family.write("0003_rebuild", "DROP INDEX idx_parent_dropped; " + REBUILD.format(condition="") + again)
    events = []
    await family.migrate(on_event=events.append)
    told = "index idx_parent_name of parent went with the table that was made anew; make it again"
    assert [event.detail for event in events if event.phase == "lost"] == [told]
    assert [record.levelname for record in caplog.records if told in record.getMessage()] == ["WARNING"]
