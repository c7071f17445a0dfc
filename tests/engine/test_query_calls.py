"""Named queries called by attribute, on both engines."""

from datetime import UTC, datetime

import pytest

from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.rows import User

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def bot(url):
    async with Chatbot.open(url) as bot:
        yield bot


async def add(bot, number):
    return await bot.q.users.upsert(f"web_{number}", "web", name=None, picture_url=None, now=NOW)


async def test_a_call_gives_what_the_kind_of_its_query_says(bot):
    added = await add(bot, 1)
    assert isinstance(added, User)
    assert await bot.q.users.get(session_id="web_1") == await bot.q.users.get("web_1") == added
    assert await bot.q.users.get("web_2") is None
    assert await bot.q.users.recent(limit=5) == [added]
    assert await bot.q.users.count() == 1
    assert await bot.q.users.set_bot_enabled("web_1", "web", now=NOW, enabled=False) == 1
    assert await bot.q.users.bot_enabled("web_1") is False


async def test_a_stream_goes_through_all_pages(bot):
    for number in range(5):
        await add(bot, number)
    met = [user.session_id async for user in bot.q.users.all(page_size=2)]
    assert met == [f"web_{number}" for number in range(5)]


async def test_a_transaction_has_calls_of_its_own(bot):
    with pytest.raises(LookupError):
        async with bot.transaction() as tx:
            await add(tx, 1)
            assert await tx.q.users.count() == 1
            raise LookupError
    assert await bot.q.users.count() == 0


async def test_other_parameters_tables_and_queries_are_refused(bot):
    with pytest.raises(TypeError, match=r"chatbot.users.get\(\) takes session_id by name, but was given id"):
        await bot.q.users.get(id="web_1")
    with pytest.raises(TypeError, match=r"takes no more by name, but was given session_id"):
        await bot.q.users.get("web_1", session_id="web_1")
    with pytest.raises(TypeError):
        await bot.q.users.get()
    with pytest.raises(InvalidValue):
        await bot.q.users.get(7)
    with pytest.raises(AttributeError, match="did you mean recent"):
        bot.q.users.recents  # noqa: B018
    with pytest.raises(AttributeError, match=r"users\.sql|did you mean"):
        bot.q.user  # noqa: B018
    assert not hasattr(bot.q, "_no_table")
