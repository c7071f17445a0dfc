"""Users, histories, the switch, forgetting: the old bot's functions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, InvalidValue
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.store import platform_of

CONTEXT = {"role": "system", "parts": [{"text": "You are kind."}]}
HELLO = {"role": "user", "parts": [{"text": "สวัสดี"}]}
ANSWER = {"role": "model", "parts": [{"text": "สวัสดีครับ"}]}


async def test_a_user_is_made_once_and_refreshed(bot: Chatbot) -> None:
    first = await bot.get_or_create_user("fb_1", "facebook", "Ann", "https://x/1.jpg")
    again = await bot.get_or_create_user("fb_1", "web", "Anna")
    assert (first.session_id, first.platform, first.name, first.bot_enabled) == (
        "fb_1",
        "facebook",
        "Ann",
        True,
    )
    assert (again.id, again.platform, again.name, again.picture_url) == (
        first.id, "facebook", "Anna", "https://x/1.jpg",
    )  # fmt: skip
    assert again.created_at == first.created_at
    assert again.last_active >= first.last_active
    assert again.last_active.tzinfo is not None
    assert await bot.users.count() == 1


def test_a_session_ids_prefix_names_the_platform() -> None:
    ids = ["fb_1", "line_2", "web_3", "4", "facebook"]
    assert [platform_of(session_id) for session_id in ids] == ["facebook", "line", "web", "web", "web"]


async def test_a_new_history_starts_with_the_context_which_is_stored_when_saved(bot: Chatbot) -> None:
    history = await bot.get_or_create_history("line_1", "You are kind.", "Lin", "https://x/2.jpg")
    assert history == [CONTEXT]
    assert await bot.messages.count("line_1") == 0
    await bot.save_history("line_1", [*history, HELLO, ANSWER])
    assert await bot.get_or_create_history("line_1", "another context") == [CONTEXT, HELLO, ANSWER]
    user = await bot.users.get("line_1")
    assert user is not None
    assert (user.platform, user.name, user.picture_url) == ("line", "Lin", "https://x/2.jpg")


async def test_a_history_without_context_is_empty_at_first(bot: Chatbot) -> None:
    assert await bot.get_or_create_history("web_1") == []


async def test_a_platform_that_is_given_counts_for_a_new_user_only(bot: Chatbot) -> None:
    await bot.get_or_create_history("fb_9", platform="telegram")
    await bot.get_or_create_history("fb_9", platform="web")
    user = await bot.users.get("fb_9")
    assert user is not None
    assert user.platform == "telegram"


async def test_a_limit_gives_the_newest_items_in_order(bot: Chatbot) -> None:
    for number in range(10):
        await bot.append_message("web_1", "user", str(number))
    newest = await bot.get_or_create_history("web_1", limit=3)
    assert [entry["parts"][0]["text"] for entry in newest] == ["7", "8", "9"]
    with pytest.raises(InvalidValue, match="limit"):
        await bot.get_or_create_history("web_1", limit=0)


async def test_an_appended_message_comes_back_and_makes_a_session(bot: Chatbot) -> None:
    message = await bot.append_message("fb_7", "model", "hi", motion="wave", latency=0.75, from_faq=True)
    assert (message.role, message.content, message.motion, message.latency, message.from_faq) == (
        "model", "hi", "wave", 0.75, True,
    )  # fmt: skip
    assert await bot.messages.all("fb_7") == [message]
    user, session = await bot.users.get("fb_7"), await bot.sessions.get("fb_7")
    assert user is not None
    assert session is not None
    assert (user.platform, session.message_count, session.last_message_at) == (
        "facebook",
        1,
        message.created_at,
    )


@pytest.mark.parametrize(
    ("arguments", "more", "error"),
    [
        (("web_1", "assistant", "hi"), {}, InvalidValue),
        (("web_1", "user", "a\0b"), {}, InvalidValue),
        (("web_1", "user", "\udc00"), {}, InvalidValue),
        (("web_1", "user", "hi"), {"latency": float("nan")}, InvalidValue),
        (("web_1", "user", "hi"), {"latency": float("inf")}, InvalidValue),
        (("web_1", "user", 5), {}, InvalidValue),
        ((5, "user", "hi"), {}, InvalidValue),
        (("web_1", "user", "hi"), {"latency": -0.5}, CheckViolation),
        (("web_1", "user", "hi"), {"motion": "m" * 51}, CheckViolation),
        (("w" * 256, "user", "hi"), {}, CheckViolation),
    ],
)
async def test_a_message_that_cannot_be_stored_writes_nothing(
    bot: Chatbot, arguments: tuple[Any, ...], more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await bot.append_message(*arguments, **more)
    assert await bot.users.count() == 0


async def test_a_session_id_of_255_characters_is_taken(bot: Chatbot) -> None:
    session_id = "ก" * 255
    await bot.append_message(session_id, "user", "hi")
    assert await bot.messages.count(session_id) == 1


async def test_the_bot_is_on_until_it_is_switched_off(bot: Chatbot) -> None:
    assert await bot.get_bot_enabled("fb_1") is True
    assert await bot.users.count() == 0
    for enabled in (False, True, False):
        assert await bot.set_bot_enabled("fb_1", enabled) is True
        assert await bot.get_bot_enabled("fb_1") is enabled
    user = await bot.users.get("fb_1")
    assert user is not None
    assert (user.platform, user.bot_enabled) == ("facebook", False)


async def test_switching_the_bot_is_no_activity_of_the_user(bot: Chatbot) -> None:
    user = await bot.get_or_create_user("web_1", "web")
    await bot.set_bot_enabled("web_1", False)
    found = await bot.users.get("web_1")
    assert found is not None
    assert found.last_active == user.last_active


async def test_clearing_keeps_the_user_and_the_switch(bot: Chatbot) -> None:
    await bot.save_history("web_1", [HELLO, ANSWER])
    await bot.save_history("web_2", [HELLO])
    await bot.set_bot_enabled("web_1", False)
    await bot.sessions.set_summary("web_1", "a greeting")
    assert await bot.clear_history("web_1") is True
    session = await bot.sessions.get("web_1")
    assert session is not None
    assert (session.summary, session.message_count, session.last_message_at) == (None, 0, None)
    assert await bot.get_or_create_history("web_1") == []
    assert await bot.get_bot_enabled("web_1") is False
    assert await bot.messages.count("web_2") == 1


async def test_clearing_a_session_never_seen_says_so(bot: Chatbot) -> None:
    assert await bot.clear_history("web_nobody") is False
    assert await bot.users.count() == 0


async def test_a_cleared_history_can_be_saved_again(bot: Chatbot) -> None:
    await bot.save_history("web_1", [HELLO, ANSWER])
    await bot.clear_history("web_1")
    await bot.save_history("web_1", [HELLO, ANSWER])
    assert await bot.get_or_create_history("web_1") == [HELLO, ANSWER]


async def test_idle_users_are_deleted_with_all_they_wrote(bot: Chatbot) -> None:
    old = datetime.now(UTC) - timedelta(days=8)
    for number in range(60):
        user = await bot.get_or_create_user(f"web_{number}", "web")
        await bot.append_message(f"web_{number}", "user", "hi")
        if number < 55:
            await bot.users.restore(user.id, bot_enabled=True, created_at=old, last_active=old)
    await bot.audit_logs.add("web_0", "web", "q", "a", anon_key="k" * 16)
    assert await bot.cleanup_old_sessions(days=30) == 0
    assert await bot.cleanup_old_sessions() == 55
    rows = (await bot.get_database_stats())["rows"]
    assert (rows["users"], rows["messages"], rows["sessions"], rows["audit_logs"]) == (5, 5, 5, 1)
    assert await bot.cleanup_old_sessions() == 0


@pytest.mark.parametrize("days", [-1, 10**9])
async def test_days_that_make_no_sense_are_refused(bot: Chatbot, days: int) -> None:
    with pytest.raises(InvalidValue, match="days"):
        await bot.cleanup_old_sessions(days)


async def test_init_database_can_be_called_at_any_time(bot: Chatbot) -> None:
    await bot.save_history("web_1", [HELLO])
    assert await bot.init_database() is True
    assert await bot.messages.count("web_1") == 1


async def test_statistics_count_every_table(bot: Chatbot) -> None:
    await bot.save_history("fb_1", [HELLO, ANSWER])
    await bot.save_history("web_1", [HELLO])
    faq = await bot.faqs.learn("q", "a")
    await bot.faqs.record_hit(faq.id)
    await bot.audit_logs.add("web_1", "web", "q", "a", anon_key="k" * 16)
    found = await bot.get_database_stats()
    expected = {
        "total_users": 2, "total_messages": 3, "total_faqs": 1, "total_logs": 1, "faq_hits": 2,
        "rows": {"users": 2, "messages": 3, "sessions": 2, "faqs": 1, "audit_logs": 1},
        "users_per_platform": {"facebook": 1, "web": 1},
        "messages_per_day": {datetime.now(UTC).date().isoformat(): 3},
        "database_type": "postgresql" if bot.driver.engine == "postgres" else "sqlite",
        "database_path": bot.driver.address,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    assert found["file_size"] > 0
