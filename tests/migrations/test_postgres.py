"""What only PostgreSQL needs: schemas, settings that leak, locks of other sessions."""

import asyncio
import uuid

import asyncpg
import pytest

from sqlstore.engine.migration_session import Change, Script, ScriptError, open_session
from sqlstore.migrations import MigrationFailed

DUMP_HEAD = "SELECT pg_catalog.set_config('search_path', '', false);\nSET TimeZone = 'Asia/Tokyo';\n"


async def test_the_schema_of_the_url_is_made(postgres_shop):
    before, _, _ = postgres_shop.url.rpartition("schema=")
    schema = f'test_{uuid.uuid4().hex[:8]} "x"'
    postgres_shop.url = f"{before}schema={schema.replace(' ', '%20').replace(chr(34), '%22')}"
    postgres_shop.write_two()
    try:
        await postgres_shop.migrate()
        rows = await postgres_shop.rows(
            "SELECT tablename, schemaname FROM pg_tables WHERE schemaname LIKE 'test% \"x\"'"
        )
        assert {name for name, _ in rows} == {"users", "visits", "migrations"}
        assert {name for _, name in rows} == {schema}
    finally:
        quoted = schema.replace('"', '""')
        cleaner = await asyncpg.connect(before.rstrip("?&"))
        await cleaner.execute(f'DROP SCHEMA IF EXISTS "{quoted}" CASCADE')
        await cleaner.close(timeout=5)


async def test_a_file_that_changes_settings_does_not_change_them_for_the_next(postgres_shop):
    _, _, schema = postgres_shop.url.rpartition("schema=")
    postgres_shop.write("0001_dump", DUMP_HEAD + f"CREATE TABLE {schema}.dumped (id bigint);")
    postgres_shop.write(
        "0002_plain", "CREATE TABLE plain AS SELECT current_setting('TimeZone') = 'Asia/Tokyo' AS x;"
    )
    await postgres_shop.migrate()
    assert await postgres_shop.tables() == {"dumped", "plain", "migrations"}
    assert await postgres_shop.rows("SELECT x FROM plain") == [(False,)]


async def test_a_role_that_a_file_takes_is_given_back(postgres_shop):
    postgres_shop.write("0001_role", "CREATE TABLE t (id bigint); SET ROLE pg_read_all_data;")
    await postgres_shop.migrate()
    assert await postgres_shop.applied() == [1]


async def test_a_syntax_error_at_the_end_runs_nothing_and_has_its_place(postgres_shop):
    path = postgres_shop.write(
        "0001_t", "-- ж漢\r\nCREATE TABLE t (x text DEFAULT 'é');\r\nSELECT 'é' FORM t;\r\n"
    )
    with pytest.raises(MigrationFailed) as caught:
        await postgres_shop.migrate()
    error = caught.value
    assert (error.line, error.column, error.code) == (3, 17, "42601")
    assert str(error).startswith(f"{path}:3:17: syntax error")


async def test_a_value_in_the_servers_words_is_not_passed_on(postgres_shop):
    postgres_shop.write("0001_t", "CREATE TABLE t (x text); INSERT INTO t VALUES ('alice@x');")
    postgres_shop.write("0002_t", "ALTER TABLE t ALTER x TYPE bigint USING x::bigint;")
    with pytest.raises(MigrationFailed) as caught:
        await postgres_shop.migrate()
    assert caught.value.code == "22P02"
    assert "alice" not in str(caught.value)


async def test_a_constraint_that_fails_at_commit_fails_the_migration(postgres_shop):
    postgres_shop.write(
        "0001_t",
        "CREATE TABLE a (id bigint PRIMARY KEY);"
        "CREATE TABLE b (a_id bigint REFERENCES a DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (1);",
    )
    with pytest.raises(MigrationFailed) as caught:
        await postgres_shop.migrate()
    assert caught.value.code == "23503"
    assert await postgres_shop.tables() == set()


@pytest.mark.parametrize("end", ["COMMIT", "COMMIT; BEGIN", "ROLLBACK"])
async def test_a_script_that_ends_the_transaction_is_noticed(postgres_shop, end):
    script = Script(f"CREATE TABLE t (id bigint); {end}; CREATE TABLE u (id bigint);", ((0, 1),))
    async with (
        postgres_shop.driver() as driver,
        open_session(driver, lock_wait_s=5, notify=lambda *_: None) as session,
    ):
        with pytest.raises(ScriptError, match="ended the transaction") as caught:
            await session.apply(Change("shop", 1, script, None), lambda _: True)
    assert not caught.value.rolled_back


async def test_a_table_that_somebody_reads_is_not_blocked_but_tried_again(postgres_shop, connection):
    postgres_shop.write("0001_t", "CREATE TABLE t (id bigint);")
    await postgres_shop.migrate()
    postgres_shop.write("0002_t", "-- migrate: lock-timeout=100ms\nALTER TABLE t ADD x text;")
    reader = connection.transaction()
    await reader.start()
    await connection.execute("SELECT * FROM t")
    retried = asyncio.Event()

    def watch(event):
        if event.phase == "retry":
            assert "process" in event.detail
            retried.set()

    migrating = asyncio.create_task(postgres_shop.migrate(on_event=watch))
    await asyncio.wait_for(retried.wait(), 20)
    await reader.rollback()
    await migrating
    assert await postgres_shop.applied() == [1, 2]


async def test_notices_of_the_server_are_told(postgres_shop):
    postgres_shop.write("0001_t", "DO $$BEGIN RAISE NOTICE 'half way'; END$$;")
    events = []
    await postgres_shop.migrate(on_event=events.append)
    assert [(event.version, event.detail) for event in events if event.phase == "notice"] == [(1, "half way")]


async def test_two_schemas_do_not_wait_for_each_other(postgres_shop, connection, tmp_path):
    before, _, schema = postgres_shop.url.rpartition("schema=")
    postgres_shop.write("0001_slow", "SELECT pg_sleep(3);")
    slow = asyncio.create_task(postgres_shop.migrate())
    while not await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(3)%' AND pid <> pg_backend_pid()"
    ):
        await asyncio.sleep(0.02)
    postgres_shop.url = f"{before}schema={schema}_b"
    postgres_shop.write("0001_slow", "CREATE TABLE quick (id bigint);")
    try:
        await postgres_shop.migrate(lock_wait_s=0)
        assert not slow.done()
    finally:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema}_b CASCADE")
        await slow
