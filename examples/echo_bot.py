"""A bot without a network: it repeats what is typed, and remembers it.  python examples/echo_bot.py"""

import asyncio
import os
import sys

from sqlstore.stores.chatbot import Chatbot


async def main() -> None:
    async with Chatbot.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/echo.db")) as bot:
        for item in await bot.get_or_create_history("web_echo", limit=10):
            print(f"{item['role']}: {item['parts'][0]['text']}")
        while text := (await asyncio.to_thread(sys.stdin.readline)).strip():
            await bot.append_message("web_echo", "user", text)
            await bot.append_message("web_echo", "model", f"You said: {text}")
            print(f"You said: {text}")


asyncio.run(main())
