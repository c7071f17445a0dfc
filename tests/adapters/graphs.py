"""Graphs that savers are tried with: branches side by side, subgraphs, interrupts, delta channels."""

import operator
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt


def talking(saver: BaseCheckpointSaver):
    """Each turn says how many messages there were."""

    async def answer(state: MessagesState):
        return {"messages": [AIMessage(f"after {len(state['messages'])}", id=f"a{len(state['messages'])}")]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    return builder.compile(checkpointer=saver)


class Steps(TypedDict):
    """What was done, in order; how often; and the last thing asked."""

    done: Annotated[list, operator.add]
    count: Annotated[int, operator.add]
    asked: str


def winding(saver: BaseCheckpointSaver):
    """A first node, three side by side (one of them a graph of its own), and one that waits for a person."""

    async def first(state: Steps):
        return {"done": ["first"], "count": 1}

    def beside(name: str):
        async def node(state: Steps):
            return {"done": [name, {"of": state["asked"]}], "count": 1}

        return node

    async def last(state: Steps):
        answer = interrupt({"question": state["asked"]})
        return {"done": [answer], "count": 1, "asked": f"{state['asked']}?"}

    inner = StateGraph(Steps)
    inner.add_node("inner", beside("inner"))
    inner.add_edge(START, "inner")
    builder = StateGraph(Steps)
    builder.add_node("first", first)
    builder.add_node("left", beside("left"))
    builder.add_node("right", beside("right"))
    builder.add_node("below", inner.compile())
    builder.add_node("last", last)
    builder.add_edge(START, "first")
    for name in ("left", "right", "below"):
        builder.add_edge("first", name)
        builder.add_edge(name, "last")
    return builder.compile(checkpointer=saver)


def added(state: list, writes: list) -> list:
    return [*state, *(item for write in writes for item in write)]


class Lines(TypedDict):
    lines: Annotated[list, DeltaChannel(added, snapshot_frequency=4)]


def delta(saver: BaseCheckpointSaver):
    """Two nodes side by side write to a channel that is stored as what is written to it."""

    def node(name: str):
        async def write(state: Lines):
            return {"lines": [f"{name} after {len(state['lines'])}"]}

        return write

    builder = StateGraph(Lines)
    for name in ("left", "right"):
        builder.add_node(name, node(name))
        builder.add_edge(START, name)
    return builder.compile(checkpointer=saver)
