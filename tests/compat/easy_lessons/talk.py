"""One turn of a bot, and what a session holds then."""

from sqlstore.compat.easy_lessons import PersistenceAdapter, SessionState


async def say(bot: PersistenceAdapter, text: str, chat: int = 1) -> str:
    """One turn; what its answer says."""
    session = await bot.get_session(chat)
    session.add_message("user", text)
    session.topic = text
    return (await bot.save_session(session)).state


def said(session: SessionState | None) -> list[str]:
    assert session is not None
    return [message.content for message in session.recent_messages]
