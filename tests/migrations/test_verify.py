"""`verify`: what a down section must undo; and every store that is shipped."""

import json
import sys

import pytest

from sqlstore.engine.resources import book_folder, migrations_folder
from sqlstore.engine.scratch import scratch_driver
from sqlstore.migrations import MigrationFileError, MigrationSource, down, migrate, verify

STORES = sorted(folder.name for folder in book_folder().iterdir() if folder.is_dir())
CHANGES = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n-- migrate: down\nDROP TABLE users;\n"


@pytest.fixture
async def scratch(engine, postgres_server):
    async with scratch_driver(engine, postgres_server) as driver:
        yield driver


@pytest.mark.parametrize("store", STORES)
async def test_the_down_sections_of_a_shipped_store_undo_its_up_sections(scratch, store):
    found = await verify(scratch, MigrationSource(store, migrations_folder(store)))
    assert (found.problem, found.diff) == (None, "")
    assert {migration.outcome for migration in found.migrations} == {"undone"}


async def test_the_first_down_that_does_not_undo_its_up_is_named(scratch, shop):
    shop.write("0001_users", CHANGES)
    shop.write(
        "0002_index",
        "CREATE INDEX by_name ON users (name);\nCREATE TABLE t (id bigint);\n-- migrate: down\nDROP TABLE t;\n",
    )
    shop.write("0003_more", "CREATE TABLE more (id bigint);\n-- migrate: down\nDROP TABLE more;\n")
    found = await verify(scratch, shop.source)
    assert found.problem == f"{shop.folder}/0002_index.sql: its down section does not undo its up section"
    assert "+CREATE INDEX by_name ON users" in found.diff
    assert [migration.outcome for migration in found.migrations] == ["not tried", "not tried", "undone"]


async def test_a_column_that_comes_back_at_the_end_is_undone(scratch, shop):
    shop.write("0001_users", CHANGES.replace("name text", "name text, age bigint"))
    shop.write(
        "0002_drop",
        "ALTER TABLE users DROP COLUMN name;\n-- migrate: down\nALTER TABLE users ADD COLUMN name text;\n",
    )
    shop.write(
        "0003_more",
        "ALTER TABLE users ADD more text;\n-- migrate: down\nALTER TABLE users DROP COLUMN more;\n",
    )
    assert (await verify(scratch, shop.source)).problem is None


async def test_an_irreversible_migration_ends_the_way_down(scratch, shop):
    shop.write("0001_users", CHANGES)
    shop.write("0002_forever", "-- migrate: irreversible\nALTER TABLE users ADD COLUMN age bigint;")
    shop.write("0003_more", "CREATE TABLE more (id bigint);\n-- migrate: down\nDROP TABLE more;\n")
    found = await verify(scratch, shop.source)
    assert found.problem is None
    assert [migration.outcome for migration in found.migrations] == ["not tried", "irreversible", "undone"]


async def test_a_down_that_fails_is_a_problem_with_its_place(scratch, shop):
    path = shop.write("0001_users", CHANGES.replace("DROP TABLE users", "DROP TABLE nobody"))
    found = await verify(scratch, shop.source)
    assert found.problem.startswith(f"{path}:3:1: ")


async def test_a_second_application_that_gives_another_schema_is_a_problem(postgres_server, postgres_shop):
    postgres_shop.write("0001_seen", "-- migrate: irreversible\nCREATE TABLE seen (id bigint);")
    postgres_shop.write(
        "0002_hangs",
        "DO $$BEGIN IF EXISTS (SELECT FROM seen) THEN CREATE TABLE second (id bigint);"
        " ELSE CREATE TABLE first (id bigint); INSERT INTO seen VALUES (1); END IF; END$$;\n"
        "-- migrate: down\nDROP TABLE IF EXISTS first, second;\n",
    )
    async with scratch_driver("postgres", postgres_server) as scratch:
        found = await verify(scratch, postgres_shop.source)
    assert "0002_hangs.sql: applied a second time, gives another schema" in found.problem
    assert "+CREATE TABLE second (" in found.diff


async def test_wrong_files_are_refused_before_anything_is_run(scratch, shop):
    shop.write("0001_users", CHANGES)
    shop.write("0002_wrong", "SELECT 'open")
    with pytest.raises(MigrationFileError):
        await verify(scratch, shop.source)


@pytest.mark.slow
def test_the_command_tries_both_engines(sqlite_shop, postgres_server):
    sqlite_shop.write_two()
    end = verify_command(sqlite_shop, "--postgres", postgres_server)
    assert (end.returncode, end.stderr) == (0, "")
    assert end.stdout.splitlines() == [
        "shop, sqlite: 2 of 2 migrations are undone by their down sections",
        "shop, postgres: 2 of 2 migrations are undone by their down sections",
    ]


def test_the_command_shows_the_difference_and_exits_with_1(sqlite_shop):
    sqlite_shop.write("0001_users", CHANGES.replace("DROP TABLE users", "SELECT 1"))
    end = verify_command(sqlite_shop, "--engine", "sqlite")
    assert end.returncode == 1
    assert "error: " in end.stderr
    assert "+CREATE TABLE users (" in end.stdout
    assert end.stdout.splitlines()[-1] == "not tried: postgres"
    (document,) = json.loads(verify_command(sqlite_shop, "--engine", "sqlite", "--json").stdout)
    assert document["migrations"] == [{"version": 1, "name": "users", "outcome": "not tried"}]


@pytest.mark.parametrize("url", ["sqlite:///other.db", "mysql://x"])
def test_a_server_that_is_no_postgres_is_wrong_usage(sqlite_shop, url):
    sqlite_shop.write_two()
    assert verify_command(sqlite_shop, "--postgres", url).returncode == 2


def test_without_a_server_the_command_exits_with_6_and_says_what_to_do(sqlite_shop):
    sqlite_shop.write_two()
    end = verify_command(sqlite_shop, "--postgres", "postgresql://user:Secret1@127.0.0.1:1/nowhere")
    assert end.returncode == 6
    assert "Secret1" not in end.stderr + end.stdout
    assert "--engine sqlite" in end.stderr


def test_it_is_imported_only_when_it_is_needed(sqlite_shop):
    code = (
        "import sys, sqlstore.store, sqlstore.migrations as m;"
        "rare = ('lint', 'schema_drift', 'verification');"
        "print([name for name in rare if f'sqlstore.migrations.{name}' in sys.modules], m.verify.__name__)"
    )
    assert sqlite_shop.run_command([sys.executable, "-c", code]).stdout == "[] verify\n"


def verify_command(shop, *arguments):
    command = shop.command("verify", *arguments)
    return shop.run_command([word for word in command if word not in ("--url", shop.url)])


ROWS = {
    "assistant": (
        "INSERT INTO users (id, hardware_id_hash) VALUES ('00000000-0000-7000-8000-000000000001', 'h')",
        (
            "INSERT INTO sessions (id, user_id) VALUES"
            " ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001')"
        ),
        (
            "INSERT INTO commands (id, session_id, prompt) VALUES"
            " ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 'p')"
        ),
    ),
    "chatbot": (
        "INSERT INTO users (id, session_id, platform) VALUES (1, 's', 'web')",
        "INSERT INTO messages (user_id, role, content) VALUES (1, 'user', 'hello')",
        "INSERT INTO faqs (question, answer) VALUES ('q', 'a')",
    ),
    "conversations": (
        "INSERT INTO conversations (id, user_id, title) VALUES ('00000000-0000-7000-8000-000000000001', 1, '')",
        (
            "INSERT INTO messages (id, conversation_id, role, content) VALUES ('00000000-0000-7000-8000-000000000002',"
            " '00000000-0000-7000-8000-000000000001', 'user', 'hello')"
        ),
    ),
    "lessons": (
        "INSERT INTO sessions (chat_id) VALUES ('1')",
        "INSERT INTO messages (chat_id, role, content) VALUES ('1', 'user', 'hello')",
    ),
    "state": (
        "INSERT INTO histories (framework, session_id) VALUES ('langchain', '1')",
        "INSERT INTO history_items (framework, session_id, seq, item) VALUES ('langchain', '1', 1, '{}')",
        "INSERT INTO threads (thread_id) VALUES ('1')",
        "INSERT INTO fsm_states VALUES (1, 1, 1, 0, '', 'default', 's', NULL, '2020-01-01T00:00:00.000000Z')",
        "INSERT INTO persisted_data (bot, kind, owner_id, data) VALUES ('bot', 'user', 1, '{}')",
    ),
    "support": (
        "INSERT INTO users (id, first_name) VALUES (1, 'Ann')",
        "INSERT INTO chats (id, type) VALUES (1, 'private')",
        "INSERT INTO messages (id, telegram_id, chat_id, user_id) VALUES (1, 1, 1, 1)",
        "INSERT INTO tickets (message_id, assigned_to) VALUES (1, 1)",
    ),
}


@pytest.mark.parametrize("store", sorted(ROWS))
async def test_a_shipped_store_goes_down_and_up_again_over_rows(shop, store):
    source = MigrationSource(store, migrations_folder(store))
    async with shop.driver() as driver:
        await migrate(driver, source)
    for statement in ROWS[store]:
        await shop.execute(statement)
    counts = await count_rows(shop)
    assert min(counts[statement.split()[2]] for statement in ROWS[store]) > 0
    async with shop.driver() as driver:
        for left in reversed(range(counts["migrations"])):
            await down(driver, source, steps=1)
            kept = await count_rows(shop)
            assert kept == {table: counts[table] for table in kept} | {"migrations": left}
        assert set(kept) == {"migrations"}
        await migrate(driver, source)
    assert sum((await count_rows(shop)).values()) == counts["migrations"]


async def count_rows(shop):
    made_by_migrations = {"sqlite_sequence", "search_state"}
    tables = {
        name for name in await shop.tables() if name not in made_by_migrations and "_search" not in name
    }
    return {table: (await shop.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}
