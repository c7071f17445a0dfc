"""Restoring: every store, into a new place, with every row; refused where anything is in the way."""

import hashlib
import re
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest

from sqlstore.capabilities.backup import backup, restore
from sqlstore.capabilities.backup.manifest import manifest_path
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.postgres import PostgresDriver
from sqlstore.migrations import MigrationSource, migrate
from sqlstore.migrations.errors import NewerDatabase
from sqlstore.stores import STORES, load_store
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import SessionState
from tests.capabilities.backup.conftest import schema_of, visible

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])
on_postgres = pytest.mark.parametrize("engine", ["postgres"])


async def write(store) -> None:
    """Something that a store keeps, through its own methods: its triggers and sequences take part."""
    match store.name:
        case "chatbot":
            await store.append_message("web_1", "user", "สวัสดี")
        case "assistant":
            await store.users.get_or_create("9f86d081884c7d65", {"os": "macOS 14"}) if hasattr(
                store.users, "get_or_create"
            ) else await store.users.create(
                f"hash-{len(await store.driver.fetch('SELECT id FROM users'))}", {}
            )
        case "conversations":
            chat = await store.conversations.create(user_id=7)
            await store.messages.append(chat.id, "user", "Will it rain?")
        case "lessons":
            state = await store.load_session("42") or SessionState("42")
            state.add_message("user", "Why is the sky blue?")
            await store.save_session(state)
        case "state":
            await store.append_items("langchain", "42", ["{}"])
        case "support":
            await store.chats.save(-100, "supergroup", "Customers")
            await store.users.save(7, "Ann", username="ann")


@pytest.mark.parametrize("name", sorted(STORES))
async def test_every_store_comes_back_and_goes_on(name, url, place, tmp_path):
    store = load_store(name)
    async with store.open(url) as old:
        await write(old)
        made = await old.backup(tmp_path / "backups" / "copy", verify=True)
        restored = await restore(made.file, place)
        assert restored.manifest.contents == made.manifest.contents
    async with store.open(place, migrate=False, create=False) as new:
        if isinstance(new.driver, PostgresDriver):
            await new.driver.check(new._queries)
        await write(new)  # ids and triggers go on


@on_sqlite
async def test_a_restored_file_is_private_and_alone(made, place, tmp_path):
    await restore(made.file, place)
    folder = tmp_path / "restored"
    assert visible(folder) == ["bot.db"]
    assert (folder.stat().st_mode & 0o777, (folder / "bot.db").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (folder / "bot.db").read_bytes() == made.file.read_bytes()


async def test_a_drill_leaves_nothing(made, url, place, tmp_path, engine, postgres_server):
    done = await restore(made.file, place, drill=True)
    assert (done.drill, done.manifest) == (True, made.manifest)
    if engine == "sqlite":
        assert visible(tmp_path / "restored") == []
    else:
        assert await schemas(place, schema_of(url)) == []
    await restore(made.file, url, drill=True)  # the database that is in use is not touched
    async with Chatbot.open(url) as bot:
        assert await bot.messages.count("web_1_0") == 2
    await restore(made.file, place)


async def schemas(url: str, name: str) -> list[str]:
    async with opened(url) as driver:
        return [
            row[0] for row in await driver.fetch(f"SELECT nspname FROM pg_namespace WHERE nspname = '{name}'")
        ]


@asynccontextmanager
async def opened(url: str):
    """A driver alone, without a store."""
    driver = make_driver(url)
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()


@on_sqlite
async def test_nothing_is_ever_restored_over_a_database(bot, made, url):
    await bot.append_message("web_late", "user", "later")
    with pytest.raises(ConfigurationError, match="is there already"):
        await restore(made.file, url)
    assert await bot.messages.count("web_late") == 1


@on_sqlite
@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
async def test_nothing_is_restored_beside_what_an_old_database_left(made, place, tmp_path, suffix):
    """SQLite would play the old log back into the restored file, unseen."""
    (tmp_path / "restored").mkdir()
    leftover = tmp_path / "restored" / f"bot.db{suffix}"
    leftover.write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="left from another database"):
        await restore(made.file, place)
    assert visible(tmp_path / "restored") == [leftover.name]


@on_postgres
async def test_a_schema_with_anything_in_it_is_refused(made, url, place):
    with pytest.raises(ConfigurationError, match="is not empty; restore to another database"):
        await restore(made.file, url)
    schema = schema_of(place)
    async with opened(place) as driver:
        connection = await asyncpg.connect(place.partition("?")[0] + host_option(place))
        await connection.execute(f'CREATE SCHEMA "{schema}"; CREATE TYPE "{schema}".mood AS ENUM ()')
        with pytest.raises(ConfigurationError, match="is not empty"):
            await restore(made.file, place)
        await connection.execute(f'DROP TYPE "{schema}".mood')
        await restore(made.file, place)
        await connection.close(timeout=5)
        assert await driver.fetch("SELECT count(*) FROM messages") == [(6,)]


def host_option(url: str) -> str:
    host = re.search(r"[?&](host=[^&]+)", url)
    return f"?{host[1]}" if host else ""


@on_postgres
async def test_another_schema_than_the_backup_s_is_refused(made, place):
    with pytest.raises(ConfigurationError, match=r"add \?schema=test_\w+ to the URL"):
        await restore(made.file, place.replace("schema=", "schema=x"))


@on_postgres
async def test_the_schema_public_is_restored_too(postgres_server, place, tmp_path):
    """It is there in every new database, and the archive would make it again."""
    public = place.partition("schema=")[0] + "schema=public"
    async with Chatbot.open(public) as bot:
        await bot.append_message("web_1", "user", "hi")
        made = await bot.backup(tmp_path / "copy")
        await restore(made.file, public, drill=True)
        await bot.driver.fetch("SELECT 1")
    connection = await asyncpg.connect(place.partition("?")[0] + host_option(place))
    await connection.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMENT ON SCHEMA public IS 'x'"
    )
    await connection.close(timeout=5)
    await restore(made.file, public)
    async with Chatbot.open(public, migrate=False) as bot:
        assert await bot.messages.count("web_1") == 1


async def test_the_other_engine_is_refused(made, engine, tmp_path):
    other = {"sqlite": "postgresql://127.0.0.1/x", "postgres": f"sqlite:///{tmp_path}/x.db"}[engine]
    with pytest.raises(ConfigurationError, match="give a URL"):
        await restore(made.file, other)


async def test_a_damaged_backup_is_not_restored(made, place):
    damaged = bytearray(made.file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    made.file.write_bytes(damaged)
    with pytest.raises(CorruptDatabase, match="SHA-256"):
        await restore(made.file, place)
    await nothing_is_at(place)


async def test_rows_that_differ_after_the_restore_are_found(made, place, engine):
    """Whatever lost them on the way: the manifest says what must be there."""
    text = manifest_path(made.file).read_text()
    manifest_path(made.file).write_text(text.replace('"rows": 6', '"rows": 7'))
    with pytest.raises(CorruptDatabase, match="messages, search_pending differ"):
        await restore(made.file, place)
    if engine == "sqlite":
        await nothing_is_at(place)


async def test_a_backup_of_a_newer_program_is_refused(made, place):
    text = manifest_path(made.file).read_text()
    newest = made.manifest.contents.stores["chatbot"]
    manifest_path(made.file).write_text(text.replace(f'"chatbot": {newest}', '"chatbot": 99'))
    with pytest.raises(NewerDatabase, match=r"0099 .* update the program"):
        await restore(made.file, place)
    await nothing_is_at(place)


async def test_a_store_of_one_s_own_is_compared_with_its_own_migrations(url, place, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"000{number}_t.sql").write_text(
            f"-- migrate: up\nCREATE TABLE t{number} (a integer);\n-- migrate: down\nDROP TABLE t{number};\n"
        )
    source = MigrationSource("diary", folder)
    async with opened(url) as driver:
        await migrate(driver, source)
        made = await backup(driver, tmp_path / "copy")
    (folder / "0002_t.sql").unlink()
    with pytest.raises(NewerDatabase):
        await restore(made.file, place, sources=[source])
    await restore(made.file, place)  # nothing is known of it


@on_sqlite
async def test_a_database_of_another_program_is_refused(bot, made, place):
    with closing(sqlite3.connect(made.file)) as other:
        other.execute("PRAGMA application_id = 7")
    manifest = manifest_path(made.file)
    digest = hashlib.sha256(made.file.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(made.manifest.sha256, digest))
    with pytest.raises(ConfigurationError, match="another program"):
        await restore(made.file, place)


async def test_there_is_no_such_backup(place, tmp_path):
    with pytest.raises(ConfigurationError, match="there is no backup"):
        await restore(tmp_path / "none.db", place)


async def nothing_is_at(place: str) -> None:
    if place.startswith("sqlite"):
        folder = Path(place.removeprefix("sqlite:///")).parent
        assert not folder.exists() or visible(folder) == []
    else:
        assert await schemas(place, schema_of(place)) == []
