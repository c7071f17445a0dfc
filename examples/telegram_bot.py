"""A bot that counts what it is told, without a network: its updates are scripted.  python examples/telegram_bot.py

With python-telegram-bot (`pip install 'sqlstore[telegram]'`). For a real bot: `ApplicationBuilder().token(…)`
without `request`, and `application.run_polling()`.
"""

import asyncio
import json
import os
import time
from typing import Any

from telegram import Update
from telegram.ext import Application, ApplicationBuilder, ContextTypes, MessageHandler, filters
from telegram.request import BaseRequest

from sqlstore.adapters.telegram import SqlStorePersistence


async def count(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    assert context.user_data is not None
    assert update.message is not None
    context.user_data["said"] = [*context.user_data.get("said", []), update.message.text]
    await update.message.reply_text(f"You told me {len(context.user_data['said'])} things.")


class NoNetwork(BaseRequest):
    """Answers as Telegram would, and shows what the bot sends."""

    read_timeout = 1.0

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(self, url: str, *_: Any, **given: Any) -> tuple[int, bytes]:
        result: dict[str, Any] = {
            "id": 42,
            "is_bot": True,
            "first_name": "Counter",
            "username": "counter_bot",
        }
        if url.endswith("/sendMessage"):
            text = given["request_data"].parameters["text"]
            print(f"bot: {text}")
            result = message_of(text)
        return 200, json.dumps({"ok": True, "result": result}).encode()


def message_of(text: str) -> dict[str, Any]:
    chat = {"id": 7, "type": "private", "first_name": "Ann"}
    ann = {"id": 7, "is_bot": False, "first_name": "Ann"}
    return {"message_id": 1, "date": int(time.time()), "chat": chat, "from": ann, "text": text}


def build() -> Application:  # type: ignore[type-arg]
    persistence = SqlStorePersistence(os.environ.get("SQLSTORE_URL", "sqlite:///data/state.db"))
    builder = ApplicationBuilder().token("42:TEST").request(NoNetwork()).get_updates_request(NoNetwork())
    application = builder.persistence(persistence).updater(None).build()
    application.add_handler(MessageHandler(filters.TEXT, count))
    return application


async def main() -> None:
    for number, text in enumerate(["It rains.", "Tea is hot.", "Good night."]):
        application = build()  # anew for each message, as if the bot were started again: it remembers
        async with application:
            await application.start()
            print(f"Ann: {text}")
            update = Update.de_json({"update_id": number, "message": message_of(text)}, application.bot)
            await application.process_update(update)
            await application.stop()


asyncio.run(main())
