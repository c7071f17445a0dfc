"""python-telegram-bot: what an Application keeps between two starts, and what happens when it cannot."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import (
    ApplicationBuilder,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    PersistenceInput,
    filters,
)
from telegram.request import BaseRequest

from sqlstore.adapters.telegram import SqlStorePersistence
from sqlstore.engine.errors import InvalidValue, StoreError
from sqlstore.stores.state import State
from tests.adapters.programs import ROOT, import_error, run_beside, run_program
from tests.people import LONG_AGO, by_hand


class NoNetwork(BaseRequest):
    """Answers as Telegram would."""

    read_timeout = 1.0

    async def initialize(self):
        pass

    async def shutdown(self):
        pass

    async def do_request(self, url, *_, **given):
        result = {"id": 42, "is_bot": True, "first_name": "Bot", "username": "a_bot"}
        if url.endswith("/sendMessage"):
            markup = given["request_data"].parameters.get("reply_markup")
            result = said("sent") | ({"reply_markup": markup} if markup else {})
        return 200, json.dumps({"ok": True, "result": result}).encode()


def said(text, user=7, chat=7):
    return {
        "message_id": 1, "date": int(time.time()), "text": text,
        "chat": {"id": chat, "type": "private", "first_name": "Ann"},
        "from": {"id": user, "is_bot": False, "first_name": "Ann"},
    }  # fmt: skip


def build(persistence, *handlers, **options):
    builder = ApplicationBuilder().token("42:TEST").request(NoNetwork()).get_updates_request(NoNetwork())
    builder = builder.persistence(persistence).updater(None)
    for name, value in options.items():
        builder = getattr(builder, name)(value)
    application = builder.build()
    application.add_handlers(list(handlers))
    return application


async def feed(application, *texts, user=7):
    for text in texts:
        update = Update.de_json({"update_id": 1, "message": said(text, user, user)}, application.bot)
        await application.process_update(update)


async def remember(update, context):
    context.user_data["last"] = update.message.text
    context.chat_data.setdefault("all", []).append(update.message.text)
    context.bot_data["count"] = context.bot_data.get("count", 0) + 1


REMEMBER = MessageHandler(filters.TEXT, remember)
USERS = {12345: {"test1": "test2", "test3": {"test4": "test5"}}, 67890: {3: "test4"}}
BUTTONS = [("test1", 1000.5, {"button1": "test0", "button2": {"a": 1}})], {"test1": "test2"}


async def test_nothing_is_kept_at_first(state):
    kept = SqlStorePersistence(state)
    assert await kept.get_user_data() == await kept.get_chat_data() == await kept.get_bot_data() == {}
    assert await kept.get_callback_data() is None
    assert await kept.get_conversations("noname") == {}
    await kept.flush()


async def test_everything_comes_back_as_it_was(state):
    kept, other = SqlStorePersistence(state), SqlStorePersistence(state, name="other")
    for user_id, data in USERS.items():
        await kept.update_user_data(user_id, data)
        await kept.update_chat_data(-user_id, data)
    await kept.update_bot_data({"z": None, "a": [1.5]})
    await kept.update_callback_data(BUTTONS)
    await kept.update_conversation("name1", (123, 456), 3)
    await kept.update_conversation("name1", (123, "inline_id"), "waiting")
    await kept.update_conversation("name2", (123, 456), 1)
    again = SqlStorePersistence(state)
    assert await again.get_user_data() == USERS
    assert await again.get_chat_data() == {-12345: USERS[12345], -67890: USERS[67890]}
    assert list((await again.get_bot_data()).items()) == [("z", None), ("a", [1.5])]
    assert await again.get_callback_data() == BUTTONS
    assert isinstance((await again.get_callback_data())[0][0], tuple)
    assert await again.get_conversations("name1") == {(123, 456): 3, (123, "inline_id"): "waiting"}
    assert await other.get_user_data() == await other.get_conversations("name1") == {}

    await kept.drop_user_data(12345)
    await kept.drop_chat_data(-12345)
    await kept.drop_user_data(404)
    await kept.update_conversation("name1", (123, 456), None)
    assert await again.get_user_data() == {67890: {3: "test4"}}
    assert await again.get_chat_data() == {-67890: {3: "test4"}}
    assert await again.get_conversations("name1") == {(123, "inline_id"): "waiting"}


@pytest.mark.parametrize("value", [datetime.now(UTC), {1}, object(), b"raw", {(1, 2): 3}])
async def test_what_json_cannot_hold_is_refused_without_being_quoted(state, value):
    kept = SqlStorePersistence(state)
    await kept.update_user_data(1, {"a": 1})
    for refused in (
        kept.update_user_data(1, {"b": value}),
        kept.update_bot_data({"b": value}),
        kept.update_conversation("n", (1,), value),
    ):
        with pytest.raises(InvalidValue) as raised:
            await refused
        assert repr(value) not in str(raised.value)
    with pytest.raises(InvalidValue, match="tuple"):
        await kept.update_conversation("n", (1,), (1, 2))
    assert await kept.get_user_data() == {1: {"a": 1}}


async def test_text_forms_of_ones_own(state):
    kept = SqlStorePersistence(state, json_dumps=repr, json_loads=eval)
    await kept.update_user_data(1, {"a": {1, 2}})
    await kept.update_conversation("n", (1,), (1, 2))
    assert await kept.get_user_data() == {1: {"a": {1, 2}}}
    assert await kept.get_conversations("n") == {(1,): (1, 2)}


class Notes(dict):
    """A kind of dict that an application has."""


class Counted:
    """What is no dict: the bot's own data."""

    def __init__(self, count=0):
        self.count = count


async def test_an_application_has_data_of_its_own_types(url):
    types = ContextTypes(user_data=Notes, chat_data=Notes, bot_data=Counted)

    def dumps(value):
        return json.dumps({"count": value.count} if isinstance(value, Counted) else value)

    def loads(text):
        value = json.loads(text)
        return Counted(**value) if value.keys() == {"count"} else value

    async def count(update, context):
        assert type(context.user_data) is type(context.chat_data) is Notes
        context.user_data["said"] = update.message.text
        context.bot_data.count += 1

    handler = MessageHandler(filters.TEXT, count)
    for number in range(2):  # the first time there is nothing
        kept = SqlStorePersistence(url, context_types=types, json_dumps=dumps, json_loads=loads)
        application = build(kept, handler, context_types=types)
        async with application:
            await application.start()
            assert application.bot_data.count == number
            assert application.user_data.get(7, {}) == ({"said": "hello"} if number else {})
            await feed(application, "hello")
            assert type(application.user_data[7]) is Notes
            await application.stop()


@pytest.mark.parametrize("load", ["at_start", "on_use"])
async def test_dicts_of_its_own_type_need_nothing_else(url, load):
    types = ContextTypes(user_data=Notes, chat_data=Notes, bot_data=Notes)
    for number in range(2):
        application = build(
            SqlStorePersistence(url, context_types=types, load=load), REMEMBER, context_types=types
        )
        async with application:
            await application.start()
            assert type(application.bot_data) is Notes
            await feed(application, "hello")
            assert type(application.user_data[7]) is Notes
            assert application.chat_data[7]["all"] == ["hello"] * (number + 1)
            await application.stop()


def test_what_is_filled_in_place_must_be_a_dict(sqlite_url):
    with pytest.raises(InvalidValue, match="on_use"):
        SqlStorePersistence(sqlite_url, load="on_use", context_types=ContextTypes(user_data=Counted))


async def test_an_application_goes_on_where_it_was(url):
    for number in range(3):
        application = build(SqlStorePersistence(url), REMEMBER)
        async with application:
            await application.start()
            assert application.bot_data.get("count", 0) == number
            await feed(application, f"text {number}")
            await application.stop()
        assert application.user_data[7] == {"last": f"text {number}"}
        assert application.chat_data[7] == {"all": [f"text {n}" for n in range(number + 1)]}


async def test_conversations_and_buttons_go_on(url):
    async def begin(update, context):
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("yes", callback_data={"order": 5})]])
        await update.message.reply_text("Sure?", reply_markup=keyboard)
        return "asked"

    async def answer(update, context):
        return ConversationHandler.END

    def made():
        handler = ConversationHandler(
            [MessageHandler(filters.Regex("begin"), begin)],
            {"asked": [MessageHandler(filters.Regex("yes"), answer)]},
            [],
            name="order",
            persistent=True,
        )
        return build(SqlStorePersistence(url), handler, arbitrary_callback_data=True)

    application = made()
    async with application:
        await feed(application, "begin")
    application = made()
    async with application:
        ((_, _, buttons),) = application.bot.callback_data_cache.persistence_data[0]
        assert list(buttons.values()) == [{"order": 5}]
        assert application.persistence is not None
        assert await application.persistence.get_conversations("order") == {(7, 7): "asked"}
        await feed(application, "yes")
    async with State.open(url) as state:
        assert await SqlStorePersistence(state).get_conversations("order") == {}


async def test_what_is_not_to_be_kept_is_not(url):
    only = PersistenceInput(bot_data=False, chat_data=False, callback_data=False)
    application = build(SqlStorePersistence(url, store_data=only), REMEMBER)
    async with application:
        await feed(application, "hello")
    async with State.open(url) as state:
        assert await state.driver.fetch("SELECT kind, owner_id FROM persisted_data") == [("user", 7)]


async def test_many_updates_at_once_are_one_transaction(url):
    application = build(SqlStorePersistence(url), REMEMBER, concurrent_updates=True)
    async with application:
        await asyncio.gather(*(feed(application, f"t{n}", user=n) for n in range(1, 101)))
        await application.update_persistence()
        async with State.open(url) as state:
            moments = await state.driver.fetch("SELECT DISTINCT updated_at FROM persisted_data")
            assert len(moments) == 1
            assert await SqlStorePersistence(state).get_user_data() == {
                n: {"last": f"t{n}"} for n in range(1, 101)
            }


async def test_what_did_not_change_is_not_written_again(state):
    kept = SqlStorePersistence(state)
    await kept.update_user_data(1, {"a": 1})
    await by_hand(state, f"UPDATE persisted_data SET updated_at = '{LONG_AGO}'")
    await kept.update_user_data(1, {"a": 1})
    assert (await state.cleanup(older_than=timedelta(days=1)))[-2].rows == 1
    again = SqlStorePersistence(state)
    await again.update_user_data(1, {"a": 1})  # another process has written it: used, if not changed
    assert await again.get_user_data() == {1: {"a": 1}}


async def test_on_use_reads_each_user_once_before_the_handler(url):
    async with State.open(url) as state:
        kept = SqlStorePersistence(state)
        for user in range(1, 4):
            await kept.update_user_data(user, {"kept": user, "last": "old"})
            await kept.update_chat_data(user, {"all": ["old"]})
    application = build(SqlStorePersistence(url, load="on_use"), REMEMBER)
    async with application:
        assert not application.user_data
        await asyncio.gather(*(feed(application, f"new {n}", user=1) for n in range(3)))
        await feed(application, "last", user=1)
        assert dict(application.user_data) == {1: {"kept": 1, "last": "last"}}
        assert sorted(application.chat_data[1]["all"]) == ["last", "new 0", "new 1", "new 2", "old"]
        application.user_data[2]["by_hand"] = True
        application.mark_data_for_update_persistence(user_ids=2)
        application.drop_user_data(3)
    async with State.open(url) as state:
        assert await SqlStorePersistence(state).get_user_data() == {
            1: {"kept": 1, "last": "last"}, 2: {"kept": 2, "last": "old", "by_hand": True},
        }  # fmt: skip


async def test_what_could_not_be_written_is_written_later(url):
    async with State.open(url) as state:
        kept = SqlStorePersistence(state)
        await by_hand(state, "ALTER TABLE persisted_data RENAME TO away")
        with pytest.raises(StoreError):
            await kept.update_user_data(1, {"a": 1})
        with pytest.raises(StoreError):
            await kept.flush()
        await by_hand(state, "ALTER TABLE away RENAME TO persisted_data")
        await kept.update_conversation("n", (1,), 1)
        assert await kept.get_user_data() == {1: {"a": 1}}


async def test_flush_waits_for_what_is_being_written(url):
    kept = SqlStorePersistence(url)
    await kept.get_user_data()
    writing = [asyncio.create_task(kept.update_user_data(n, {"n": n})) for n in range(20)]
    await asyncio.sleep(0)
    await kept.flush()
    await asyncio.gather(*writing)
    async with State.open(url) as state:
        assert len(await SqlStorePersistence(state).get_user_data()) == 20


async def test_a_cancelled_write_is_finished(state):
    kept = SqlStorePersistence(state)
    task = asyncio.create_task(kept.update_user_data(1, {"a": 1}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await kept.flush()
    assert await kept.get_user_data() == {1: {"a": 1}}


WRITER = """
import asyncio, os, sys
from sqlstore.adapters.telegram import SqlStorePersistence

async def main():
    kept = SqlStorePersistence(os.environ["SQLSTORE_URL"])
    for n in range(30):
        await asyncio.gather(*(kept.update_user_data(1000 * int(sys.argv[1]) + u, {"n": n}) for u in range(5)),
            kept.update_user_data(1, {"n": n}), kept.update_user_data(2, {"n": n}))
    await kept.flush()

asyncio.run(main())
"""


async def test_two_processes_beside_each_other(url, state):
    await run_beside(WRITER, url, ["1", "2"])
    data = await SqlStorePersistence(state).get_user_data()
    assert data == {user: {"n": 29} for user in (1, 2, *range(1000, 1005), *range(2000, 2005))}


async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "telegram_bot.py"), folder=tmp_path, url=url)
    assert shown.splitlines()[-2:] == ["Ann: Good night.", "bot: You told me 3 things."]


async def test_without_the_framework_it_says_what_to_install():
    assert "pip install 'sqlstore[telegram]'" in await import_error("sqlstore.adapters.telegram", "telegram")
