"""A graph that remembers, and waits for a person, without a network.  python examples/langgraph_memory.py

With LangGraph (`pip install 'sqlstore[langgraph]' langgraph`).
"""

import asyncio
import os

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from sqlstore.adapters.langgraph import SqlStoreSaver
from sqlstore.stores.state import State


async def answer(state: MessagesState) -> dict[str, list[AIMessage]]:
    approved = interrupt("May I answer?")
    text = f"There are {len(state['messages'])} messages so far." if approved else "I may not say."
    return {"messages": [AIMessage(text)]}


async def main() -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    async with State.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/state.db")) as state:
        graph = builder.compile(checkpointer=SqlStoreSaver(state))
        config = {"configurable": {"thread_id": "ann"}}
        for question in ("How many?", "And now?"):
            waiting = await graph.ainvoke({"messages": [("user", question)]}, config)
            print(f"{question} (waiting: {waiting['__interrupt__'][0].value})")
            done = await graph.ainvoke(Command(resume=True), config)
            print(done["messages"][-1].text)


asyncio.run(main())
