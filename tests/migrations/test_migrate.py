"""Migrations are applied whole and recorded, or not at all; the same on both engines."""

import asyncio
import getpass

import pytest

from sqlstore.migrations import (
    HistoryError,
    MigrationError,
    MigrationFailed,
    MigrationFileError,
    PendingMigrations,
    ensure_current,
    migrate,
    plan_down,
)

TRIGGER = {
    "sqlite": """CREATE TABLE log (id integer PRIMARY KEY, word text);
CREATE TRIGGER fill AFTER INSERT ON log BEGIN
  UPDATE log SET word = CASE WHEN word = 'a;b' THEN 'END;' ELSE word || ';' END WHERE id = new.id;
  INSERT INTO copy VALUES (new.id); -- COMMIT;
END;
CREATE TABLE [copy] (id integer);
INSERT INTO log VALUES (1, 'a;b'); /* ; */ INSERT INTO log VALUES (2, 'it''s')""",
    "postgres": r"""CREATE TABLE log (id bigint PRIMARY KEY, word text);
CREATE TABLE "copy" (id bigint);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  new.word := CASE WHEN new.word = 'a;b' THEN 'END;' ELSE new.word || $x$;$x$ END;
  INSERT INTO "copy" VALUES (new.id); -- COMMIT;
  RETURN new;
END $body$;
CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT $1 * 2; SELECT $1 * 2; END;
CREATE TRIGGER fill BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION fill();
INSERT INTO log VALUES (1, 'a;b'); /* a /* nested; */ ; */ INSERT INTO log VALUES (twice(1), E'it\'s')""",
}


async def test_all_pending_migrations_are_applied_and_recorded(shop):
    shop.write_two()
    report = await shop.migrate()
    assert [(step.version, step.name) for step in report.steps] == [(1, "users"), (2, "visits")]
    assert report.version == 2
    assert {"users", "visits", "migrations"} <= await shop.tables()
    rows = await shop.rows(
        "SELECT store, version, name, state, up_sql, down_sql FROM migrations ORDER BY version"
    )
    assert rows[0][:4] == ("shop", 1, "users", "applied")
    assert rows[0][4].startswith("CREATE TABLE users")
    assert "DROP TABLE users" in rows[0][5]


async def test_the_record_says_who_and_when_and_with_what(shop):
    shop.write_two()
    await shop.migrate()
    line = (await shop.status()).migrations[0]
    assert line.applied_at.utcoffset().total_seconds() == 0
    assert line.applied_by.startswith(getpass.getuser() + "@")
    ((runner, duration),) = await shop.rows("SELECT runner, duration_ms FROM migrations WHERE version = 1")
    assert runner.startswith("sqlstore")
    assert duration >= 0


async def test_a_second_run_has_nothing_to_do(shop):
    shop.write_two()
    await shop.migrate()
    events = []
    report = await shop.migrate(on_event=events.append)
    assert (report.steps, report.version, events) == ((), 2, [])


async def test_to_and_steps_stop_early(shop):
    for version in range(1, 5):
        shop.write(f"000{version}_t", f"CREATE TABLE t{version} (id bigint);")
    await shop.migrate(to=2)
    assert await shop.applied() == [1, 2]
    await shop.migrate(steps=1)
    assert await shop.applied() == [1, 2, 3]
    with pytest.raises(MigrationError, match="no migration 0009"):
        await shop.migrate(to=9)
    with pytest.raises(MigrationError, match="steps"):
        await shop.migrate(steps=0)


async def test_events_tell_each_step_after_its_commit(shop):
    shop.write_two()
    events = []
    await shop.migrate(on_event=events.append)
    assert [(event.phase, event.version, event.position) for event in events] == [
        ("planned", None, 0),
        ("started", 1, 1),
        ("applied", 1, 1),
        ("started", 2, 2),
        ("applied", 2, 2),
        ("done", None, 2),
    ]


async def test_the_log_has_a_line_for_each_applied_migration(shop, caplog):
    shop.write_two()
    caplog.set_level("INFO", "sqlstore")
    await shop.migrate()
    lines = [record.getMessage() for record in caplog.records if "applied" in record.getMessage()]
    assert [line.split(",")[0] for line in lines] == [
        "Migration applied: version 1 (shop users)",
        "Migration applied: version 2 (shop visits)",
    ]


async def test_where_the_log_tells_statements_and_rows_are_counted(shop, caplog):
    rows = "INSERT INTO t VALUES (1), (2), (3); UPDATE t SET id = id + 10 WHERE id > 1; DELETE FROM t WHERE id = 1;"
    shop.write("0001_t", f"CREATE TABLE t (id bigint); {rows} CREATE INDEX i ON t (id);")
    caplog.set_level("INFO", "sqlstore")
    events = []
    await shop.migrate(on_event=events.append)
    applied = next(event for event in events if event.phase == "applied")
    assert (applied.statements, applied.rows) == (5, 6)
    assert "version 1 (shop t), statements: 5, rows changed: 6, in " in caplog.text


async def test_triggers_strings_comments_and_function_bodies_reach_the_database_whole(shop):
    shop.write("0001_log", TRIGGER[shop.engine])
    await shop.migrate()
    assert await shop.rows("SELECT word FROM log ORDER BY id") == [("END;",), ("it's;",)]
    assert await shop.rows('SELECT id FROM "copy" ORDER BY id') == [(1,), (2,)]


async def test_placeholders_inside_strings_stay_as_they_are(shop):
    text = "100% :name ? $1 {x} %s %(y)s @z"
    shop.write("0001_t", f"CREATE TABLE t (x text); INSERT INTO t VALUES ('{text}');")
    await shop.migrate()
    assert await shop.rows("SELECT x FROM t") == [(text,)]


@pytest.mark.parametrize("position", [1, 2, 3])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_a_failing_statement_rolls_the_whole_migration_back_and_is_named(shop, position, line_end):
    statements = [f"INSERT INTO users VALUES ({number}, 'é 漢');" for number in (1, 2, 3)]
    statements[position - 1] = "  /* ж */ INSERT INTO nowhere VALUES (1);"
    shop.write("0001_users", "CREATE TABLE users (id bigint, name text);")
    path = shop.write("0002_fill", line_end.join(["-- é", *statements]))
    shop.write("0003_later", "CREATE TABLE later (id bigint);")
    with pytest.raises(MigrationFailed) as caught:
        await shop.migrate()
    error = caught.value
    assert (error.version, error.name, error.path, error.store) == (2, "fill", str(path), "shop")
    assert error.line == position + 1
    assert error.column == (11 if shop.engine == "sqlite" else 23)
    assert error.statement == "INSERT INTO nowhere VALUES (1);"
    assert error.code == ("SQLITE_ERROR" if shop.engine == "sqlite" else "42P01")
    assert f"{path}:{position + 1}:" in str(error)
    assert await shop.rows("SELECT count(*) FROM users") == [(0,)]
    assert await shop.applied() == [1]
    assert "later" not in await shop.tables()


async def test_after_a_failure_the_corrected_file_just_runs(shop):
    shop.write("0001_t", "CREATE TABLE t (id bigint); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(MigrationFailed):
        await shop.migrate()
    assert not await shop.tables()
    shop.write("0001_t", "CREATE TABLE t (id bigint);")
    await shop.migrate()
    assert await shop.applied() == [1]


async def test_a_violated_constraint_is_told_without_the_row(shop):
    shop.write("0001_t", "CREATE TABLE t (mail text UNIQUE); INSERT INTO t VALUES ('alice@x'), ('alice@x');")
    with pytest.raises(MigrationFailed) as caught:
        await shop.migrate()
    assert caught.value.code in ("SQLITE_CONSTRAINT_UNIQUE", "23505")
    assert "alice" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_everything_is_checked_before_the_first_statement_runs(shop):
    shop.write_two()
    await shop.migrate(to=1)
    shop.write("0003_u", "CREATE TABLE u (id bigint); COMMIT;")
    with pytest.raises(MigrationFileError):
        await shop.migrate(to=2)
    assert await shop.applied() == [1]


async def test_status_and_ensure_current_only_read(shop):
    shop.write_two()
    found = await shop.status()
    assert (found.pending, found.problem) == ((1, 2), None)
    async with shop.driver() as driver:
        with pytest.raises(PendingMigrations) as caught:
            await ensure_current(driver, shop.source)
    assert caught.value.versions == (1, 2)
    assert not await shop.tables()
    await shop.migrate()
    async with shop.driver() as driver:
        await ensure_current(driver, shop.source)


async def test_nothing_to_do_is_one_query(shop):
    shop.write_two()
    await shop.migrate()
    async with shop.driver() as driver:
        asked = []
        fetch = driver.fetch

        async def counting(sql):
            asked.append(sql)
            return await fetch(sql)

        driver.fetch = counting
        await migrate(driver, shop.source)
    assert len(asked) == 1


async def test_down_takes_back_the_newest_and_up_applies_it_again(shop):
    shop.write_two()
    await shop.migrate()
    report = await shop.down()
    assert [step.version for step in report.steps] == [2]
    assert report.version == 1
    assert await shop.tables() - {"migrations"} == {"users"}
    await shop.migrate()
    report = await shop.down(to=0)
    assert [step.version for step in report.steps] == [2, 1]
    assert await shop.applied() == []
    assert await shop.tables() == {"migrations"}
    await shop.migrate()
    assert await shop.applied() == [1, 2]


async def test_down_uses_the_recorded_sql_where_the_file_is_gone(shop):
    shop.write_two()
    await shop.migrate()
    (shop.folder / "0002_visits.sql").unlink()
    async with shop.driver() as driver:
        (reversal,) = await plan_down(driver, shop.source)
    assert "DROP TABLE visits" in reversal.sql
    await shop.down()
    assert await shop.applied() == [1]
    assert "visits" not in await shop.tables()


async def test_down_refuses_before_it_runs_anything_where_there_is_no_way_back(shop):
    shop.write("0001_t", "CREATE TABLE t (id bigint);")
    shop.write("0002_u", "CREATE TABLE u (id bigint);\n-- migrate: down\nDROP TABLE u;")
    await shop.migrate()
    with pytest.raises(HistoryError, match="0001_t has no down section"):
        await shop.down(to=0)
    assert await shop.applied() == [1, 2]


async def test_a_failing_down_section_is_named_by_its_line_in_the_file(shop):
    path = shop.write(
        "0001_t", "CREATE TABLE t (id bigint);\n\n-- migrate: down\nDROP TABLE t;\nSELECT nowhere FROM t;"
    )
    await shop.migrate()
    with pytest.raises(MigrationFailed) as caught:
        await shop.down()
    assert (caught.value.path, caught.value.line) == (str(path), 5)
    assert await shop.applied() == [1]
    assert "t" in await shop.tables()


async def test_an_empty_migration_is_recorded(shop):
    shop.write("0001_nothing", "-- migrate: empty\n")
    await shop.migrate()
    assert await shop.applied() == [1]


async def test_a_cancelled_migration_is_rolled_back_and_leaves_the_database_free(shop):
    shop.write("0001_t", "CREATE TABLE t (id bigint);")
    shop.write("0002_slow", f"INSERT INTO t VALUES (1); {shop.slow(20)}")
    started = asyncio.Event()

    def watch(event):
        if (event.phase, event.version) == ("started", 2):
            started.set()

    task = asyncio.create_task(shop.migrate(on_event=watch))
    await started.wait()
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 10)
    shop.write("0002_slow", "INSERT INTO t VALUES (2);")
    await shop.migrate(lock_wait_s=10)
    assert await shop.rows("SELECT id FROM t") == [(2,)]


async def test_the_driver_goes_on_working_after_a_failed_migration(shop):
    shop.write("0001_t", "SELECT nowhere;")
    async with shop.driver() as driver:
        with pytest.raises(MigrationFailed):
            await migrate(driver, shop.source)
        assert [tuple(row) for row in await driver.fetch("SELECT 1")] == [(1,)]
        shop.write("0001_t", "CREATE TABLE t (id bigint);")
        await migrate(driver, shop.source)
