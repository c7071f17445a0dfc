"""Files and recorded history that contradict each other are noticed, named, and nothing is run."""

import pytest

from sqlstore.migrations import HistoryError, MigrationSource, NewerDatabase, migrate

TABLES = [f"CREATE TABLE t{number} (id bigint, word text DEFAULT 'a');\n" for number in range(5)]


@pytest.fixture
async def migrated(shop):
    """Three migrations, applied."""
    for number in (1, 2, 3):
        shop.write(f"000{number}_t", TABLES[number])
    await shop.migrate()
    return shop


async def problem(shop) -> HistoryError:
    with pytest.raises(HistoryError) as caught:
        await shop.migrate()
    assert str(caught.value) == (await shop.status()).problem
    return caught.value


def marks(status) -> list[tuple[int, str]]:
    return [(line.version, line.mark) for line in status.migrations]


async def test_an_edited_migration_is_refused_with_a_diff(migrated):
    path = migrated.write("0002_t", TABLES[2].replace("bigint", "integer"))
    migrated.write("0004_t", TABLES[4])
    error = await problem(migrated)
    assert error.versions == (2,)
    assert "-CREATE TABLE t2 (id bigint" in error.diff
    assert "+CREATE TABLE t2 (id integer" in error.diff
    assert str(path) in error.diff
    assert marks(await migrated.status())[1] == (2, "edited")
    assert await migrated.applied() == [1, 2, 3]


async def test_an_edit_of_comments_or_white_space_is_shown_and_accepted(migrated):
    migrated.write("0002_t", "-- the second\n" + TABLES[2].replace(", ", ",\n  "))
    migrated.write("0004_t", TABLES[4])
    assert marks(await migrated.status()) == [(1, "applied"), (2, "cosmetic"), (3, "applied"), (4, "pending")]
    await migrated.migrate()
    assert await migrated.applied() == [1, 2, 3, 4]


async def test_line_ends_and_a_byte_order_mark_are_no_edit(migrated):
    migrated.write("0002_t", b"\xef\xbb\xbf" + TABLES[2].replace("\n", "\r\n").encode())
    assert marks(await migrated.status())[1] == (2, "applied")


async def test_an_added_down_section_is_no_edit(migrated):
    migrated.write("0002_t", TABLES[2] + "-- migrate: down\nDROP TABLE t2;")
    assert marks(await migrated.status())[1] == (2, "applied")
    await migrated.migrate()


async def test_a_marker_inside_a_string_of_an_applied_file_is_no_edit(shop):
    shop.write("0001_t", "CREATE TABLE t (x text DEFAULT '\n-- migrate: down\n');\n")
    await shop.migrate()
    assert marks(await shop.status()) == [(1, "applied")]


async def test_a_deleted_file_is_named(migrated):
    (migrated.folder / "0002_t.sql").unlink()
    error = await problem(migrated)
    assert error.versions == (2,)
    assert "0002" in str(error)
    assert marks(await migrated.status())[1] == (2, "missing")


async def test_a_migration_below_the_newest_applied_is_refused(shop):
    shop.write("0001_t", TABLES[1])
    shop.write("0003_t", TABLES[3])
    await shop.migrate()
    shop.write("0002_t", TABLES[2])
    error = await problem(shop)
    assert error.versions == (2,)
    assert await shop.applied() == [1, 3]


async def test_a_newer_database_is_accepted_with_a_warning(migrated, caplog):
    (migrated.folder / "0003_t.sql").unlink()
    report = await migrated.migrate()
    assert (report.steps, report.newer, report.version) == ((), (3,), 3)
    assert "newer migration, 0003_t" in caplog.text
    assert marks(await migrated.status()) == [(1, "applied"), (2, "applied"), (3, "newer")]


async def test_a_newer_database_that_breaks_older_code_is_refused(shop):
    shop.write("0001_t", TABLES[1])
    path = shop.write("0002_t", "-- migrate: breaks-older\n" + TABLES[2])
    await shop.migrate()
    path.unlink()
    with pytest.raises(NewerDatabase, match="update the program"):
        await shop.migrate()


async def test_a_table_named_migrations_of_somebody_else_is_refused_and_kept(shop):
    shop.write("0001_t", TABLES[1])
    await shop.execute("CREATE TABLE migrations (version text)")
    error = await problem(shop)
    assert "not ours" in str(error)
    assert await shop.tables() == {"migrations"}


async def test_tables_of_this_store_without_a_history_are_refused(shop):
    shop.write("0001_t", TABLES[1] + TABLES[2])
    async with shop.driver() as driver:
        await migrate(driver, MigrationSource("other", shop.folder))
    error = await problem(shop)
    assert "t1, t2" in str(error)
    assert "schema" in str(error)


async def test_two_stores_without_a_common_table_share_one_book(shop, tmp_path):
    shop.write("0001_t", TABLES[1])
    await shop.migrate()
    other = tmp_path / "other"
    other.mkdir()
    (other / "0001_x.sql").write_text("CREATE TABLE x (id bigint);")
    async with shop.driver() as driver:
        await migrate(driver, MigrationSource("other", other))
    assert await shop.rows("SELECT store, version FROM migrations ORDER BY store") == [
        ("other", 1),
        ("shop", 1),
    ]
    assert marks(await shop.status()) == [(1, "applied")]
