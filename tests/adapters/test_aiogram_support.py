"""aiogram: what a bot is sent goes into the support store, and a failure never stops the bot."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import CallbackQuery, Chat, Message, PhotoSize, Update, User

from sqlstore.adapters.aiogram_support import SupportRecorder
from sqlstore.stores.support import Support

ANN = User(id=7, is_bot=False, first_name="Ann", username="ann")
GROUP = Chat(id=-1001234567890, type="supergroup", title="Customers")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def message(number=1, text="canary", **fields) -> Message:
    given = {"chat": GROUP, "from_user": ANN, "text": text, **fields}
    return Message(message_id=number, date=NOON, **given)


@pytest.fixture
async def desk(url):
    async with Support.open(url) as store:
        yield store


@pytest.fixture
async def bot():
    bot = Bot("42:TEST")
    yield bot
    await bot.session.close()


def dispatcher(desk, seen, **options) -> Dispatcher:
    made = Dispatcher()
    made.update.outer_middleware(SupportRecorder(desk, **options))

    async def handle(event, recorded):
        seen.append(recorded)

    for observer in (made.message, made.edited_message, made.channel_post, made.callback_query):
        observer.register(handle)
    return made


async def test_messages_edits_and_deliveries_again(desk, bot):
    seen = []
    feed = dispatcher(desk, seen).feed_update
    for _ in range(2):
        await feed(bot, Update(update_id=1, message=message()))
    await feed(bot, Update(update_id=2, edited_message=message(text="edited", edit_date=1)))
    await feed(bot, Update(update_id=1, message=message()))
    assert [row.text for row in seen] == ["canary", "canary", "edited", "edited"]
    (row,) = await desk.messages.latest(GROUP.id)
    assert (row.telegram_id, row.user_id, row.created_at, row.message_type) == (1, 7, NOON, "text")
    assert (await desk.users.get(7)).username == "ann"
    assert (await desk.chats.get(GROUP.id)).title == "Customers"


async def test_posts_pictures_and_buttons(desk, bot):
    seen = []
    feed = dispatcher(desk, seen).feed_update
    channel = Chat(id=-5, type="channel", title="News")
    await feed(bot, Update(update_id=1, channel_post=message(chat=channel, from_user=None)))
    photo = [PhotoSize(file_id="f", file_unique_id="u", width=1, height=1)]
    await feed(bot, Update(update_id=2, message=message(2, None, caption="a cat", photo=photo)))
    await feed(bot, Update(update_id=3, edited_message=message(3, "never seen before", edit_date=1)))
    bob = User(id=8, is_bot=False, first_name="Bob")
    query = CallbackQuery(id="1", from_user=bob, chat_instance="x", message=message(2), data="canary")
    await feed(bot, Update(update_id=4, callback_query=query))
    post, picture, edited, button = seen
    assert (post.user_id, post.chat_id) == (None, -5)
    assert (picture.message_type, picture.text, edited.text) == ("photo", "a cat", "never seen before")
    assert button is None
    assert (await desk.users.get(8)).first_name == "Bob"


async def test_many_updates_at_once(desk, bot):
    seen = []
    feed = dispatcher(desk, seen).feed_update
    updates = [Update(update_id=n, message=message(n % 20 + 1, f"m{n % 20 + 1}")) for n in range(60)]
    await asyncio.gather(*(feed(bot, update) for update in updates))
    assert None not in seen
    assert len(await desk.messages.latest(GROUP.id)) == 20


async def test_what_cannot_be_recorded_is_logged_and_handled(desk, bot, caplog):
    seen = []
    with caplog.at_level(logging.WARNING):
        await dispatcher(desk, seen).feed_update(bot, Update(update_id=9, message=message(text="canary\0")))
    assert seen == [None]
    assert "Update 9 could not be recorded" in caplog.text
    assert "canary" not in caplog.text


async def test_a_database_that_is_away_is_logged_and_the_update_is_handled(url, bot, caplog):
    desk = await Support.open(url)
    await desk.close()
    seen = []
    await dispatcher(desk, seen, timeout_s=0.5).feed_update(bot, Update(update_id=9, message=message()))
    assert seen == [None]
    assert "Update 9 could not be recorded" in caplog.text
