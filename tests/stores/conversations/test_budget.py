"""History by a token budget: the newest that fit, without reading the rest."""

from typing import Any

import pytest

from sqlstore.engine.errors import UsageError
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.conversations.repositories import FIRST_PAGE, estimated_tokens


@pytest.fixture
async def chat(store: Conversations, execute: Any) -> str:
    """A conversation of 1,000 messages: `1`, `2`, … `1000`."""
    await store.conversations.create(1, conversation_id="c")
    values = ", ".join(f"('m{number}', 'c', 'user', '{number}')" for number in range(1, 1_001))
    await execute(f"INSERT INTO messages (id, conversation_id, role, content) VALUES {values}")
    return "c"


@pytest.mark.parametrize("budget", [0, 1, 15, 16, 17, 47, 48, 49, 400, 999, 1_000, 10_000])
async def test_as_many_of_the_newest_as_fit(store: Conversations, chat: str, budget: int) -> None:
    found = await store.messages.history_within(chat, budget, lambda _: 1)
    fitting = min(budget, 1_000)
    assert [message.content for message in found] == [str(number) for number in range(1_001 - fitting, 1_001)]


async def test_the_first_that_does_not_fit_ends_it(store: Conversations, chat: str) -> None:
    found = await store.messages.history_within(chat, 10, lambda text: 11 if text == "998" else 1)
    assert [message.content for message in found] == ["999", "1000"]
    assert await store.messages.history_within(chat, 10, lambda _: 11) == []


async def test_messages_that_count_nothing_fit_an_empty_budget(store: Conversations, chat: str) -> None:
    assert len(await store.messages.history_within(chat, 0, lambda _: 0)) == 1_000
    assert await store.messages.history_within(chat, -1, lambda _: 0) == []


async def test_a_small_budget_reads_a_small_part(store: Conversations, chat: str) -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return 1

    reads: list[int] = []
    history = store.messages.history

    async def counting_history(*arguments: Any, **named: Any) -> Any:
        page = await history(*arguments, **named)
        reads.append(len(page))
        return page

    store.messages.history = counting_history  # type: ignore[method-assign]
    await store.messages.history_within(chat, 5, count)
    assert counted == ["1000", "999", "998", "997", "996", "995"]
    assert reads == [FIRST_PAGE]
    reads.clear()
    await store.messages.history_within(chat, 100, count)
    assert reads == [16, 32, 64]


async def test_an_unknown_or_empty_conversation_has_no_history(store: Conversations) -> None:
    created = await store.conversations.create(1)
    assert await store.messages.history_within(created.id, 100) == []
    assert await store.messages.history_within("unknown", 100) == []


async def test_without_a_tokenizer_a_token_is_four_characters(store: Conversations) -> None:
    assert [estimated_tokens(text) for text in ("", "a", "abcd", "abcde", "ก" * 9)] == [0, 1, 1, 2, 3]
    created = await store.conversations.create(1)
    for text in ("old", "a" * 8, "b" * 5):
        await store.messages.append(created.id, "user", text)
    found = await store.messages.history_within(created.id, 4)
    assert [message.content for message in found] == ["a" * 8, "b" * 5]


async def test_a_tokenizer_that_counts_below_zero_is_refused(store: Conversations, chat: str) -> None:
    with pytest.raises(UsageError, match="negative"):
        await store.messages.history_within(chat, 5, lambda _: -1)


async def test_an_error_of_the_tokenizer_comes_out(store: Conversations, chat: str) -> None:
    def fail(text: str) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.messages.history_within(chat, 5, fail)
    assert len(await store.messages.history(chat)) == 50
