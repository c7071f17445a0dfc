"""Message histories of LangChain, with LangChain itself and scripted models."""

import asyncio

import pytest
from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from sqlstore.adapters.langchain import SqlStoreChatMessageHistory
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.state import State
from tests.adapters.programs import ROOT, import_error, run_beside, run_program

MESSAGES = [
    SystemMessage("Be kind.", id="s1"),
    HumanMessage(
        "สวัสดี 👩‍👩‍👧 NUL \0 surrogate \ud800", name="Ann", additional_kwargs={"a": {"b": [1, None, 1.0]}}
    ),
    HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
        ]
    ),
    AIMessage(
        "",
        id="a1",
        tool_calls=[{"name": "look", "args": {"at": {"x": [1, 2]}}, "id": "c1"}],
        invalid_tool_calls=[{"name": "bad", "args": "{", "id": "c2", "error": "no JSON"}],
        response_metadata={"model": "m", "logprobs": None},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        additional_kwargs={"reasoning": "because"},
    ),
    ToolMessage("a cat", tool_call_id="c1", name="look", artifact={"rows": [1]}, status="error"),
    FunctionMessage("12", name="f"),
    ChatMessage("hm", role="critic"),
    AIMessageChunk("A c", id="a2"),
    AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "A cat."}]),
    RemoveMessage(id="a1"),
]


async def test_messages_come_back_as_they_were(state):
    history = SqlStoreChatMessageHistory("ann", state)
    await history.aadd_messages(MESSAGES)
    found = await history.aget_messages()
    assert found == MESSAGES
    assert list(map(type, found)) == list(map(type, MESSAGES))
    assert isinstance(history, BaseChatMessageHistory)


async def test_histories_are_apart_and_clear_is_empty(state):
    ann, ben = SqlStoreChatMessageHistory("ann", state), SqlStoreChatMessageHistory("ben", state)
    await ann.aadd_messages([HumanMessage("1")])
    await ann.aadd_messages([])
    await ben.aadd_messages([HumanMessage("2")])
    await ann.aclear()
    await ann.aclear()
    assert await ann.aget_messages() == []
    assert await ben.aget_messages() == [HumanMessage("2")]


@pytest.mark.filterwarnings("ignore:The class `InMemoryChatMessageHistory`")
async def test_it_keeps_what_langchain_s_own_keeps(state):
    ours, theirs = SqlStoreChatMessageHistory("ann", state), InMemoryChatMessageHistory()
    for number in range(10):
        messages = [HumanMessage(f"{number} {place}") for place in range(number % 3)]
        await ours.aadd_messages(messages)
        await theirs.aadd_messages(messages)
    assert await ours.aget_messages() == await theirs.aget_messages()


@pytest.mark.parametrize(
    ("limit", "kept"), [(1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (6, 6), (100, 6), (None, 6)]
)
async def test_a_limit_gives_the_newest_and_no_answer_without_its_call(state, limit, kept):
    calls = [{"name": "f", "args": {}, "id": identity} for identity in ("c1", "c2")]
    messages = [
        SystemMessage("s"),
        HumanMessage("1"),
        AIMessage("", tool_calls=calls),
        ToolMessage("x", tool_call_id="c1"),
        ToolMessage("y", tool_call_id="c2"),
        AIMessage("2"),
    ]
    await SqlStoreChatMessageHistory("ann", state).aadd_messages(messages)
    found = await SqlStoreChatMessageHistory("ann", state, limit=limit).aget_messages()
    assert found == messages[len(messages) - kept :]


async def test_a_limit_of_none_at_all_is_refused(state):
    with pytest.raises(InvalidValue, match="limit"):
        SqlStoreChatMessageHistory("ann", state, limit=0)


async def test_what_json_cannot_hold_adds_nothing(state):
    history = SqlStoreChatMessageHistory("ann", state)
    with pytest.raises(InvalidValue, match="item 1 cannot be written as JSON"):
        await history.aadd_messages(
            [HumanMessage("1"), ToolMessage("x", tool_call_id="c", artifact=object())]
        )
    assert await history.aget_messages() == []


async def test_without_await_it_works_from_a_thread(state):
    history = SqlStoreChatMessageHistory("ann", state)

    def talk():
        history.add_messages([HumanMessage("1"), AIMessage("2")])
        history.add_user_message("3")
        shown = str(history)
        messages = history.messages
        history.clear()
        return messages, shown, history.messages

    messages, shown, after = await asyncio.to_thread(talk)
    assert messages == [HumanMessage("1"), AIMessage("2"), HumanMessage("3")]
    assert shown == "Human: 1\nAI: 2\nHuman: 3"
    assert after == []


async def test_without_await_it_says_so_in_the_loop(state):
    history = SqlStoreChatMessageHistory("ann", state)
    for use in (lambda: history.messages, lambda: history.add_messages([HumanMessage("1")]), history.clear):
        with pytest.raises(asyncio.InvalidStateError, match=r"await history\.a"):
            use()
    assert await history.aget_messages() == []


def test_after_the_loop_s_end_it_says_so(sqlite_url):
    async def open_and_close():
        async with State.open(sqlite_url) as state:
            return SqlStoreChatMessageHistory("ann", state)

    history = asyncio.run(open_and_close())
    with pytest.raises(RuntimeError, match="has ended"):
        history.messages  # noqa: B018 - reads


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
async def test_a_chain_remembers_through_it(state):
    chain = RunnableWithMessageHistory(
        FakeListChatModel(responses=["one", "two", "three"]),
        lambda session_id: SqlStoreChatMessageHistory(session_id, state),
    )
    config = {"configurable": {"session_id": "ann"}}
    await chain.ainvoke([HumanMessage("1")], config)
    await chain.ainvoke([HumanMessage("2")], config)
    await asyncio.to_thread(chain.invoke, [HumanMessage("3")], config)
    found = [message.text for message in await SqlStoreChatMessageHistory("ann", state).aget_messages()]
    assert found == ["1", "one", "2", "two", "3", "three"]


async def test_batches_of_many_tasks_stay_whole(state):
    await asyncio.gather(
        *(
            SqlStoreChatMessageHistory("ann", state).aadd_messages(
                [HumanMessage(f"{task} {place}") for place in range(4)]
            )
            for task in range(30)
        )
    )
    texts = [message.text for message in await SqlStoreChatMessageHistory("ann", state).aget_messages()]
    assert len(texts) == 120
    for start in range(0, 120, 4):
        assert texts[start : start + 4] == [f"{texts[start].split()[0]} {place}" for place in range(4)]


WRITER = """
import asyncio, os, sys
from langchain_core.messages import HumanMessage
from sqlstore.adapters.langchain import SqlStoreChatMessageHistory
from sqlstore.stores.state import State

async def main():
    async with State.open(os.environ["SQLSTORE_URL"]) as state:
        history = SqlStoreChatMessageHistory("ann", state)
        for batch in range(20):
            await history.aadd_messages([HumanMessage(f"{sys.argv[1]} {batch} {p}") for p in range(5)])

asyncio.run(main())
"""


async def test_batches_of_two_processes_stay_whole_and_in_order(url, state):
    await run_beside(WRITER, url, ["first", "second"])
    messages = await SqlStoreChatMessageHistory("ann", state).aget_messages()
    texts = [message.text.split() for message in messages]
    for start in range(0, 200, 5):
        assert len({(who, batch) for who, batch, _ in texts[start : start + 5]}) == 1
    for name in ("first", "second"):
        mine = [(int(batch), int(place)) for who, batch, place in texts if who == name]
        assert mine == [(batch, place) for batch in range(20) for place in range(5)]


async def test_a_cancelled_write_is_finished_and_the_cancel_goes_on(state):
    history = SqlStoreChatMessageHistory("ann", state)
    task = asyncio.create_task(history.aadd_messages([HumanMessage("1"), AIMessage("2")]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await history.aget_messages() == [HumanMessage("1"), AIMessage("2")]


async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "langchain_history.py"), folder=tmp_path, url=url)
    assert shown.splitlines() == [
        "When are you open on Monday? 9 to 18.",
        "And on Tuesday? The same.",
        "4 messages are kept",
    ]


async def test_without_langchain_it_says_what_to_install():
    assert "pip install 'sqlstore[langchain]'" in await import_error(
        "sqlstore.adapters.langchain", "langchain_core"
    )
