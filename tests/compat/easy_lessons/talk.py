"""One turn of a bot, and what a session holds then."""

import asyncio

from sqlstore.compat.easy_lessons import PersistenceAdapter, SessionState


async def say(bot: PersistenceAdapter, text: str, chat: int = 1) -> str:
    """One turn; what its answer says."""
    session = await bot.get_session(chat)
    session.add_message("user", text)
    session.topic = text
    return (await bot.save_session(session)).state


async def caught_up(bot: PersistenceAdapter) -> None:
    """Until the database is there and has what was saved while it was away."""
    async with asyncio.timeout(10):
        while bot._known.ahead or not bot.is_available:
            await asyncio.sleep(0.01)


def said(session: SessionState | None) -> list[str]:
    assert session is not None
    return [message.content for message in session.recent_messages]
