"""The data layer for async bots: hand-written SQL on SQLite and PostgreSQL.

    from sqlstore.stores.chatbot import Chatbot

    async with Chatbot.open("sqlite:///data/bot.db") as bot:
        await bot.append_message("web_ann", "user", "hello")

Stores are in sqlstore.stores, the errors in sqlstore.engine.errors, the base of a
store of your own in sqlstore.store.
"""
