"""Checkpoints of LangGraph, with LangGraph itself: its conformance suite, and graphs that run on them."""

import asyncio
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass

import pytest
from langgraph.checkpoint.base import copy_checkpoint, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from sqlstore.adapters.langgraph import SqlStoreSaver
from sqlstore.stores.state import State
from tests.adapters.graphs import delta, talking, winding
from tests.adapters.programs import ROOT, import_error, run_beside, run_program


@pytest.fixture
def saver(state):
    return SqlStoreSaver(state)


def thread(name: object, **more) -> dict:
    return {"configurable": {"thread_id": name, **more}}


async def listed(saver, config, **options) -> list:
    return [each async for each in saver.alist(config, **options)]


async def test_it_passes_all_of_langgraph_s_conformance_suite(url):
    @checkpointer_test(name=f"sqlstore {uuid.uuid4()}")
    async def registered():
        async with State.open(url) as state:
            yield SqlStoreSaver(state)

    report = await validate(registered)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert set(report.results) == {capability.value for capability in Capability}
    assert report.passed_all()
    assert sum(result.tests_passed for result in report.results.values()) > 70


def told(found) -> list:
    """A graph's history without what each run makes anew: ids, times."""
    names = {each.config["configurable"]["checkpoint_id"]: number for number, each in enumerate(found)}

    def name(config):
        return None if config is None else names.get(config["configurable"]["checkpoint_id"], "not listed")

    return [
        (
            each.values,
            each.next,
            name(each.config),
            name(each.parent_config),
            {key: value for key, value in each.metadata.items() if key != "parents"},
            [(task.name, task.result, [i.value for i in task.interrupts]) for task in each.tasks],
        )
        for each in found
    ]


async def wander(graph) -> list:
    """What every look at the graph shows, on the way through all it can do."""
    shown = []
    for name in ("ann", "ben"):
        config = thread(name)
        for turn in range(3):
            shown.append(await graph.ainvoke({"asked": f"{name} {turn}", "done": [], "count": 0}, config))
            shown.append(await graph.ainvoke(Command(resume=f"yes {turn}"), config))
        await graph.aupdate_state(config, {"done": ["by hand"]}, as_node="first")
        past = [each async for each in graph.aget_state_history(config)]
        shown.append(told(past))
        again = await graph.ainvoke(None, past[len(past) // 2].config)  # from an older checkpoint on
        shown.append(again)
        shown.append(told([each async for each in graph.aget_state_history(config)]))
        shown.append(
            told([each async for each in graph.aget_state_history(config, filter={"source": "input"})])
        )
        shown.append(told([each async for each in graph.aget_state_history(config, limit=1)]))
    for each in shown:  # interrupts have ids of their own
        if isinstance(each, dict):
            each.pop("__interrupt__", None)
    return shown


async def test_a_graph_goes_as_on_langgraph_s_own_saver(saver):
    assert await wander(winding(saver)) == await wander(winding(InMemorySaver()))


async def test_a_delta_channel_goes_as_on_langgraph_s_own_saver(saver):
    shown = []
    for each in (saver, InMemorySaver()):
        graph = delta(each)
        for turn in range(11):
            await graph.ainvoke({"lines": [f"turn {turn}"]}, thread("ann"))
        past = [state async for state in graph.aget_state_history(thread("ann"))]
        await graph.ainvoke({"lines": ["fork"]}, past[9].config)
        shown.append([state.values async for state in graph.aget_state_history(thread("ann"))])
    assert shown[0] == shown[1]
    assert len(shown[0][0]["lines"]) > 10


async def test_the_history_of_delta_channels_is_that_of_the_base_class(saver):
    graph = delta(saver)
    for turn in range(7):
        await graph.ainvoke({"lines": [f"turn {turn}"]}, thread("ann"))
    base = super(type(saver).__mro__[1], saver)
    configs = [each.config async for each in saver.alist(thread("ann"))]
    for config in [thread("ann"), thread("nobody"), *configs]:
        channels = ["lines", "__start__", "nothing"]
        ours = await saver.aget_delta_channel_history(config=config, channels=channels)
        theirs = await base.aget_delta_channel_history(config=config, channels=channels)
        assert ours == theirs
    assert await saver.aget_delta_channel_history(config=configs[0], channels=[]) == {}


@pytest.mark.parametrize("turns", range(1, 7))
async def test_pruning_keeps_what_delta_channels_are_rebuilt_from(saver, turns):
    graph = delta(saver)
    for turn in range(turns):
        await graph.ainvoke({"lines": [f"turn {turn}"]}, thread("ann"))
    before = await graph.aget_state(thread("ann"))
    count = len(await listed(saver, thread("ann")))
    await saver.aprune(["ann"], strategy="keep_latest")
    assert (await graph.aget_state(thread("ann"))).values == before.values
    if turns == 6:
        assert len(await listed(saver, thread("ann"))) < count
    await graph.ainvoke({"lines": ["more"]}, thread("ann"))
    assert len((await graph.aget_state(thread("ann"))).values["lines"]) == len(before.values["lines"]) + 3


async def test_a_pruned_conversation_goes_on(saver, state):
    graph = talking(saver)
    for turn in range(10):
        await graph.ainvoke({"messages": [("user", f"turn {turn}")]}, thread("ann"))
    before = (await graph.aget_state(thread("ann"))).values
    await saver.aprune(["ann", "nobody"])
    assert len(await listed(saver, thread("ann"))) == 1
    assert (await graph.aget_state(thread("ann"))).values == before
    await graph.ainvoke({"messages": [("user", "more")]}, thread("ann"))
    assert len((await graph.aget_state(thread("ann"))).values["messages"]) == 22
    with pytest.raises(ValueError, match="keep_latest"):
        await saver.aprune(["ann"], strategy="keep_first")
    await saver.aprune(["ann"], strategy="delete")
    for table in ("threads", "checkpoints", "channel_values", "checkpoint_writes"):
        assert await state.driver.fetch(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_copied_thread_goes_its_own_way(saver):
    graph = winding(saver)
    await graph.ainvoke({"asked": "a", "done": [], "count": 0}, thread("ann"))
    await saver.acopy_thread("ann", "copy")
    await graph.ainvoke(Command(resume="yes"), thread("copy"))
    assert (await graph.aget_state(thread("copy"))).values["done"][-1] == "yes"
    assert (await graph.aget_state(thread("ann"))).next == ("last",)
    await saver.adelete_thread("ann")
    assert (await graph.aget_state(thread("ann"))).values == {}
    assert (await graph.aget_state(thread("copy"))).values["done"][-1] == "yes"


@dataclass
class Point:
    x: int


async def test_values_of_every_kind_come_back_as_they_were(state):
    serde = JsonPlusSerializer(allowed_msgpack_modules=[Point])
    saver = SqlStoreSaver(state, serde=serde)
    values = {
        "none": None, "bytes": b"\0\xff", "text": "NUL \0 สวัสดี", "set": {1, 2},
        "point": Point(3), "points": [Point(1), Point(2)], "empty": [], "nested": [[], [None, b"x"], {"a": [1]}],
        "dict": {"a": {"b": 1.5}}, "number": 2**63, "unversioned": ["x"],
    }  # fmt: skip
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = values
    versions = {name: number for number, name in enumerate(values, 1) if name != "unversioned"}
    checkpoint["channel_versions"] = versions | {"float": 1.0, "str": "00001.abc"}
    checkpoint["versions_seen"] = {"node": {"text": 3}}
    metadata = {"source": "loop", "step": 1, "parents": {}, "extra": [1, {"a": None}]}
    config = {**thread("ann", checkpoint_ns=""), "metadata": {"user": "ann"}}
    written = await saver.aput(config, checkpoint, metadata, versions)
    found = await saver.aget_tuple(written)
    assert found.checkpoint == checkpoint
    assert found.metadata == metadata | {"user": "ann"}
    assert found.config == written
    assert found.parent_config is None


class Reversing:
    """A cipher that is none."""

    def encrypt(self, plaintext):
        return "reversed", plaintext[::-1]

    def decrypt(self, ciphername, ciphertext):
        assert ciphername == "reversed"
        return ciphertext[::-1]


async def test_an_encrypting_serializer_hides_all_values(sqlite_url):
    async with State.open(sqlite_url) as state:
        graph = talking(SqlStoreSaver(state, serde=EncryptedSerializer(Reversing())))
        for _ in range(3):
            await graph.ainvoke({"messages": [("user", "canary")]}, thread("ann"))
        assert len((await graph.aget_state(thread("ann"))).values["messages"]) == 6
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert "canary" not in "".join(connection.iterdump())
        assert b"canary".hex().upper() not in "".join(connection.iterdump())


async def test_lists_are_filtered_as_on_langgraph_s_own_saver(saver):
    theirs = InMemorySaver()
    for number in range(12):
        checkpoint = empty_checkpoint()
        metadata = {"source": ["input", "loop"][number % 2], "step": number, "note": {"a": [number % 3]}}
        if number % 4 == 0:
            metadata["odd key.with'quotes\""] = None
        place = thread("ann" if number < 9 else "ben", checkpoint_ns="" if number % 3 else "child")
        for each in (saver, theirs):
            await each.aput(place, checkpoint, metadata, {})
    before = (await listed(saver, thread("ann")))[3].config
    for config in (
        thread("ann"),
        thread("ann", checkpoint_ns=""),
        thread("ben", checkpoint_ns="child"),
        before,
    ):
        for options in (
            {}, {"limit": 2}, {"limit": 0}, {"filter": {"source": "loop"}}, {"filter": {"step": 3, "source": "loop"}},
            {"filter": {"note": {"a": [1]}}}, {"filter": {"odd key.with'quotes\"": None}, "limit": 3},
            {"before": before}, {"before": before, "limit": 1, "filter": {"source": "input"}}, {"before": thread("ann")},
        ):  # fmt: skip
            ours = {each.checkpoint["id"] for each in await listed(saver, config, **options)}
            expected = {each.checkpoint["id"] async for each in theirs.alist(config, **options)}
            assert len(ours) == len(expected)
            if "limit" not in options:
                assert ours == expected
    ids = [each.checkpoint["id"] for each in await listed(saver, None)]
    assert (len(ids), ids) == (12, sorted(ids, reverse=True))
    assert len(await listed(saver, None, filter={"source": "loop"}, limit=4)) == 4


async def test_a_checkpoint_from_elsewhere_keeps_values_that_are_not_called_new(saver):
    said = {"said": ["a"], "count": 1}
    first = empty_checkpoint() | {"channel_values": said, "channel_versions": {"said": "1", "count": "1"}}
    await saver.aput(thread("ann"), first, {}, {"said": "1"})
    kept = await saver.aget_tuple(thread("ann"))
    assert kept.checkpoint["channel_values"] == said

    then = copy_checkpoint(kept.checkpoint) | {"id": str(uuid6())}
    then["channel_values"] = {"said": ["a", "b"], "count": "not stored again"}
    then["channel_versions"]["said"] = "2"
    await saver.aput(kept.config, then, {}, {"said": "2"})
    kept = await saver.aget_tuple(thread("ann"))
    assert kept.checkpoint["channel_values"] == {"said": ["a", "b"], "count": 1}


async def test_one_id_in_place_of_a_list_is_refused(saver):
    for name in ("a", "b", "ab"):
        await saver.aput(thread(name), empty_checkpoint(), {"run_id": name}, {})
    for refused in (
        saver.aprune("ab"),
        saver.aprune("ab", strategy="delete"),
        saver.adelete_for_runs("ab"),
    ):
        with pytest.raises(TypeError, match="must be a list of ids"):
            await refused
    assert len(await listed(saver, None)) == 3


async def test_a_thread_may_be_called_by_a_number(saver):
    graph = talking(saver)
    await graph.ainvoke({"messages": [("user", "1")]}, thread(7))
    assert len((await graph.aget_state(thread(7))).values["messages"]) == 2
    await saver.adelete_thread(7)
    assert await saver.aget_tuple(thread("7")) is None


async def test_special_writes_replace_and_others_stay(saver):
    config = await saver.aput(thread("ann"), empty_checkpoint(), {}, {})
    await saver.aput_writes(config, [("a", 1), ("__error__", "first")], "task", "path")
    await saver.aput_writes(config, [("a", 2), ("__error__", "second")], "task", "path")
    await saver.aput_writes(config, [], "task")
    await saver.aput_writes(config, [("b", 3)], "another task", "a path before")
    found = await saver.aget_tuple(thread("ann"))
    assert found.pending_writes == [
        ("another task", "b", 3),
        ("task", "__error__", "second"),
        ("task", "a", 1),
    ]


async def test_writes_may_come_before_their_checkpoint(saver):
    checkpoint = empty_checkpoint()
    await saver.aput_writes(thread("ann", checkpoint_id=checkpoint["id"]), [("a", 1)], "task")
    assert await saver.aget_tuple(thread("ann")) is None
    await saver.aput(thread("ann"), checkpoint, {}, {})
    assert (await saver.aget_tuple(thread("ann"))).pending_writes == [("task", "a", 1)]


async def test_without_await_it_works_from_a_thread(saver):
    graph = talking(saver)

    def work():
        config = saver.put(thread("ann"), empty_checkpoint(), {"run_id": "r"}, {})
        saver.put_writes(config, [("a", 1)], "task")
        assert saver.get_tuple(config).pending_writes == [("task", "a", 1)]
        assert [each.config for each in saver.list(thread("ann"))] == [config]
        assert saver.get_delta_channel_history(config=config, channels=["a"]) == {"a": {"writes": []}}
        saver.copy_thread("ann", "copy")
        saver.prune(["copy"])
        saver.delete_for_runs(["r"])
        assert list(saver.list(None)) == []
        saver.delete_thread("ann")

    await asyncio.to_thread(work)
    assert await saver.aget_tuple(thread("copy")) is None
    await graph.ainvoke({"messages": [("user", "1")]}, thread("ben"))
    found = await asyncio.to_thread(lambda: list(graph.get_state_history(thread("ben"))))
    assert len(found) == 3


async def test_without_await_it_says_so_in_the_loop(saver):
    for use in (
        lambda: saver.get_tuple(thread("ann")),
        lambda: next(saver.list(None)),
        lambda: saver.put(thread("ann"), empty_checkpoint(), {}, {}),
        lambda: saver.delete_thread("ann"),
    ):
        with pytest.raises(asyncio.InvalidStateError, match=r"await saver\.a"):
            use()


async def test_versions_follow_those_of_other_savers_and_never_meet(saver):
    assert saver.get_next_version(None, None) < saver.get_next_version(
        saver.get_next_version(None, None), None
    )
    others = InMemorySaver().get_next_version("00000000000000000000000000000041.0.5", None)
    ours = saver.get_next_version(others, None)
    assert others < ours < saver.get_next_version(ours, None)
    assert saver.get_next_version(7, None).startswith("000000000008.")
    assert len({saver.get_next_version(ours, None) for _ in range(1_000)}) == 1_000


async def test_a_cancelled_write_is_finished_and_the_cancel_goes_on(saver):
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"], checkpoint["channel_versions"] = {"a": [1, 2]}, {"a": 1}
    task = asyncio.create_task(saver.aput(thread("ann"), checkpoint, {}, {"a": 1}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await saver.aget_tuple(thread("ann"))).checkpoint["channel_values"] == {"a": [1, 2]}


async def test_a_value_is_kept_as_it_was_when_it_was_put(saver):
    items = [1, 2]
    for number in (1, 2):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"], checkpoint["channel_versions"] = {"a": items}, {"a": number}
        putting = asyncio.create_task(saver.aput(thread("ann"), checkpoint, {}, {"a": number}))
        await asyncio.sleep(0)
        items.append("later")  # a reducer that works in place
        await putting
    (second, first) = await listed(saver, thread("ann"))
    assert first.checkpoint["channel_values"] == {"a": [1, 2]}
    assert second.checkpoint["channel_values"] == {"a": [1, 2, "later"]}


async def test_many_runs_at_once_on_many_threads_and_on_one(saver):
    graph = winding(saver)

    async def run(number: int) -> None:
        config = thread(f"own {number}")
        await graph.ainvoke({"asked": "a", "done": [], "count": 0}, config)
        done = await graph.ainvoke(Command(resume=number), config)
        assert (done["done"][-1], done["count"]) == (number, 6)

    async def same(number: int) -> None:
        await graph.ainvoke({"asked": f"{number}", "done": [], "count": 0}, thread("shared"))

    await asyncio.gather(*map(run, range(8)), *map(same, range(4)))
    found = await listed(saver, thread("shared"))
    asked = {each.checkpoint["channel_values"].get("asked") for each in found}
    assert asked >= {"0", "1", "2", "3"}


WRITER = """
import asyncio, os, sys
from sqlstore.adapters.langgraph import SqlStoreSaver
from sqlstore.stores.state import State
from tests.adapters.graphs import talking

async def main():
    async with State.open(os.environ["SQLSTORE_URL"]) as state:
        graph = talking(SqlStoreSaver(state))
        for turn in range(10):
            for thread in (sys.argv[1], "shared"):
                config = {"configurable": {"thread_id": thread}}
                await graph.ainvoke({"messages": [("user", f"{sys.argv[1]} {turn}")]}, config)

asyncio.run(main())
"""


async def test_two_processes_at_once(url, saver):
    await run_beside(WRITER, url, ["first", "second"])
    graph = talking(saver)
    for name in ("first", "second"):
        texts = [message.text for message in (await graph.aget_state(thread(name))).values["messages"]]
        assert texts[::2] == [f"{name} {turn}" for turn in range(10)]
    found = [each async for each in graph.aget_state_history(thread("shared"))]
    inputs = {message.text for each in found for message in each.values.get("messages", [])[-1:]}
    assert inputs >= {f"{name} {turn}" for name in ("first", "second") for turn in range(10)}
    states = {each.config["configurable"]["checkpoint_id"]: each.values.get("messages", []) for each in found}
    for each in found:  # whoever was first, every state goes on from one that was there
        if each.parent_config is not None:
            before = states[each.parent_config["configurable"]["checkpoint_id"]]
            assert states[each.config["configurable"]["checkpoint_id"]][: len(before)] == before


async def test_what_is_stored_grows_with_the_text_and_not_with_its_square(saver, state):
    graph = talking(saver)
    sizes = []
    sql = (
        "SELECT (SELECT sum(length(data)) FROM channel_values) + (SELECT sum(length(data)) FROM checkpoints)"
        " + (SELECT sum(length(data)) FROM checkpoint_writes)"
    )
    for turn in range(80):
        await graph.ainvoke({"messages": [("user", f"turn {turn} ".ljust(200, "."))]}, thread("ann"))
        if turn % 40 == 39:
            ((size,),) = await state.driver.fetch(sql)
            sizes.append(int(size))
    assert sizes[1] < 2.2 * sizes[0]
    assert sizes[1] < 80 * 3_500


async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "langgraph_memory.py"), folder=tmp_path, url=url)
    assert shown.splitlines() == [
        "How many? (waiting: May I answer?)",
        "There are 1 messages so far.",
        "And now? (waiting: May I answer?)",
        "There are 3 messages so far.",
    ]


async def test_without_langgraph_it_says_what_to_install():
    assert "pip install 'sqlstore[langgraph]'" in await import_error(
        "sqlstore.adapters.langgraph", "langgraph.checkpoint.base"
    )
