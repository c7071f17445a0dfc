"""FAQs, the audit log, users in order, summaries."""

import msgspec
import pytest

from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.chatbot.anonymous import anonymous_id

KEY = "a key of enough bytes"


async def test_a_learned_answer_is_given_to_its_question(bot: Chatbot) -> None:
    faq = await bot.faqs.learn("เปิดกี่โมง", "9:00", "hours")
    assert (faq.question, faq.answer, faq.hit_count, faq.is_learned, faq.category) == (
        "เปิดกี่โมง", "9:00", 1, True, "hours",
    )  # fmt: skip
    assert await bot.faqs.answer("เปิดกี่โมง") == msgspec.structs.replace(faq, hit_count=2)
    assert await bot.faqs.answer("ราคาเท่าไหร่") is None


async def test_learning_again_replaces_the_answer_and_keeps_hits_and_category(bot: Chatbot) -> None:
    faq = await bot.faqs.learn("q", "old", "hours")
    await bot.faqs.record_hit(faq.id)
    again = await bot.faqs.learn("q", "new", is_learned=False)
    assert (again.id, again.answer, again.hit_count, again.category, again.is_learned) == (
        faq.id, "new", 2, "hours", False,
    )  # fmt: skip


@pytest.mark.parametrize("question", ["x" * 100_000, "back\\slash", "\\x41", "\\\\", "'", "a\nb"])
async def test_any_question_can_be_learned_once(bot: Chatbot, question: str) -> None:
    await bot.faqs.learn("\\" + question, "another")
    await bot.faqs.learn(question, "first")
    faq = await bot.faqs.learn(question, "second")
    assert await bot.faqs.answer(question) == msgspec.structs.replace(faq, hit_count=2)
    assert len(await bot.faqs.top()) == 2


async def test_the_most_used_faqs_come_first(bot: Chatbot) -> None:
    for question, hits in [("rare", 0), ("often", 3), ("sometimes", 1)]:
        faq = await bot.faqs.learn(question, "a", "even" if hits % 2 == 0 else "odd")
        for _ in range(hits):
            await bot.faqs.record_hit(faq.id)
    assert [faq.question for faq in await bot.faqs.top(2)] == ["often", "sometimes"]
    assert [faq.question for faq in await bot.faqs.by_category("odd")] == ["often", "sometimes"]
    assert [faq.question for faq in await bot.faqs.by_category("even")] == ["rare"]


async def test_an_unknown_faq_has_no_hits_and_cannot_be_deleted(bot: Chatbot) -> None:
    assert await bot.faqs.record_hit(999) is None
    assert await bot.faqs.get(999) is None
    assert await bot.faqs.delete(999) is False
    faq = await bot.faqs.learn("q", "a")
    assert await bot.faqs.get(faq.id) == faq
    assert await bot.faqs.delete(faq.id) is True
    assert await bot.faqs.answer("q") is None


async def test_an_id_beyond_64_bits_is_refused(bot: Chatbot) -> None:
    with pytest.raises(InvalidValue, match="id"):
        await bot.faqs.get(2**63)


async def test_the_audit_log_names_nobody_and_everybody_the_same(bot: Chatbot) -> None:
    log = await bot.audit_logs.add("fb_1", "facebook", "q", "a", 250.5, anon_key=KEY)
    again = await bot.audit_logs.add("fb_1", "facebook", "q2", "a2", anon_key=KEY)
    other = await bot.audit_logs.add("fb_2", "facebook", "q", "a", anon_key=KEY)
    assert log.anon_id == again.anon_id != other.anon_id
    assert (log.platform, log.user_input, log.ai_output, log.latency) == ("facebook", "q", "a", 250.5)
    assert again.latency is None
    assert [found.id for found in await bot.audit_logs.by_session("fb_1", anon_key=KEY)] == [again.id, log.id]
    assert [found.id for found in await bot.audit_logs.recent(2)] == [other.id, again.id]


async def test_without_a_key_nothing_is_logged(bot: Chatbot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQLSTORE_ANON_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="SQLSTORE_ANON_KEY"):
        await bot.audit_logs.add("fb_1", "facebook", "q", "a")
    assert await bot.audit_logs.recent() == []


async def test_the_key_comes_from_the_environment(bot: Chatbot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLSTORE_ANON_KEY", KEY)
    log = await bot.audit_logs.add("fb_1", "facebook", "q", "a")
    assert log.anon_id == anonymous_id("fb_1", KEY)


def test_an_anonymous_id_is_the_cut_hmac_of_the_session_id() -> None:
    # printf 'Hi There' | openssl dgst -sha256 -hmac "$(printf '\x0b%.0s' {1..20})": RFC 4231, case 1
    assert anonymous_id("Hi There", "\x0b" * 20) == "b0344c61d8db38535ca8afceaf0bf12b"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="16 bytes"):
        anonymous_id("fb_1", "short")


async def test_users_come_by_their_last_activity(bot: Chatbot) -> None:
    for session_id, platform in [("a", "web"), ("b", "line"), ("c", "web"), ("a", "web")]:
        await bot.get_or_create_user(session_id, platform)
    assert [user.session_id for user in await bot.users.recent(2)] == ["a", "c"]
    assert [user.session_id for user in await bot.users.by_platform("web")] == ["a", "c"]
    assert [user.session_id async for user in bot.users.all()] == ["a", "b", "c"]


async def test_a_summary_belongs_to_a_session(bot: Chatbot) -> None:
    assert await bot.sessions.set_summary("web_1", "nobody") is None
    await bot.get_or_create_user("web_1", "web")
    made = await bot.sessions.set_summary("web_1", "early")
    assert made is not None
    assert (made.summary, made.message_count, made.last_message_at) == ("early", 0, None)
    await bot.append_message("web_1", "user", "hi")
    changed = await bot.sessions.set_summary("web_1", "late")
    assert changed is not None
    assert (changed.id, changed.summary, changed.message_count) == (made.id, "late", 1)
    assert await bot.sessions.get("web_1") == changed
