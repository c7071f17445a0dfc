"""What is not a database of the old system is refused, and stays as it is."""

import hashlib

import pytest
import sqlalchemy as sa

from sqlstore.capabilities.adopt import NotRecognised, adopt
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.stores import STORES, load_store
from sqlstore.stores.chatbot import Chatbot


async def refused(database, error: type[Exception] = NotRecognised) -> str:
    """The sentence with which it is refused; every byte of a SQLite file stays as it was."""
    before = await database.dump()
    digest = _digest(database)
    with pytest.raises(error) as caught:
        await adopt(Chatbot, database.url)
    assert _digest(database) == digest
    assert await database.dump() == before
    return str(caught.value)


def _digest(database) -> str:
    return hashlib.sha256(database.path.read_bytes()).hexdigest() if database.engine == "sqlite" else ""


async def test_a_database_without_any_of_its_tables(database):
    metadata = sa.MetaData()
    sa.Table("songs", metadata, sa.Column("id", sa.Integer, primary_key=True))
    await database.make(metadata, {})
    assert "none of this store's tables" in await refused(database)


async def test_a_database_that_sqlstore_made(url, database):
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_1", "user", "hi")
    assert "made this database itself" in await refused(database)


async def test_tables_of_the_same_names_but_of_another_store(database):
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("hardware_id_hash", sa.String),
    )
    sa.Table(
        "sessions", metadata, sa.Column("id", sa.String, primary_key=True), sa.Column("user_id", sa.String)
    )
    await database.make(metadata, {})
    assert "the table users lacks the columns session_id, platform" in await refused(database)


async def test_messages_without_the_users_they_belong_to(database):
    metadata = sa.MetaData()
    columns = [sa.Column(name, sa.Text) for name in ("role", "content")]
    sa.Table(
        "messages",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer),
        *columns,
    )
    await database.make(metadata, {})
    assert "the table messages is there, but not users" in await refused(database)


async def test_a_view_over_the_tables_stands_in_the_way_on_postgres(old_postgres):
    await old_postgres.execute("CREATE VIEW active AS SELECT * FROM users WHERE bot_enabled")
    assert "the view active; drop" in (await refused(old_postgres, ConfigurationError)).replace(
        "drop them", "drop"
    )
    await old_postgres.execute("DROP VIEW active")
    assert (await adopt(Chatbot, old_postgres.url)).state == "adopted"


async def test_a_view_goes_on_working_on_sqlite(old_sqlite):
    await old_sqlite.execute("CREATE VIEW active AS SELECT id FROM users WHERE bot_enabled")
    await adopt(Chatbot, old_sqlite.url)
    assert await old_sqlite.rows("SELECT id FROM active ORDER BY id") == [(3,), (8,)]


async def test_tables_that_another_role_owns(old_postgres):
    await old_postgres.execute("ALTER TABLE faqs OWNER TO pg_monitor")
    assert "belong to pg_monitor" in await refused(old_postgres, ConfigurationError)


async def test_a_file_that_is_missing_is_not_made(sqlite_url, tmp_path):
    with pytest.raises(ConfigurationError):
        await adopt(Chatbot, sqlite_url)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_empty_or_no_database(sqlite_url, tmp_path):
    for content in (b"", b"no database, but long enough to have a header of one hundred bytes" * 20):
        (tmp_path / "bot.db").write_bytes(content)
        with pytest.raises(CorruptDatabase):
            await adopt(Chatbot, sqlite_url)
        assert (tmp_path / "bot.db").read_bytes() == content


async def test_memory_and_zones_that_are_none(old_sqlite):
    with pytest.raises(ConfigurationError, match="memory"):
        await adopt(Chatbot, "sqlite://:memory:")
    for zone in ("Nowhere/Land", "../etc/passwd", ""):
        with pytest.raises(ConfigurationError, match="timezone"):
            await adopt(Chatbot, old_sqlite.url, timezone=zone)


def test_each_store_is_known_by_its_own_name():
    for name in STORES:
        assert load_store(name).name == name
    with pytest.raises(ConfigurationError, match=r"'nothing' is no store; these are: .*chatbot"):
        load_store("nothing")
