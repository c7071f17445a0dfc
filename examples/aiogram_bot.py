"""A bot that takes orders, without a network: its updates are scripted.  python examples/aiogram_bot.py

With aiogram (`pip install 'sqlstore[aiogram]'`). For a real bot: `Bot(token)` and `dispatcher.start_polling(bot)`.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State as Step
from aiogram.fsm.state import StatesGroup
from aiogram.methods import SendMessage, TelegramMethod
from aiogram.types import Chat, Message, Update, User

from sqlstore.adapters.aiogram import SqlStoreStorage
from sqlstore.stores.state import State


class Order(StatesGroup):
    dish = Step()
    place = Step()


async def begin(message: Message, state: FSMContext) -> None:
    await state.set_state(Order.dish)
    await message.answer("What would you like?")


async def dish(message: Message, state: FSMContext) -> None:
    await state.update_data(dish=message.text)
    await state.set_state(Order.place)
    await message.answer("Where to?")


async def place(message: Message, state: FSMContext) -> None:
    data = await state.update_data(place=message.text)
    await state.clear()
    await message.answer(f"{data['dish']} to {data['place']}")


class NoNetwork(BaseSession):
    """Shows what the bot sends."""

    async def make_request(self, _: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ARG002, ASYNC109 - aiogram's
        if isinstance(method, SendMessage):
            print(f"bot: {method.text}")
        return message_of(str(getattr(method, "text", "")))

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    async def close(self) -> None:
        pass


def message_of(text: str) -> Message:
    chat, ann = Chat(id=7, type="private"), User(id=7, is_bot=False, first_name="Ann")
    return Message(message_id=1, date=datetime.now(UTC), chat=chat, from_user=ann, text=text)


async def main() -> None:
    bot = Bot("42:TEST", session=NoNetwork())
    for number, text in enumerate(["/start", "Pad thai", "Sukhumvit 11"]):
        # opened anew for each message, as if the bot were started again: the dialog goes on
        async with State.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/state.db")) as state:
            storage = SqlStoreStorage(state)
            dispatcher = Dispatcher(storage=storage, events_isolation=storage.create_isolation())
            dispatcher.message.register(dish, Order.dish)
            dispatcher.message.register(place, Order.place)
            dispatcher.message.register(begin)
            print(f"Ann: {text}")
            await dispatcher.feed_update(bot, Update(update_id=number, message=message_of(text)))
            await dispatcher.fsm.close()


asyncio.run(main())
