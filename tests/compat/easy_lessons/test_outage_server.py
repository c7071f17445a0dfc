"""A PostgreSQL server that goes away, comes back, and loses an answer on the way."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sqlstore.compat.easy_lessons import DatabaseManager, PersistenceAdapter
from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.errors import DatabaseError
from sqlstore.stores.lessons import Lessons
from tests.engine.proxy import Proxy, proxy

from .talk import caught_up, said, say


@pytest.fixture
async def gateway(postgres_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before PostgreSQL, and the URL that leads through it."""
    address = parse(postgres_url)
    assert isinstance(address, PostgresAddress)
    host, port = address.hosts[0]
    async with proxy(host, port) as running:
        user = f"{address.user}:{address.password}@" if address.password else f"{address.user}@"
        yield (
            running,
            (
                f"postgresql://{user}127.0.0.1:{running.port}/{address.database}?schema={address.schema}&sslmode=disable"
            ),
        )


async def test_a_server_that_goes_away_and_comes_back(gateway: tuple[Proxy, str], postgres_url: str) -> None:
    server, url = gateway
    manager = DatabaseManager(url=url, first_pause_s=0.05)
    async with PersistenceAdapter(manager) as bot:
        assert await say(bot, "before") == "durable"
        await server.refuse()
        assert await say(bot, "during") == "spooled"
        await server.start()
        await caught_up(bot)
        assert await say(bot, "after") == "durable"
    await manager.close()
    async with Lessons.open(postgres_url) as store:
        assert said(await store.load_session("1")) == ["before", "during", "after"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_answer_lost_while_the_commit_was_in_flight_stores_nothing_twice(
    gateway: tuple[Proxy, str], postgres_url: str, moment: Any
) -> None:
    server, url = gateway
    manager = DatabaseManager(url=url, first_pause_s=0.05)
    async with PersistenceAdapter(manager) as bot:
        assert await say(bot, "before") == "durable"
        server.cut_at = (b"COMMIT", moment)
        assert await say(bot, "in flight") == "spooled"
        server.cut_at = None
        session = await bot.get_session(1)
        session.add_message("user", "said meanwhile")
        await caught_up(bot)
        assert await say(bot, "after") == "durable"
    await manager.close()
    assert server.cuts == 1
    async with Lessons.open(postgres_url) as store:
        found = await store.load_session("1")
        assert said(found) == ["before", "in flight", "said meanwhile", "after"]
        assert found is not None
        assert found.topic in {"in flight", "after"}


async def test_a_message_whose_answer_was_lost_is_not_stored_twice(
    gateway: tuple[Proxy, str], postgres_url: str
) -> None:
    server, url = gateway
    manager = DatabaseManager(url=url, first_pause_s=0.05)
    async with PersistenceAdapter(manager) as bot:
        session = await bot.get_session(1)
        await bot.save_session(session)
        await bot.add_message(1, "user", "before")
        server.cut_at = (b"in flight", "after")
        assert (await bot.add_message(1, "user", "in flight")).state == "spooled"
        server.cut_at = None
        await caught_up(bot)
        assert await say(bot, "after") == "durable"
    await manager.close()
    assert server.cuts == 1
    async with Lessons.open(postgres_url) as store:
        assert said(await store.load_session("1")) == ["before", "in flight", "after"]


async def test_an_error_of_the_database_is_never_raised_to_the_bot(gateway: tuple[Proxy, str]) -> None:
    server, url = gateway
    manager = DatabaseManager(url=url, first_pause_s=5)
    async with PersistenceAdapter(manager) as bot:
        await say(bot, "before")
        await server.refuse()
        await bot.get_session(1)
        await bot.get_session(2)
        await bot.load_session_state(1)
        await bot.get_messages(1)
        await bot.add_message(2, "user", "x")
        await bot.save_session_state({"chat_id": "3"})
        await bot.cleanup_old_sessions()
        await bot.delete_session(1)
        with pytest.raises(DatabaseError):
            await manager.use(lambda lessons: lessons.sessions.count())
    await manager.close()
