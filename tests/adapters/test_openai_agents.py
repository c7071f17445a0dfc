"""Sessions of the OpenAI Agents SDK, with the SDK itself and scripted models."""

import asyncio
import random

import pytest
from agents import (
    Agent,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    Session,
    SessionSettings,
    Usage,
    function_tool,
)
from agents.memory import SQLiteSession
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from sqlstore.adapters.openai_agents import SqlStoreSession
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.state import State
from tests.adapters.programs import ROOT, import_error, run_beside, run_program


def user(text: object) -> dict:
    return {"role": "user", "content": str(text)}


def said(text: object) -> dict:
    content = [{"type": "output_text", "text": str(text), "annotations": []}]
    return {
        "type": "message",
        "role": "assistant",
        "id": f"m{text}",
        "status": "completed",
        "content": content,
    }


def call(number: object, kind: str = "function_call") -> dict:
    return {"type": kind, "call_id": f"c{number}", "id": f"i{number}", "name": "f", "arguments": "{}"}


def output(number: object, kind: str = "function_call_output") -> dict:
    return {"type": kind, "call_id": f"c{number}", "output": "done"}


def reasoning(number: object) -> dict:
    return {"type": "reasoning", "id": f"r{number}", "summary": []}


async def test_it_is_a_session_of_the_sdk(state):
    session = SqlStoreSession("ann", state)
    assert isinstance(session, Session)
    assert session.session_id == "ann"
    assert session.session_settings == SessionSettings()
    assert SqlStoreSession("ann", state, {"limit": 3}).session_settings.limit == 3


async def test_it_answers_as_the_sdk_s_own_session(state):
    """The same calls on both, in every order that a thousand steps bring up; whole windows aside."""
    ours, theirs = SqlStoreSession("ann", state), SQLiteSession("ann")
    randomly = random.Random(3)
    for step in range(300):
        match randomly.randrange(5):
            case 0 | 1:
                items = [user(f"{step} {place}") for place in range(randomly.randrange(4))]
                await ours.add_items(items)
                await theirs.add_items(items)
            case 2:
                assert await ours.pop_item() == await theirs.pop_item()
            case 3:
                limit = randomly.choice([None, 0, 1, 2, 5, 100])
                assert await ours.get_items(limit) == await theirs.get_items(limit)
            case 4:
                if randomly.random() < 0.1:
                    await ours.clear_session()
                    await theirs.clear_session()
    assert await ours.get_items() == await theirs.get_items()
    theirs.close()


async def test_items_come_back_as_they_were(state):
    session = SqlStoreSession("สวัสดี 👩‍👩‍👧", state)
    items = [
        user("NUL \0, a lone surrogate \ud800, สวัสดี, \u2028"),
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:…", "detail": "auto"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1.0, "b": [null]}'},
        {"z": 1, "a": {"deep": [[[1.0, -0.0, 1e300, 2**70]]]}},
    ]
    await session.add_items(items)
    assert await session.get_items() == items
    assert list((await session.get_items())[3]) == ["z", "a"]


async def test_sessions_are_apart_and_clear_is_empty(state):
    ann, ben = SqlStoreSession("ann", state), SqlStoreSession("ben", state)
    await ann.add_items([user(1)])
    await ben.add_items([user(2)])
    await ann.add_items([])
    await ann.clear_session()
    assert (await ann.get_items(), await ann.pop_item()) == ([], None)
    assert await ben.get_items() == [user(2)]


@pytest.mark.parametrize("item", [{"content": {1, 2}}, {"content": float("nan")}, {"content": b"x"}])
async def test_what_json_cannot_hold_adds_nothing_and_is_not_quoted(state, item):
    session = SqlStoreSession("ann", state)
    with pytest.raises(InvalidValue, match=r"item 1 cannot be written as JSON \(\w+\)$"):
        await session.add_items([user("canary"), item])
    assert await session.get_items() == []


@pytest.mark.parametrize(
    ("items", "limit", "kept"),
    [
        ([user(1), call(1), output(1), said(1)], 3, 3),
        ([user(1), call(1), output(1), said(1)], 2, 1),
        ([user(1), call(1), output(1)], 1, 0),
        ([call(1), call(2), output(1), output(2), said(1)], 4, 1),
        ([call(1), call(2), output(1), output(2), said(1)], 5, 5),
        ([call(1), user(1), call(2), output(1), output(2), said(1)], 5, 1),
        ([user(1), reasoning(1), call(1), output(1), said(1)], 4, 4),
        ([user(1), reasoning(1), call(1), output(1), said(1)], 3, 1),
        ([user(1), reasoning(1), call(1), call(2), output(1), output(2), user(2)], 5, 1),
        ([user(1), reasoning(1), said(1), user(2)], 2, 1),
        ([user(1), reasoning(1), said(1), user(2)], 3, 3),
        ([user(1), said(1), user(2)], 2, 2),
        ([reasoning(1), call(1), output(1), said(1)], 1, 1),
        ([reasoning(0), reasoning(1), said(1)], 2, 2),
        ([call(1, "computer_call"), output(1, "computer_call_output"), user(1)], 2, 1),
        ([call(1, "shell_call"), output(1, "shell_call_output"), user(1)], 2, 1),
        (
            [{"type": "mcp_approval_request", "id": "m"}, {"type": "mcp_approval_response", "approval_request_id": "m"}],
            1,
            0,
        ),
        ([{"type": "message", "role": "user", "content": "1"}, said(1)], 1, 1),
        ([reasoning(1), *(call(number) for number in range(40)), user(1)], 5, 1),
    ],
)  # fmt: skip
async def test_a_window_tears_nothing_apart(state, items, limit, kept):
    session = SqlStoreSession("ann", state)
    await session.add_items(items)
    assert await session.get_items(limit) == items[len(items) - kept :]
    assert await session.get_items(len(items)) == await session.get_items() == items


async def test_no_window_of_any_history_has_an_output_without_its_call(sqlite_url):
    randomly = random.Random(5)
    async with State.open(sqlite_url) as state:
        for number in range(25):
            items, waiting = [], []
            for place in range(randomly.randrange(2, 40)):
                choices = [
                    user(place),
                    said(place),
                    reasoning(place),
                    "call",
                    *(["output"] * 2 if waiting else []),
                ]
                chosen = randomly.choice(choices)
                if chosen == "call":
                    waiting.append(place)
                    chosen = call(place)
                elif chosen == "output":
                    chosen = output(waiting.pop(randomly.randrange(len(waiting))))
                items.append(chosen)
            session = SqlStoreSession(f"s{number}", state)
            await session.add_items(items)
            for limit in range(1, len(items) + 1):
                window = await session.get_items(limit)
                assert window == items[len(items) - len(window) :]
                assert len(window) <= limit
                calls = {item["call_id"] for item in window if item.get("type") == "function_call"}
                assert calls >= {
                    item["call_id"] for item in window if item.get("type") == "function_call_output"
                }
                before = items[len(items) - len(window) - 1] if len(window) < len(items) else {}
                if window and before.get("type") == "reasoning":
                    assert window[0].get("type") in {"reasoning", "function_call_output"} or "user" in str(
                        window[0]
                    )


async def test_the_limit_of_the_settings_is_the_default(state):
    session = SqlStoreSession("ann", state, SessionSettings(limit=2))
    await session.add_items([user(number) for number in range(5)])
    assert await session.get_items() == [user(3), user(4)]
    assert await session.get_items(4) == [user(number) for number in range(1, 5)]


@pytest.mark.parametrize("settings", [{"limt": 3}, {"limit": 3, "x": 1}])
async def test_settings_that_the_sdk_does_not_know_are_refused(state, settings):
    with pytest.raises(TypeError, match=r"limt|x"):
        SqlStoreSession("ann", state, settings)
    assert SqlStoreSession("ann", state, {"limit": 3}).session_settings == SessionSettings(limit=3)
    given = SessionSettings(limit=2)
    assert SqlStoreSession("ann", state, given).session_settings is given


def in_a_loop_of_its_own(work):
    """What a coroutine gives in an event loop of another thread, as `Runner.run_sync` runs it."""
    return asyncio.to_thread(lambda: asyncio.run(work()))


async def test_it_works_from_event_loops_of_other_threads(state):
    session = SqlStoreSession("ann", state)

    async def turn():
        await session.add_items([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
        return await session.get_items(1), await session.pop_item()

    turns = await asyncio.gather(*(in_a_loop_of_its_own(turn) for _ in range(5)))
    assert all(len(shown) == 1 and popped["content"] in {"a", "b"} for shown, popped in turns)
    assert len(await session.get_items()) == 5
    await in_a_loop_of_its_own(session.clear_session)
    assert await session.get_items() == []


async def test_a_write_from_another_loop_is_finished_when_its_task_is_cancelled(state):
    session = SqlStoreSession("ann", state)

    async def cancelled():
        task = asyncio.create_task(session.add_items([{"role": "user", "content": "a"}]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(await session.get_items())

    assert await in_a_loop_of_its_own(cancelled) == 1


def test_after_the_store_s_loop_has_ended_it_says_so(sqlite_url):
    async def open_and_close():
        async with State.open(sqlite_url) as state:
            return SqlStoreSession("ann", state)

    session = asyncio.run(open_and_close())
    with pytest.raises(RuntimeError, match="does not run any more"):
        asyncio.run(session.get_items())


async def test_batches_of_many_tasks_stay_whole(state):
    sessions = [SqlStoreSession("ann", state) for _ in range(5)]
    await asyncio.gather(
        *(sessions[task % 5].add_items([user(f"{task} {place}") for place in range(4)]) for task in range(40))
    )
    texts = [item["content"] for item in await sessions[0].get_items()]
    assert len(texts) == 160
    for start in range(0, 160, 4):
        task = texts[start].split()[0]
        assert texts[start : start + 4] == [f"{task} {place}" for place in range(4)]


WRITER = """
import asyncio, os, sys
from sqlstore.adapters.openai_agents import SqlStoreSession
from sqlstore.stores.state import State

async def main():
    async with State.open(os.environ["SQLSTORE_URL"]) as state:
        session = SqlStoreSession("ann", state)
        for batch in range(20):
            await session.add_items([{"role": "user", "content": f"{sys.argv[1]} {batch} {p}"} for p in range(5)])

asyncio.run(main())
"""


async def test_batches_of_two_processes_stay_whole_and_in_order(url, state):
    await run_beside(WRITER, url, ["first", "second"])
    texts = [item["content"].split() for item in await SqlStoreSession("ann", state).get_items()]
    assert len(texts) == 200
    for start in range(0, 200, 5):
        assert len({(who, batch) for who, batch, _ in texts[start : start + 5]}) == 1
    for name in ("first", "second"):
        mine = [(int(batch), int(place)) for who, batch, place in texts if who == name]
        assert mine == [(batch, place) for batch in range(20) for place in range(5)]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_write_is_finished_and_the_cancel_goes_on(state, times):
    session = SqlStoreSession("ann", state)
    task = asyncio.create_task(session.add_items([user(1), user(2)]))
    await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await session.get_items() == [user(1), user(2)]


class Scripted(Model):
    """Says what it was given to say; remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def get_response(self, *_, **given):
        self.asked.append(list(given["input"]))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ModelResponse([answer], Usage(), response_id=None)

    def stream_response(self, *_, **given):
        raise NotImplementedError


def answer(text):
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id=f"m {text}", content=[content], role="assistant", status="completed", type="message"
    )


@function_tool
def clock(zone: str) -> str:
    return f"noon in {zone}"


async def test_a_runner_remembers_through_it(url):
    asks = ResponseFunctionToolCall(
        name="clock", arguments='{"zone": "Seoul"}', call_id="c1", type="function_call"
    )
    model = Scripted(asks, answer("It is noon."), answer("As I said."))
    agent = Agent("watch", model=model, tools=[clock])
    config = RunConfig(tracing_disabled=True)
    async with State.open(url) as state:
        await Runner.run(agent, "What time is it?", session=SqlStoreSession("ann", state), run_config=config)
    async with State.open(url) as state:
        session = SqlStoreSession("ann", state)
        result = await Runner.run(agent, "Again?", session=session, run_config=config)
        assert result.final_output == "As I said."
        kinds = [item.get("type") or item["role"] for item in model.asked[-1]]
        assert kinds == ["user", "function_call", "function_call_output", "message", "user"]
        assert model.asked[-1][2]["output"] == "noon in Seoul"
        assert len(await session.get_items()) == 6


async def test_a_runner_with_a_limit_asks_with_whole_pairs_only(state):
    asks = ResponseFunctionToolCall(
        name="clock", arguments='{"zone": "Seoul"}', call_id="c1", type="function_call"
    )
    model = Scripted(asks, answer("It is noon."), answer("Yes."))
    agent = Agent("watch", model=model, tools=[clock])
    session = SqlStoreSession("ann", state)
    await Runner.run(agent, "Time?", session=session, run_config=RunConfig(tracing_disabled=True))
    config = RunConfig(tracing_disabled=True, session_settings=SessionSettings(limit=2))
    await Runner.run(agent, "Sure?", session=session, run_config=config)
    assert [item.get("type") or item["role"] for item in model.asked[-1]] == ["message", "user"]


async def test_a_run_without_await_in_another_thread_remembers(state):
    session = SqlStoreSession("ann", state)
    agent = Agent("watch", model=Scripted(answer("Noon."), answer("As I said.")))
    config = RunConfig(tracing_disabled=True)

    def run():
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            return Runner.run_sync(agent, "Time?", session=session, run_config=config).final_output
        finally:
            asyncio.get_event_loop().close()

    assert [await asyncio.to_thread(run) for _ in range(2)] == ["Noon.", "As I said."]
    assert len(await session.get_items()) == 4


async def test_a_run_that_fails_keeps_what_was_asked(state):
    model = Scripted(RuntimeError("the model is away"), answer("Hello."))
    agent = Agent("watch", model=model)
    session = SqlStoreSession("ann", state)
    config = RunConfig(tracing_disabled=True)
    with pytest.raises(RuntimeError):
        await Runner.run(agent, "Hello?", session=session, run_config=config)
    await Runner.run(agent, "Hello again?", session=session, run_config=config)
    assert [item["content"] for item in model.asked[-1]] == ["Hello?", "Hello again?"]


async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "openai_agents_session.py"), folder=tmp_path, url=url)
    assert shown.splitlines() == [
        "When are you open on Monday? We are open 9 to 18.",
        "And on Tuesday? As I said 5 items ago.",
        "6 items are kept",
    ]


async def test_without_the_sdk_it_says_what_to_install():
    assert "pip install 'sqlstore[openai-agents]'" in await import_error(
        "sqlstore.adapters.openai_agents", "agents"
    )
