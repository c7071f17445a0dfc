"""The search of each store: what is searched, within what, and the row that comes back."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import pytest

from sqlstore.capabilities.search import SearchResult
from sqlstore.store import Store
from sqlstore.stores.assistant import Assistant
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.lessons import Lessons
from sqlstore.stores.support import Support

from .conftest import execute, index, words


def rows(result: SearchResult) -> list[object]:
    assert result.complete
    return [hit.row for hit in result.hits]


async def twice(store: Store, tables: Sequence[str], check: Callable[[], Awaitable[None]]) -> None:
    """Check while the rows are pending, and again when they are indexed."""
    await check()
    for table in tables:
        await index(store, table)
    await check()


async def test_messages_and_faqs_of_the_chatbot(url: str) -> None:
    async with Chatbot.open(url) as bot:
        ann = await bot.append_message("web_ann", "user", "Сколько стоит доставка?")
        bob = await bot.append_message("line_bob", "user", "доставка в Казань")
        faq = await bot.faqs.learn("เปิดกี่โมง", "เก้าโมงเช้า")

        async def check() -> None:
            search = bot.messages.search
            assert rows(await search("доставки", order="newest")) == [bob, ann]
            assert rows(await search("доставки", session_id="web_ann")) == [ann]
            assert rows(await search("Казань", session_id="web_ann")) == []
            assert rows(await search("доставки", session_id="never_seen")) == []
            assert rows(await bot.faqs.search("โมงเช้า")) == [faq] == rows(await bot.faqs.search("เปิด"))

        await twice(bot, ["messages", "faqs"], check)
        await bot.faqs.learn("เปิดกี่โมง", "สิบโมง")
        assert rows(await bot.faqs.search("โมงเช้า")) == []
        assert await bot.clear_history("web_ann")
        assert rows(await bot.messages.search("доставки")) == [bob]
        await index(bot)
        await index(bot, "faqs")
        assert not {"сколько", "เช"} & (await words(bot) | await words(bot, "faqs"))


async def test_a_history_that_is_saved_anew_is_searched_as_it_is(url: str) -> None:
    async with Chatbot.open(url) as bot:
        history = [{"role": "user", "parts": [{"text": f"line {number} 번호"}]} for number in range(30)]
        await bot.save_history("web_1", history)
        assert len((await bot.messages.search("번호", limit=50)).hits) == 30
        await index(bot)
        await bot.cleanup_old_sessions(days=0)
        assert rows(await bot.messages.search("번호")) == []
        await index(bot)
        assert await words(bot) == set()
        await bot.save_history("web_1", history[:3])
        assert len((await bot.messages.search("번호")).hits) == 3


async def test_commands_and_answers_of_the_assistant(url: str) -> None:
    async with Assistant.open(url) as assistant:
        user = await assistant.users.create("9f86", {})
        first, second = [await assistant.sessions.create(user.id) for _ in range(2)]
        asked = await assistant.commands.create(first.id, "오늘 날씨를 알려 줘")
        other = await assistant.commands.create(second.id, "내일 날씨는?")
        answer = await assistant.answers.create(asked.id, "prompt of the model", "맑은 날씨입니다")

        async def check() -> None:
            search = assistant.commands.search
            assert [hit.row.id for hit in (await search("날씨", order="newest")).hits] == [other.id, asked.id]
            assert [hit.row.id for hit in (await search("날씨", session_id=first.id)).hits] == [asked.id]
            found = await assistant.answers.search("날씨", session_id=first.id)
            assert [hit.row.id for hit in found.hits] == [answer.id]
            assert rows(await assistant.answers.search("날씨", session_id=second.id)) == []
            assert rows(await assistant.answers.search("날씨", session_id=uuid4())) == []
            assert rows(await assistant.answers.search("prompt")) == []

        await twice(assistant, ["commands", "llm_answers"], check)
        where = "" if assistant.driver.engine == "sqlite" else "::uuid"
        await execute(
            assistant, f"UPDATE commands SET session_id = '{second.id}'{where} WHERE id = '{asked.id}'{where}"
        )
        found = await assistant.answers.search("날씨", session_id=second.id)
        assert [hit.row.id for hit in found.hits] == [answer.id]
        await index(assistant, "llm_answers")
        found = await assistant.answers.search("날씨", session_id=second.id)
        assert [hit.row.id for hit in found.hits] == [answer.id]
        assert rows(await assistant.answers.search("날씨", session_id=first.id)) == []
        assert await assistant.users.delete(user.id)
        for table in ("commands", "llm_answers"):
            await index(assistant, table)  # whose they were is forgotten too
            assert await words(assistant, table) == set()


async def test_messages_of_conversations(url: str) -> None:
    async with Conversations.open(url) as store:
        chats = [await store.conversations.create(7, conversation_id=f"id'{name}\"*%") for name in "ab"]
        said = [await store.messages.append(chat.id, "user", "ขอดูใบเสร็จหน่อย") for chat in chats]

        async def check() -> None:
            search = store.messages.search
            assert rows(await search("ใบเสร็จ", order="newest")) == said[::-1]
            assert rows(await search("ใบเสร็จ", conversation_id=chats[0].id)) == said[:1]
            assert rows(await search("ใบเสร็จ", conversation_id=chats[0].id.upper())) == []
            assert rows(await search("ใบเสร็จ", before=said[1].seq)) == said[:1]

        await twice(store, ["messages"], check)
        assert await store.conversations.delete(chats[0].id)
        await index(store)
        assert rows(await store.messages.search("ใบเสร็จ")) == said[1:]


@pytest.mark.parametrize("chat_id", ["42", "ш" * 255, "𠮷" * 255])
async def test_messages_of_lessons(url: str, chat_id: str) -> None:
    async with Lessons.open(url) as lessons:
        message = await lessons.append_message(chat_id, "user", "Почему небо синее?")
        await lessons.append_message("43", "user", "Почему трава зелёная?")

        async def check() -> None:
            assert rows(await lessons.messages.search("почему", chat_id=chat_id)) == [message]
            assert len((await lessons.messages.search("почему")).hits) == 2
            assert rows(await lessons.messages.search("зеленая", chat_id=chat_id)) == []

        await twice(lessons, ["messages"], check)
        assert await lessons.sessions.delete(chat_id)
        await index(lessons)
        assert rows(await lessons.messages.search("небо")) == []


async def test_knowledge_of_the_support_desk(url: str) -> None:
    async with Support.open(url) as desk:
        entry = await desk.knowledge.add("Как вернуть товар?", "В течение 14 дней", "docs")
        newer = await desk.knowledge.add("Как вернуть деньги?", "На карту", "manual")

        async def check() -> None:
            assert rows(await desk.knowledge.search("вернуть", order="newest")) == [newer, entry]
            assert (
                rows(await desk.knowledge.search("товары"))
                == [entry]
                == rows(await desk.knowledge.search("14"))
            )
            assert rows(await desk.knowledge.search("вернуть", before=newer.id)) == [entry]

        await twice(desk, ["knowledge_entries"], check)
        await desk.knowledge.change(entry.id, "Как обменять товар?", "Приходите")
        await desk.knowledge.delete(newer.id)
        await index(desk, "knowledge_entries")
        assert rows(await desk.knowledge.search("вернуть")) == []
