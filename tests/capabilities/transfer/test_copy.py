"""A whole store to another database: beside a bot that writes, again, refused, and compared."""

import asyncio
import threading

import pytest

from sqlstore.capabilities.transfer import TransferError
from sqlstore.capabilities.transfer.tables import MARK
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import Lessons
from tests.capabilities.transfer.filled import rows_of
from tests.people import by_hand, contents


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite", "memory to sqlite"])
def urls(request, sqlite_url, tmp_path):
    """A source and a target."""
    if request.param == "memory to sqlite":
        return "sqlite://:memory:", sqlite_url
    both = [sqlite_url, request.getfixturevalue("postgres_url")]
    return both if request.param == "sqlite to postgres" else both[::-1]


async def test_what_was_written_meanwhile_is_told_and_brought_over_again(urls, tmp_path):
    async with Chatbot.open(urls[0]) as source, Chatbot.open(urls[1]) as target:
        for number in range(300):
            await source.append_message(f"web_{number % 7}", "user", f"before {number}")
        await source.append_message("web_away", "user", "is deleted")
        copied = await source.copy_to(target)
        assert copied.since == []
        assert MARK not in await contents(target)

        await by_hand(target, "DELETE FROM users")
        await by_hand(target, "DELETE FROM sessions")

        if urls[0] == "sqlite://:memory:":  # one connection: writers wait until the snapshot ends
            copied = await source.copy_to(target)
            assert copied.since == []
            return

        async def meanwhile():
            async with Chatbot.open(urls[0]) as another:
                await another.append_message("web_late", "user", "meanwhile")
                await another.set_bot_enabled("web_1", False)

        calls = []

        def write(done, total):  # copying goes on when this returns
            if not calls:
                writer = threading.Thread(target=asyncio.run, args=(meanwhile(),))
                writer.start()
                writer.join()
            calls.append((done, total))

        copied = await source.copy_to(target, on_progress=write)
        told = {each.table: (each.missing, each.different, each.extra) for each in copied.since}
        assert told["messages"] == (1, 0, 0)
        assert told["users"] == (1, 1, 0)
        assert calls[-1][0] <= calls[-1][1]

        await source.erase_person("web_away")
        with pytest.raises(ConfigurationError, match="--again"):
            await source.copy_to(target)
        assert (await source.copy_to(target, again=True)).since == []
        assert await rows_of(target, tmp_path) == await rows_of(source, tmp_path)
        assert MARK not in await contents(target)


async def test_a_target_with_rows_of_its_own_is_left_alone(urls):
    async with Chatbot.open(urls[0]) as source, Chatbot.open(urls[1]) as target:
        await target.append_message("web_ann", "user", "mine")
        before = await contents(target)
        for again in (False, True):
            with pytest.raises(ConfigurationError, match="already"):
                await source.copy_to(target, again=again)
        assert await contents(target) == before


async def test_an_unfinished_copy_goes_on_from_its_own_source_only(urls, tmp_path):
    async with Chatbot.open(urls[0]) as source, Chatbot.open(urls[1]) as target:
        for number in range(300):
            await source.append_message(f"web_{number % 7}", "user", f"before {number}")

        def stop(done, total):
            raise KeyError

        with pytest.raises(KeyError):
            await source.copy_to(target, on_progress=stop)
        assert MARK in await contents(target)
        await source.erase_person("web_3")  # it was copied already
        async with Chatbot.open(f"sqlite:///{tmp_path}/other.db") as other:
            with pytest.raises(ConfigurationError, match="another database"):
                await other.copy_to(target)
        await source.copy_to(target)
        assert await rows_of(target, tmp_path) == await rows_of(source, tmp_path)
        assert MARK not in await contents(target)


async def test_a_store_is_not_copied_onto_itself(url):
    async with Chatbot.open(url) as source, Chatbot.open(url) as target:
        with pytest.raises(ConfigurationError, match="itself"):
            await source.copy_to(target)


async def test_users_without_a_session_do_not_get_one(urls, tmp_path):
    """A trigger makes one with the first message: that row is the target's own, and goes."""
    async with Chatbot.open(urls[0]) as source, Chatbot.open(urls[1]) as target:
        await source.append_message("web_ann", "user", "x")
        await source.append_message("web_bob", "user", "x")
        await by_hand(source, "DELETE FROM sessions WHERE id = 1")
        await source.copy_to(target)
        assert await rows_of(target, tmp_path) == await rows_of(source, tmp_path)


async def test_a_comparison_counts_what_differs(urls):
    async with Chatbot.open(urls[0]) as source, Chatbot.open(urls[1]) as target:
        for text in ("one", "two", "three"):
            await source.faqs.learn(text, "yes")
        await source.copy_to(target)
        await by_hand(target, "UPDATE faqs SET answer = 'no' WHERE id = 2")
        await by_hand(target, "DELETE FROM faqs WHERE id = 1")
        await target.faqs.learn("four", "yes")
        await target.faqs.learn("five", "yes")
        faqs = next(each for each in await source.compare_to(target) if each.table == "faqs")
        assert (faqs.rows, faqs.target_rows) == (3, 4)
        assert (faqs.missing, faqs.different, faqs.extra) == (1, 1, 2)
        assert faqs.digest != faqs.target_digest


async def test_a_row_that_the_target_refuses_is_told_by_its_table(urls):
    async with Lessons.open(urls[0]) as source, Lessons.open(urls[1]) as target:
        await source.append_message("canary", "user", "x")
        await by_hand(
            target,
            "CREATE UNIQUE INDEX one_role ON messages (role)",
        )
        await source.append_message("canary", "user", "y")
        with pytest.raises(TransferError, match="a row of messages") as refused:
            await source.copy_to(target)
        assert "canary" not in str(refused.value)
