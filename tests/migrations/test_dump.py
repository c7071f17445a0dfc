"""What `dump` says of a schema: everything that matters, nothing that does not, always in the same words."""

import json
import sqlite3
from contextlib import asynccontextmanager, closing
from urllib.parse import quote

import asyncpg
import pytest

from sqlstore.engine.connect import make_driver
from sqlstore.engine.resources import migrations_folder
from sqlstore.engine.schema import read_schema, schema_difference, schema_text
from sqlstore.engine.scratch import scratch_driver
from sqlstore.engine.sqltext import quoted
from sqlstore.migrations import MigrationSource, migrate

BOTH = (
    "CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL DEFAULT 'x', age bigint CHECK (age > 0));",
    (
        "CREATE TABLE pets (id bigint PRIMARY KEY, owner bigint REFERENCES people (id) ON DELETE CASCADE,"
        " CONSTRAINT pets_owner_check CHECK (owner <> 7), CONSTRAINT pets_owner_key UNIQUE (owner));"
    ),
    "CREATE INDEX by_name ON people (name, id) WHERE age > 1;",
    "CREATE VIEW names AS SELECT name FROM people WHERE age > 2;",
)
OF_POSTGRES = """
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TYPE point3 AS (x int, y int, z int);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE DOMAIN short AS text NOT NULL DEFAULT '' CONSTRAINT is_short CHECK (length(VALUE) < 9);
    CREATE SEQUENCE tickets AS int INCREMENT BY 5 START WITH 10 CYCLE;
    CREATE TABLE logs (id int GENERATED ALWAYS AS IDENTITY, at timestamptz(3) NOT NULL DEFAULT now(),
        word varchar(9) COLLATE "C", state mood, twice int GENERATED ALWAYS AS (length(word) * 2) STORED,
        nr serial, EXCLUDE USING gist (int4range(nr, nr + 5) WITH &&));
    ALTER TABLE logs ADD CONSTRAINT logs_at_check CHECK (at > '2000-01-01+0') NOT VALID;
    CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value text) WITH (fillfactor = 70);
    CREATE TABLE parts (id int NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE child (extra int) INHERITS (cache);
    CREATE MATERIALIZED VIEW totals AS SELECT word, count(*) FROM logs GROUP BY word;
    CREATE UNIQUE INDEX totals_word ON totals (word);
    CREATE FUNCTION twice(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql STABLE SET search_path FROM CURRENT
        BEGIN ATOMIC SELECT a * b + count(*)::int FROM logs; END;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
    CREATE TRIGGER touched BEFORE UPDATE ON logs FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE POLICY own ON cache FOR SELECT TO public USING (key <> 'secret');
    CREATE RULE quiet AS ON DELETE TO cache DO INSTEAD NOTHING;
    CREATE STATISTICS together ON word, nr FROM logs;
"""


async def execute(driver, sql):
    """Run a script past the driver."""
    if driver.engine == "sqlite":
        with closing(sqlite3.connect(driver.address)) as connection:
            connection.executescript(sql)
        return
    host, port = driver.settings.hosts[0]
    connection = await asyncpg.connect(
        host=host, port=port, user=driver.settings.user, password=driver.settings.password,
        database=driver.settings.database,
        server_settings={"search_path": f"{quoted(driver.settings.schema)}, pg_temp"},
    )  # fmt: skip
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@asynccontextmanager
async def opened(url):
    driver = make_driver(url)
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()


@pytest.fixture
async def database(url):
    async with opened(url) as driver:
        yield driver


@pytest.fixture
async def postgres(postgres_url):
    async with opened(postgres_url) as driver:
        yield driver


async def test_the_order_of_creation_makes_no_difference(database):
    await execute(database, "".join(BOTH))
    first = await read_schema(database)
    await execute(
        database, "DROP VIEW names; DROP TABLE pets; DROP TABLE people; CREATE TABLE gone (id bigint)"
    )
    assert len(await read_schema(database)) == 1
    await execute(database, BOTH[0] + BOTH[3] + BOTH[2] + BOTH[1] + "DROP TABLE gone")
    assert schema_text(await read_schema(database)) == schema_text(first)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE pets ADD COLUMN name text",
        "ALTER TABLE people RENAME COLUMN age TO years",
        "ALTER TABLE pets RENAME TO animals",
        "DROP INDEX by_name",
        "DROP INDEX by_name; CREATE INDEX by_name ON people (name, id) WHERE age > 2",
        "DROP INDEX by_name; CREATE UNIQUE INDEX by_name ON people (name, id) WHERE age > 1",
        "DROP VIEW names",
        "DROP TABLE pets",
        "CREATE TABLE more (id bigint)",
    ],
)
async def test_every_change_shows(database, change):
    await execute(database, "".join(BOTH))
    before = await read_schema(database)
    await execute(database, change)
    assert schema_difference(before, await read_schema(database), ("a", "b"))


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO people VALUES (1, 'n', 5); ANALYZE",
        "ALTER TABLE pets RENAME TO animals; ALTER TABLE animals RENAME TO pets",
        "DROP VIEW names;  CREATE VIEW  names AS SELECT name\n FROM people -- all\n WHERE age > 2",
        "DROP INDEX by_name; CREATE INDEX by_name ON people(name , id)WHERE age>1",
        "ALTER TABLE people DROP COLUMN name; ALTER TABLE people ADD COLUMN name text NOT NULL DEFAULT 'x'",
    ],
)
async def test_what_is_the_same_compares_equal(database, change):
    await execute(database, BOTH[0] + BOTH[1] + ("" if "DROP COLUMN" in change else BOTH[2] + BOTH[3]))
    before = await read_schema(database)
    await execute(database, change)
    assert schema_difference(before, await read_schema(database), ("a", "b")) == ""


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TYPE mood ADD VALUE 'so-so' AFTER 'sad'",
        "ALTER TYPE point3 ALTER ATTRIBUTE z TYPE bigint",
        "ALTER DOMAIN short DROP NOT NULL",
        "ALTER DOMAIN short DROP CONSTRAINT is_short",
        "ALTER SEQUENCE tickets INCREMENT BY 6",
        "ALTER TABLE logs ALTER id SET GENERATED BY DEFAULT",
        "ALTER TABLE logs ALTER id SET INCREMENT BY 3",
        "ALTER TABLE logs ALTER at TYPE timestamptz",
        "ALTER TABLE logs ALTER at DROP NOT NULL",
        "ALTER TABLE logs ALTER at SET DEFAULT '2020-01-01+0'",
        "ALTER TABLE logs ALTER twice DROP EXPRESSION",
        'DROP MATERIALIZED VIEW totals; ALTER TABLE logs DROP twice, ALTER word TYPE varchar(9) COLLATE "POSIX"',
        "ALTER TABLE logs VALIDATE CONSTRAINT logs_at_check",
        "ALTER TABLE cache SET LOGGED",
        "ALTER TABLE cache RESET (fillfactor)",
        "ALTER TABLE cache ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE parts DETACH PARTITION parts_1",
        "ALTER TABLE child NO INHERIT cache",
        "ALTER SEQUENCE logs_nr_seq OWNED BY NONE",
        "ALTER TABLE logs DISABLE TRIGGER touched",
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "DROP FUNCTION twice",
        "DROP AGGREGATE total(int)",
        "DROP POLICY own ON cache",
        "DROP RULE quiet ON cache",
        "DROP STATISTICS together",
        "DROP INDEX totals_word",
        "REFRESH MATERIALIZED VIEW totals; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'totals_word'::regclass",
    ],
)
async def test_every_change_of_what_postgres_has_shows(postgres, change):
    await execute(postgres, OF_POSTGRES)
    before = await read_schema(postgres)
    await execute(postgres, change)
    assert schema_difference(before, await read_schema(postgres), ("a", "b"))


async def test_two_schemas_of_other_names_compare_equal(postgres, postgres_url):
    schema = "Odd 'schema\""
    await execute(postgres, OF_POSTGRES + f"CREATE SCHEMA {quoted(schema)}")
    async with opened(postgres_url.partition("schema=")[0] + f"schema={quote(schema)}") as other:
        try:
            await execute(other, OF_POSTGRES)
            assert schema_text(await read_schema(other)) == schema_text(await read_schema(postgres))
            assert "Odd" not in schema_text(await read_schema(other))
        finally:
            await execute(other, f"DROP SCHEMA {quoted(schema)} CASCADE")


@pytest.mark.parametrize("store", ["assistant", "chatbot", "support"])
async def test_it_lists_a_store_and_not_the_book(database, store):
    await migrate(database, MigrationSource(store, migrations_folder(store)))
    schema = await read_schema(database)
    assert {"users"} < {item.name for item in schema if item.kind == "table"}
    assert not [item for item in schema if "migrations" in item.name]
    assert {item.kind for item in schema} >= {"table", "index", "trigger"}


@pytest.mark.parametrize("store", ["assistant", "chatbot", "conversations", "lessons", "state", "support"])
async def test_what_it_prints_of_sqlite_makes_the_same_database(store):
    async with scratch_driver("sqlite") as first, scratch_driver("sqlite") as second:
        await migrate(first, MigrationSource(store, migrations_folder(store)))
        text = schema_text(await read_schema(first))
        await execute(second, text)
        assert schema_text(await read_schema(second)) == text


async def test_sqlite_odd_names_and_virtual_tables():
    async with scratch_driver("sqlite") as driver:
        await execute(
            driver,
            'CREATE TABLE [a b] (`x y` INT DEFAULT -1, "plain" INT, z REAL CHECK (z<=-1 OR z>= +2)) STRICT;'
            "CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'trigram');"
            "ALTER TABLE [a b] RENAME TO c;",
        )
        text = schema_text(await read_schema(driver))
    assert text == (
        'CREATE TABLE c (\n  "x y" INT DEFAULT -1,\n  plain INT,\n  z REAL CHECK (z <= -1 OR z >= +2)\n) STRICT;\n\n'
        "CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'trigram');\n"
    )


def test_the_command_prints_sql_or_json(shop):
    shop.write_two()
    assert shop.run("up").returncode == 0
    command = [*shop.command("dump")[:4], "--url", shop.url]
    text = shop.run_command(command)
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.startswith("CREATE TABLE users (\n  id bigint")
    document = json.loads(shop.run_command([*command, "--json"]).stdout)
    assert document["engine"] == shop.engine
    assert [item["name"] for item in document["objects"]] == ["users", "visits"]


def test_the_command_makes_no_file(sqlite_shop, tmp_path):
    end = sqlite_shop.run_command([*sqlite_shop.command("dump")[:4], "--url", sqlite_shop.url])
    assert end.returncode == 6
    assert not (tmp_path / "bot.db").exists()
