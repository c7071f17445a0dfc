"""Questions in words of their own, answered by the store as they are without a database."""

from collections.abc import AsyncIterator

import pytest

from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.search import faq_table


@pytest.fixture
async def shop(bot: Chatbot) -> AsyncIterator[tuple[Chatbot, dict[str, list[str]]]]:
    """A store that knows the shop's questions, in all languages at once."""
    stored = [one["question"] for table in faq_table.QUESTIONS["shop"].values() for one in table["stored"]]
    async with bot.transaction() as tx:
        for question in stored:
            await tx.faqs.learn(question, f"answer to {question}")
    yield bot, {"stored": stored}


async def test_a_question_in_other_words_is_answered_as_without_a_database(shop) -> None:
    bot, known = shop
    asked = [
        (words, one["question"])
        for table in faq_table.QUESTIONS["shop"].values()
        for one in table["stored"][:5]
        for words in one["asked"]
    ]
    right = 0
    for words, meant in asked:
        found = await bot.faqs.answer(words)
        assert (found and found.question) == faq_table.answer(words, known["stored"]), words
        right += found is not None and found.question == meant
    assert right / len(asked) > 0.85


async def test_unrelated_questions_are_not_answered(shop) -> None:
    bot, _ = shop
    for table in faq_table.QUESTIONS["shop"].values():
        for words in table["unrelated"][:8]:
            assert await bot.faqs.answer(words) is None, words


async def test_a_hit_in_other_words_is_counted(bot: Chatbot) -> None:
    faq = await bot.faqs.learn("How do I reset my password?", "So.")
    found = await bot.faqs.answer("I forgot my password, what now?")
    assert found is not None
    assert (found.id, found.hit_count) == (faq.id, 2)
    assert await bot.faqs.get(faq.id) == found


async def test_without_search_only_the_exact_question_is_answered(url: str) -> None:
    async with Chatbot.open(url, search=False) as bot:
        await bot.faqs.learn("How do I reset my password?", "So.")
        assert await bot.faqs.answer("How do I reset my password?")
        assert await bot.faqs.answer("reset the password") is None
        assert await bot.faqs.answer("?!") is None
