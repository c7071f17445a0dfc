"""Opening, closing and sharing: what every store does, on both engines."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from sqlstore.engine.driver import deadline
from sqlstore.engine.errors import ConfigurationError, QueryFileError, StatementError, UsageError
from sqlstore.engine.repository import Repository
from sqlstore.migrations import HistoryError, PendingMigrations
from sqlstore.store import Store
from sqlstore.stores.chatbot import Chatbot, rows
from sqlstore.stores.support import Support

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}

QUERIES = """-- Users, read only.

-- name: platforms() :many Tally
SELECT platform AS label, CAST(count(*) AS bigint) AS number FROM users GROUP BY platform ORDER BY platform;
"""


class UserRepository(Repository):
    table = "users"


def store_with(folder: Path, text: str) -> type[Store]:
    """A store of the chatbot's tables with one query file of our own."""
    queries = folder / "sql"
    queries.mkdir()
    (queries / "users.sql").write_text(text, encoding="utf-8")
    attributes = {
        "name": "chatbot",
        "row_types": rows,
        "sql": queries,
        "__annotations__": {"users": UserRepository},
        "__module__": __name__,
    }
    return type("Scratch", (Store,), attributes)


async def workers() -> int:
    """Threads of SQLite connections that are alive, once those that end have ended."""
    await asyncio.sleep(0.05)
    return sum("connection_worker" in thread.name for thread in threading.enumerate())


async def test_a_store_is_opened_with_await_or_async_with(url: str) -> None:
    bot = await Chatbot.open(url)
    await bot.append_message("web_1", "user", "hello")
    await bot.close()
    async with Chatbot.open(url) as again:
        assert len(await again.get_or_create_history("web_1")) == 1


async def test_closing_twice_does_nothing(url: str) -> None:
    bot = await Chatbot.open(url)
    await bot.close()
    await bot.close()


async def test_without_migrating_a_store_that_is_not_ready_is_refused(url: str) -> None:
    with pytest.raises(PendingMigrations):
        await Chatbot.open(url, migrate=False)
    async with Chatbot.open(url):
        pass
    async with Chatbot.open(url, migrate=False) as bot:
        assert await bot.get_bot_enabled("web_1") is True


async def test_the_environment_says_whether_to_migrate_where_the_call_does_not(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("0", "false", "No", "off"):
        monkeypatch.setenv("SQLSTORE_MIGRATE", value)
        with pytest.raises(PendingMigrations):
            await Chatbot.open(url)
    monkeypatch.setenv("SQLSTORE_MIGRATE", "perhaps")
    with pytest.raises(ConfigurationError, match="SQLSTORE_MIGRATE must be 1 or 0"):
        await Chatbot.open(url)
    monkeypatch.setenv("SQLSTORE_MIGRATE", "0")
    async with Chatbot.open(url, migrate=True):
        pass
    monkeypatch.setenv("SQLSTORE_MIGRATE", "")
    async with Chatbot.open(url):
        pass


async def test_without_creating_a_missing_file_stays_missing(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="create"):
        await Chatbot.open(sqlite_url, create=False)
    assert list(tmp_path.iterdir()) == []


async def test_many_openings_at_once_migrate_once(url: str) -> None:
    bots = await asyncio.gather(*(Chatbot.open(url) for _ in range(8)))
    await asyncio.gather(*(bot.append_message(f"web_{n}", "user", "hi") for n, bot in enumerate(bots)))
    assert (await bots[0].get_database_stats())["total_messages"] == 8
    for bot in bots:
        await bot.close()


async def test_a_query_that_does_not_fit_the_tables_is_named(url: str, tmp_path: Path) -> None:
    scratch = store_with(tmp_path, QUERIES.replace("SELECT platform", "SELECT plattform"))
    before = await workers()
    with pytest.raises(StatementError, match=r"chatbot\.users\.platforms"):
        async with scratch.open(url) as store:
            await store.users._many(rows.Tally, store.users._q.platforms)
    assert await workers() == before


async def test_a_file_that_is_wrong_is_named_and_nothing_stays_open(url: str, tmp_path: Path) -> None:
    scratch = store_with(tmp_path, QUERIES.replace(":many", ":few"))
    before = await workers()
    with pytest.raises(QueryFileError, match=r"users\.sql:3:"):
        await scratch.open(url)
    assert await workers() == before


async def test_a_method_that_disagrees_with_its_header_is_refused(url: str, tmp_path: Path) -> None:
    async with store_with(tmp_path, QUERIES).open(url) as store:
        with pytest.raises(UsageError, match=":many Tally"):
            await store.users._one(rows.Tally, store.users._q.platforms)
        with pytest.raises(UsageError, match=":many Tally"):
            await store.users._many(rows.User, store.users._q.platforms)
        assert await store.users._many(rows.Tally, store.users._q.platforms) == []


async def test_a_cancelled_opening_leaves_nothing_open(url: str) -> None:
    before = await workers()
    for pause_s in (0, 0.002, 0.005, 0.01, 0.02, 0.04):
        task = asyncio.create_task(_open_and_close(url))
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await workers() == before
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_1", "user", "hello")


async def _open_and_close(url: str) -> None:
    async with Chatbot.open(url):
        pass


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Chatbot]:
    async with Chatbot.open(url) as store:
        yield store


async def test_a_deadline_covers_everything_in_its_block(bot: Chatbot) -> None:
    with deadline(5), deadline(60):
        await bot.append_message("web_1", "user", "hello")
    assert len(await bot.get_or_create_history("web_1")) == 1


async def test_two_stores_of_one_process_see_each_other(url: str, bot: Chatbot) -> None:
    async with Chatbot.open(url) as other:
        await bot.append_message("web_1", "user", "from one")
        await other.append_message("web_1", "model", "from the other")
        history = await bot.get_or_create_history("web_1")
    assert [item["role"] for item in history] == ["user", "model"]


async def test_two_stores_whose_tables_clash_are_refused(url: str) -> None:
    async with Chatbot.open(url) as bot:
        await bot.append_message("web_1", "user", "hello")
    with pytest.raises(HistoryError, match="users") as raised:
        await Support.open(url)
    assert "a database of its own" in str(raised.value)
    async with Chatbot.open(url) as bot:
        assert len(await bot.get_or_create_history("web_1")) == 1


async def test_two_stores_live_in_two_schemas(postgres_url: str) -> None:
    other = postgres_url + "_desk"
    try:
        async with Chatbot.open(postgres_url) as bot, Support.open(other) as desk:
            await bot.append_message("web_1", "user", "hello")
            await desk.users.save(7, "Ann")
            assert (await bot.get_database_stats())["total_users"] == 1
            assert [user.id for user in await desk.users.recent(10)] == [7]
    finally:
        await drop_schema(other)


async def drop_schema(url: str) -> None:
    server, schema = url.rsplit("schema=", 1)
    connection = await asyncpg.connect(server.rstrip("?&"))
    await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
    await connection.close()


def test_importing_sqlstore_imports_no_driver_and_no_store() -> None:
    code = "import sys, sqlstore; print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    names = ["aiosqlite", "asyncpg", "asyncio", "msgspec", "pypika", "pydantic", "click", "rich"]
    shown = subprocess.run(
        [sys.executable, "-c", code, *names], env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == "[]"


def test_a_store_on_sqlite_imports_no_other_driver() -> None:
    code = (
        "import asyncio, sys\n"
        "from sqlstore.stores.chatbot import Chatbot\n"
        "async def main():\n"
        "    async with Chatbot.open('sqlite://:memory:'): pass\n"
        "asyncio.run(main())\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1:])))\n"
    )
    names = ["asyncpg", "pypika", "pydantic", "click", "rich"]
    shown = subprocess.run(
        [sys.executable, "-c", code, *names], env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == "[]"
