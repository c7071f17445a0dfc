"""`save`: where a write is, in which order it is made, and that no answer is untrue."""

import asyncio
import stat
from dataclasses import replace
from typing import Any

import pytest

from sqlstore.capabilities.outbox import OutboxFile, OutboxSettings
from sqlstore.capabilities.outbox.replay import OutboxFailed
from sqlstore.engine.errors import (
    ConfigurationError,
    CorruptDatabase,
    ForeignKeyViolation,
    InvalidValue,
    Overloaded,
    Unavailable,
    UsageError,
)
from sqlstore.stores.assistant import Assistant
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.support import Support

from .conftest import Removable, until_written

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


async def texts(desk: Support, chat_id: int = 1) -> list[str | None]:
    return [message.text for message in await desk.messages.latest(chat_id, 1_000)]


async def test_without_an_outbox_it_is_durable_or_an_error(url: str) -> None:
    async with Support.open(url) as desk:
        saved = await desk.save(desk.chats.save, 1, "private")
        assert (saved.state, bool(saved)) == ("durable", True)
        assert saved.row is not None
        with pytest.raises(ForeignKeyViolation):
            await desk.save(desk.messages.append, 1, 99, None, "x")


async def test_what_is_saved_while_the_database_is_away_is_made_in_order_when_it_is_back(
    removable: Removable,
) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        assert (await desk.save(desk.chats.save, 1, "private")).state == "durable"
        assert (await desk.save(desk.messages.append, 0, 1, None, "0")).state == "durable"
        await removable.take_away()
        for number in range(1, 250):
            saved = await desk.save(desk.messages.append, number, 1, None, str(number))
            assert (saved.state, saved.row, bool(saved)) == ("spooled", None, True)
        assert desk.outbox is not None
        assert desk.outbox.backlog().records == 249
        await removable.bring_back()
        await until_written(desk)
        assert await texts(desk) == [str(number) for number in range(250)]
        saved = await desk.save(desk.messages.append, 250, 1, None, "250")
        assert saved.row is not None
        assert (saved.state, saved.row.text) == ("durable", "250")


async def test_a_write_has_the_time_at_which_it_was_handed_over(removable: Removable) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        await removable.take_away()
        before = (await desk.save(desk.chats.save, 1, "private")).state
        assert before == "spooled"
        await asyncio.sleep(0.3)
        await removable.bring_back()
        await until_written(desk)
        chat = await desk.chats.get(1)
        later = (await desk.chats.save(2, "private")).created_at
        assert chat is not None
        assert (later - chat.created_at).total_seconds() > 0.25


async def test_writes_about_something_that_waits_queue_behind_it_and_others_go_straight(
    removable: Removable,
) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await desk.save(desk.chats.save, 2, "private")
        assert desk.outbox is not None
        await desk.outbox._replayer.lock.acquire()  # the replay is held up
        await removable.take_away()
        assert (await desk.save(desk.messages.append, 1, 1, None, "first")).state == "spooled"
        await removable.bring_back()
        desk.outbox.away = False
        assert (await desk.save(desk.messages.append, 2, 1, None, "second")).state == "spooled"
        assert (await desk.save(desk.messages.append, 1, 2, None, "elsewhere")).state == "durable"
        assert await texts(desk) == []
        desk.outbox._replayer.lock.release()
        await until_written(desk)
        assert await texts(desk) == ["first", "second"]


@pytest.mark.parametrize("engine", ["postgres"])  # a SQLite file that is missing is made
async def test_the_store_opens_without_its_database_and_migrates_when_it_is_there(
    removable: Removable,
) -> None:
    await removable.take_away()
    async with Conversations.open(removable.url, outbox=removable.settings) as store:
        begun = await store.save(store.conversations.create, 7)
        chosen = str(begun.ids["conversation_id"])
        said = await store.save(store.messages.append, chosen, "user", "Will it rain?")
        assert (begun.state, said.state) == ("spooled", "spooled")
        with pytest.raises(Unavailable):
            await store.messages.history(chosen)
        with pytest.raises(Unavailable):
            async with store.transaction() as tx:
                await tx.conversations.create(7)
        await removable.bring_back()
        await until_written(store)
        (message,) = await store.messages.history(chosen)
        assert (message.id, message.content) == (said.ids["message_id"], "Will it rain?")


async def test_what_a_process_left_is_made_by_the_next_one(removable: Removable) -> None:
    async with Chatbot.open(removable.url, outbox=removable.settings) as bot:
        await bot.save(bot.append_message, "web_1", "user", "before")
        await removable.take_away()
        await bot.save(bot.append_message, "web_1", "model", "during")
    await removable.bring_back()
    async with Chatbot.open(removable.url, outbox=removable.settings) as bot:
        await until_written(bot)
        assert [message.content for message in await bot.messages.all("web_1")] == ["before", "during"]


async def test_a_process_killed_between_commit_and_removal_doubles_nothing(removable: Removable) -> None:
    async with Chatbot.open(removable.url, outbox=removable.settings) as bot:
        await removable.take_away()
        await bot.save(bot.append_message, "web_1", "user", "once")
        assert bot.outbox is not None
        (record,) = [record async for record in bot.outbox.file.waiting()]
        await removable.bring_back()
        await until_written(bot)
        await bot.apply_records([record])
        await bot.apply_records([record])
        assert await bot.messages.count("web_1") == 1


@pytest.mark.parametrize("engine", ["postgres"])  # there is a wire to cut
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_answer_lost_at_commit_is_spooled_and_doubles_nothing(removable: Any, moment: Any) -> None:
    async with Chatbot.open(removable.url, outbox=removable.settings) as bot:
        await bot.save(bot.append_message, "web_1", "user", "before")
        removable.server.cut_at = (b"COMMIT", moment)
        assert (await bot.save(bot.append_message, "web_1", "user", "in flight")).state == "spooled"
        removable.server.cut_at = None
        await until_written(bot)
        assert removable.server.cuts >= 1
        assert [message.content for message in await bot.messages.all("web_1")] == ["before", "in flight"]


async def test_children_wait_for_their_parents(removable: Removable) -> None:
    async with Assistant.open(removable.url, outbox=removable.settings) as assistant:
        assert assistant.outbox is not None
        await assistant.outbox._replayer.lock.acquire()
        await removable.take_away()
        user = await assistant.save(assistant.users.create, "9f86d081")
        session = await assistant.save(assistant.sessions.create, user.ids["user_id"])
        command = await assistant.save(
            assistant.commands.create, session.ids["session_id"], "What is the time?"
        )
        await removable.bring_back()
        assistant.outbox.away = False
        answer = await assistant.save(
            assistant.answers.create, command.ids["command_id"], "x", "Half past nine"
        )
        ended = await assistant.save(assistant.sessions.end, session.ids["session_id"])
        assert {saved.state for saved in (user, session, command, answer, ended)} == {"spooled"}
        assistant.outbox._replayer.lock.release()
        await until_written(assistant)
        (pair,) = await assistant.commands.with_answers(session.ids["session_id"])
        assert pair.llm_response == "Half past nine"
        assert assistant.outbox.backlog().dead_letters == 0


async def test_a_history_that_comes_late_replaces_nothing_newer(removable: Removable) -> None:
    def item(role: str, text: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"text": text}]}

    async with Chatbot.open(removable.url, outbox=removable.settings) as bot:
        await bot.save(bot.save_history, "web_1", [item("user", "a"), item("model", "b")])
        assert bot.outbox is not None
        await bot.outbox._replayer.lock.acquire()  # the replay is held up
        await removable.take_away()
        mine = [item("user", "a"), item("model", "b"), item("user", "mine")]
        assert (await bot.save(bot.save_history, "web_1", mine)).state == "spooled"
        again = [item("user", "a"), item("model", "b"), item("user", "mine, regenerated")]
        assert (await bot.save(bot.save_history, "web_1", again)).state == "spooled"
        await removable.bring_back()
        async with Chatbot.open(removable.direct_url) as other:
            await other.append_message("web_1", "user", "theirs")
        bot.outbox._replayer.lock.release()
        await until_written(bot)
        assert [message.content for message in await bot.messages.all("web_1")] == [
            "a", "b", "theirs", "mine", "mine, regenerated",
        ]  # fmt: skip


async def test_a_description_that_comes_late_leaves_a_newer_one(removable: Removable) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        assert desk.outbox is not None
        await desk.outbox._replayer.lock.acquire()
        await removable.take_away()
        await desk.save(desk.users.save, 1, "Older")
        await desk.save(desk.chats.save, 1, "private", "Older")
        await removable.bring_back()
        async with Support.open(removable.direct_url) as other:
            await other.users.save(1, "Newer")
            await other.chats.save(1, "private", "Newer")
        desk.outbox._replayer.lock.release()
        await until_written(desk)
        user, chat = await desk.users.get(1), await desk.chats.get(1)
        assert (user and user.first_name, chat and chat.title) == ("Newer", "Newer")


async def test_a_value_that_no_database_could_keep_is_refused_before_it_is_spooled(
    settings: OutboxSettings,
) -> None:
    async with Chatbot.open(NOWHERE, outbox=settings) as bot:
        for call in (
            bot.save(bot.append_message, "web_1", "user", "a\0b"),
            bot.save(bot.append_message, "web_1", "nobody", "x"),
            bot.save(
                bot.save_history,
                "web_1",
                [{"role": "user", "parts": [{"text": "a"}], "latency": float("nan")}],
            ),
        ):
            with pytest.raises(InvalidValue):
                await call
        with pytest.raises(TypeError):
            await bot.save(bot.append_message, "web_1", "user")  # type: ignore[call-arg]
        assert (await bot.save(bot.save_history, "web_1", [])).state == "durable"
        assert bot.outbox is not None
        assert bot.outbox.backlog().records == 0


async def test_what_cannot_be_replayed_is_not_saved(url: str, settings: OutboxSettings) -> None:
    async with Support.open(url, outbox=settings) as desk:
        with pytest.raises(UsageError, match="latest cannot be replayed"):
            await desk.save(desk.messages.latest, 1)
        async with desk.transaction() as tx:
            with pytest.raises(UsageError, match="transaction"):
                await tx.save(tx.chats.save, 1, "private")
        with pytest.raises(UsageError, match="of this store"):
            await desk.save(Chatbot.append_message, desk, "a", "b", "c")  # type: ignore[arg-type]


async def test_an_outbox_is_private_and_bounded(settings: OutboxSettings) -> None:
    async with Support.open(NOWHERE, outbox=replace(settings, most_records=3)) as desk:
        for number in range(3):
            await desk.save(desk.chats.save, number, "private")
        with pytest.raises(Overloaded, match="is full"):
            await desk.save(desk.chats.save, 4, "private")
        assert stat.S_IMODE(settings.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(settings.path.parent.stat().st_mode) == 0o700
    async with Support.open(NOWHERE, outbox=replace(settings, most_bytes=300)) as desk:
        assert desk.outbox is not None
        assert desk.outbox.backlog().records == 3
        with pytest.raises(Overloaded):
            await desk.save(desk.chats.save, 4, "private", "x" * 300)


async def test_a_full_disk_is_an_error_and_nothing_is_called_saved(settings: OutboxSettings) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        assert desk.outbox is not None
        driver: Any = desk.outbox.file._driver
        ((pages,),) = await driver.fetch("PRAGMA page_count")
        async with driver.exclusive() as held:
            await held.run(
                lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
            )
        with pytest.raises(Exception, match=r"the outbox .* could not keep the write") as caught:
            await desk.save(desk.chats.save, 1, "private", "x" * 100_000)
        assert type(caught.value).__name__ == "StorageFull"
        assert "xxx" not in str(caught.value)
        assert desk.outbox.backlog().records == 0
        assert (await desk.save(desk.chats.save, 1, "private")).state == "spooled"


async def test_an_outbox_deleted_while_it_is_open_is_an_error(settings: OutboxSettings) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        settings.path.unlink()
        with pytest.raises(CorruptDatabase, match="outbox"):
            await desk.save(desk.chats.save, 1, "private")


async def test_an_outbox_that_is_gone_keeps_no_write_from_a_database_that_is_there(
    removable: Removable,
) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        await removable.take_away()
        await desk.save(desk.chats.save, 1, "private")
        removable.settings.path.unlink()
        await removable.bring_back()
        with pytest.raises(OutboxFailed):
            async with asyncio.timeout(10):
                while True:
                    await desk.replay_outbox()
                    await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        assert desk.outbox is not None
        assert desk.outbox.backlog().away is False
        assert (await desk.save(desk.chats.save, 2, "private")).state == "durable"
        with pytest.raises(
            CorruptDatabase, match="outbox"
        ):  # it has to wait behind what cannot be told apart
            await desk.save(desk.chats.save, 1, "private")


async def test_an_outbox_is_of_one_process_and_one_store(settings: OutboxSettings) -> None:
    async with Support.open(NOWHERE, outbox=settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        with pytest.raises(ConfigurationError, match="another process"):
            await Support.open(NOWHERE, outbox=settings)
    with pytest.raises(ConfigurationError, match="holds writes of support"):
        await Chatbot.open(NOWHERE, outbox=settings)
    file = OutboxFile(settings)
    await file.open()
    assert file.stores == {"support"}
    await file.close()


async def test_concurrent_writes_about_one_thing_keep_the_order_of_their_calls(removable: Removable) -> None:
    async with Support.open(removable.url, outbox=removable.settings) as desk:
        await desk.save(desk.chats.save, 1, "private")
        await removable.take_away()
        saving = [
            asyncio.create_task(desk.save(desk.messages.append, number, 1, None, str(number)))
            for number in range(50)
        ]
        await asyncio.gather(*saving)
        await removable.bring_back()
        await until_written(desk)
        assert await texts(desk) == [str(number) for number in range(50)]
