"""pg_dump and pg_restore: found in the right version, never shown a password, understood when they fail."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from sqlstore.capabilities.backup import backup, restore, verify
from sqlstore.capabilities.backup.manifest import manifest_path
from sqlstore.engine import postgres_tools
from sqlstore.engine.address import parse
from sqlstore.engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    CorruptDatabase,
    DatabaseError,
    StorageFull,
    StoreError,
    Unavailable,
)
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.engine.postgres_tools import find_tool, tool_environment
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import schema_of, visible
from tests.engine.postgres_support import bare, opened, postgres_address

CANARY = "canary-4f1d"


@pytest.fixture
def engine() -> str:
    return "postgres"


@pytest.fixture
def no_tools(tmp_path, monkeypatch):
    """A machine without PostgreSQL's programs; gives a folder of PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(postgres_tools, "_DEBIAN", tmp_path / "none")
    monkeypatch.setattr(postgres_tools, "find_spec", lambda _name: None)
    return folder


def install(folder: Path, name: str, version: str) -> None:
    """A program that can tell its version and no more."""
    (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
    (folder / name).chmod(0o755)


async def test_without_pg_dump_it_says_what_to_install(bot, no_tools, tmp_path):
    with pytest.raises(ConfigurationError, match=r"found none.*apt-get install postgresql-client-\d\d"):
        await bot.backup(tmp_path / "out" / "copy")
    assert visible(tmp_path / "out") == []


async def test_a_pg_dump_that_is_too_old_says_so(bot, no_tools, tmp_path):
    install(no_tools, "pg_dump", "12.4")
    with pytest.raises(
        ConfigurationError, match=r"pg_dump of PostgreSQL \d\d or newer is needed \(found: 12\.4\)"
    ):
        await bot.backup(tmp_path / "out" / "copy")


async def test_without_pg_restore_nothing_is_made_at_the_place(made, place, no_tools):
    with pytest.raises(ConfigurationError, match="pg_restore of PostgreSQL"):
        await restore(made.file, place)
    async with bare(place) as connection:
        assert await connection.fetch("SELECT FROM pg_namespace WHERE nspname = $1", schema_of(place)) == []


async def test_the_oldest_program_that_will_do_is_taken(tmp_path, monkeypatch, no_tools):
    monkeypatch.setattr(postgres_tools, "_DEBIAN", tmp_path / "debian")
    for version in ("14.1", "16.2", "17.3"):
        folder = tmp_path / "debian" / version.partition(".")[0] / "bin"
        folder.mkdir(parents=True)
        install(folder, "pg_dump", version)
    install(no_tools, "pg_dump", "18beta1")
    assert [(await find_tool("pg_dump", oldest)).version for oldest in (13, 14, 15, 16, 18)] == [
        "14.1", "14.1", "16.2", "16.2", "18beta1",
    ]  # fmt: skip
    assert (await find_tool("pg_dump", 15, 16)).major == 16
    for bounds in ((19, None), (15, 15)):
        with pytest.raises(ConfigurationError, match=r"found: 14\.1, 16\.2, 17\.3, 18beta1"):
            await find_tool("pg_dump", *bounds)


async def test_a_server_older_than_the_backup_is_refused(made, place):
    text = manifest_path(made.file).read_text()
    version = made.manifest.contents.tool_version
    manifest_path(made.file).write_text(
        text.replace(f'"tool_version": "{version}"', '"tool_version": "99.1"')
    )
    with pytest.raises(ConfigurationError, match="needs a server of PostgreSQL 99 or newer"):
        await restore(made.file, place)


async def test_a_backup_that_only_a_newer_server_takes_is_warned_about(bot, tmp_path, caplog, monkeypatch):
    ((version,),) = await bot.driver.fetch("SHOW server_version_num")
    older = f"{int(version) // 10_000 - 1}.9"
    monkeypatch.setattr("sqlstore.engine.postgres_backup.version_of", lambda _connection: older)
    await bot.backup(tmp_path / "copy")
    assert f"from a server of PostgreSQL {older}: it can be restored to" in caplog.text


def test_the_environment_leads_where_we_connected_and_nowhere_else(monkeypatch):
    for name in ("PGHOSTADDR", "PGSERVICE", "PGOPTIONS", "PGSSLMODE", "PGDATABASE"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PGPASSFILE", "/kept")
    address = parse(f"postgresql://bot:{CANARY}@a:1,b:2/chat?sslmode=verify-full&sslrootcert=ca.pem")
    environment = {
        name: value for name, value in tool_environment(address, ("b", 2)).items() if name.startswith("PG")
    }
    assert environment == {
        "PGHOST": "b", "PGPORT": "2", "PGUSER": "bot", "PGPASSWORD": CANARY, "PGDATABASE": "chat",
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "ca.pem", "PGAPPNAME": "sqlstore backup",
        "PGCONNECT_TIMEOUT": "10", "PGPASSFILE": "/kept",
    }  # fmt: skip


async def test_no_password_stands_in_a_command_line_or_a_manifest(
    bot, place, postgres_url, tmp_path, monkeypatch
):
    """The server trusts us, so any password will do; what every program is started with is kept."""
    started = []
    real = asyncio.create_subprocess_exec

    async def watched(*command, **options):
        started.append(" ".join(map(str, command)))
        return await real(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    address = replace(postgres_address(postgres_url), password=CANARY)
    async with opened(address) as driver:
        made = await backup(driver, tmp_path / "copy", verify=True)
    with_password = replace(postgres_address(place), password=CANARY)
    monkeypatch.setattr("sqlstore.engine.backup.parse", lambda _url: with_password)
    await restore(made.file, place)
    assert any("--snapshot" in command for command in started)
    assert any("--single-transaction" in command for command in started)
    assert CANARY not in "\n".join(started)
    assert all(CANARY not in path.read_text(errors="replace") for path in tmp_path.glob("copy*"))


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ("could not write to file: No space left on device", StorageFull, "make room"),
        (
            "ERROR:  permission denied for table users",
            ConfigurationError,
            "denied for table users; connect as",
        ),
        ('FATAL:  password authentication failed for user "bot"', AuthenticationFailed, "rejects the user"),
        ("ERROR:  canceling statement due to lock timeout", Conflict, "try again"),
        ("server closed the connection unexpectedly", Unavailable, "was lost"),
        ('connection to server at "h", port 1 failed: Connection refused', Unavailable, "was lost"),
        ("input file does not appear to be a valid archive", CorruptDatabase, "another one"),
        ('ERROR:  relation "users" already exists', ConfigurationError, "meanwhile"),
        (
            f'ERROR:  invalid input syntax: "{CANARY}"\nCONTEXT:  COPY t, line 1: "{CANARY}"',
            DatabaseError,
            "by hand",
        ),
    ],
)
async def test_what_the_programs_say_is_understood_and_never_quoted(said, error, told):
    tool = replace(await find_tool("pg_dump", 1), path=Path(sys.executable))
    with pytest.raises(error, match=told) as caught:
        await tool.run("-c", f"import sys; sys.exit({f'{said} {CANARY}'!r})")
    assert type(caught.value) is error
    assert CANARY not in str(caught.value)


async def test_a_role_that_may_not_read_a_table_hears_which(bot, postgres_url, tmp_path):
    schema = schema_of(postgres_url)
    async with bare(postgres_url) as connection:
        await connection.execute(
            f'CREATE ROLE "{schema}" LOGIN; GRANT USAGE ON SCHEMA "{schema}" TO "{schema}"'
        )
        try:
            async with opened(postgres_address(postgres_url, user=schema)) as driver:
                with pytest.raises(ConfigurationError, match=r"permission denied for table \w+; connect as"):
                    await backup(driver, tmp_path / "out" / "copy")
            assert visible(tmp_path / "out") == []
        finally:
            await connection.execute(f'DROP OWNED BY "{schema}"; DROP ROLE "{schema}"')


async def test_behind_a_pooler_it_is_refused(bot, postgres_url, place, made):
    with pytest.raises(ConfigurationError, match="PgBouncer"):
        await backup(PostgresDriver(postgres_address(postgres_url, pgbouncer=True)))
    with pytest.raises(ConfigurationError, match="PgBouncer"):
        await restore(made.file, f"{place}&pgbouncer=true")


async def test_a_server_that_goes_away_midway_leaves_nothing(postgres_server, postgres_url, tmp_path):
    """Its connections are cut while pg_dump copies."""
    async with Chatbot.open(postgres_url) as bot:
        schema = schema_of(postgres_url)
        async with bare(postgres_url) as connection:
            # pg_dump waits for this table, so it is certainly under way
            held = connection.transaction()
            await held.start()
            await connection.execute(f'LOCK TABLE "{schema}".messages IN ACCESS EXCLUSIVE MODE')
            task = asyncio.create_task(bot.backup(tmp_path / "out" / "copy"))
            async with bare(postgres_url) as other:
                async with asyncio.timeout(20):
                    while not await other.fetchval(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sqlstore backup'"
                        " AND wait_event_type = 'Lock'"
                    ):
                        await asyncio.sleep(0.02)
                await other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'sqlstore backup' AND wait_event_type = 'Lock'"
                )
            with pytest.raises(Unavailable):
                await task
            await held.rollback()
        assert visible(tmp_path / "out") == []
        assert (await bot.backup(tmp_path / "out" / "copy")).manifest.contents.tables["users"].rows == 0


async def test_cancelled_while_it_waits_for_a_lock_it_leaves_no_pg_dump(bot, postgres_url, tmp_path):
    waiting = (
        "SELECT count(*) FROM pg_stat_activity, pg_locks WHERE application_name = 'sqlstore backup'"
        " AND pg_locks.pid = pg_stat_activity.pid AND NOT granted"
    )
    async with (
        bare(postgres_url) as connection,
        bare(postgres_url) as other,
        connection.transaction(),
        asyncio.timeout(30),
    ):
        await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(bot.backup(tmp_path / "out" / "copy"))
        while not await other.fetchval(waiting):
            await asyncio.sleep(0.02)
        assert "pg_dump" in children()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "pg_dump" not in children()
    assert visible(tmp_path / "out") == []


def children() -> list[str]:
    """The names of the programs that this process runs now."""
    numbers = [
        number for path in Path("/proc/self/task").glob("*/children") for number in path.read_text().split()
    ]
    return [Path(f"/proc/{number}/comm").read_text().strip() for number in numbers]


async def test_identifiers_and_values_of_every_kind_come_back(bot, url, place, tmp_path):
    """Names that need quotes, and the values whose text depends on a session's settings."""
    async with bare(url) as connection:
        await connection.execute(
            """CREATE TABLE "Odd ""name""; --" (id int PRIMARY KEY, f float8, b bytea, i interval, t timestamptz,
                j jsonb, n numeric, empty text, created date);
            INSERT INTO "Odd ""name""; --" VALUES (1, 0.1::float8 + 0.2::float8, '\\x00ff', '1 year 2 days', '2026-01-01 12:00+07',
                '{"b": 1, "a": [null]}', 1e100, NULL, '0044-03-15 BC'), (2, 'NaN', '', '-1 s', 'infinity',
                '"x"', 'NaN', '', 'infinity')"""
        )
    made = await bot.backup(tmp_path / "copy", verify=True)
    assert made.manifest.contents.tables['Odd "name"; --'].rows == 2
    async with bare(place) as connection:
        name = await connection.fetchval("SELECT current_database()")
        for setting in ("bytea_output = escape", "extra_float_digits = -5", "intervalstyle = iso_8601",
                        "datestyle = German", "timezone = 'Asia/Bangkok'"):  # fmt: skip
            await connection.execute(f'ALTER DATABASE "{name}" SET {setting}')
    await restore(made.file, place)
    await verify(made.file)
    with pytest.raises(StoreError):
        await restore(made.file, place)


async def test_tables_that_come_while_it_runs_are_in_neither_or_both(bot, url, tmp_path):
    """What is counted is what pg_dump sees: one snapshot for both."""
    stop = asyncio.Event()

    async def make_tables() -> None:
        connection = await asyncpg.connect(url.partition("schema=")[0].rstrip("?&"))
        await connection.execute(f'SET search_path TO "{schema_of(url)}"')
        number = 0
        while not stop.is_set():
            await connection.execute(f"CREATE TABLE t{number} AS SELECT {number} AS id")
            number += 1
            await asyncio.sleep(0.01)
        await connection.close(timeout=5)

    maker = asyncio.create_task(make_tables())
    try:
        made = [await bot.backup(folder=tmp_path / "b", verify=True) for _ in range(2)]
    finally:
        stop.set()
        await maker
    for each in made:
        await restore(each.file, url, drill=True)
