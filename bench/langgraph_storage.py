"""What LangGraph's checkpoints of a long conversation cost, beside langgraph-checkpoint-sqlite.

    python bench/langgraph_storage.py [TURNS]

Each turn a question and an answer of 200 characters go into a MessagesState graph. Printed are
bytes of the database, and seconds, for both savers in the same run; and ours on PostgreSQL where
SQLSTORE_TEST_POSTGRES names a server.
"""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from langchain_core.messages import AIMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

from sqlstore.adapters.langgraph import SqlStoreSaver
from sqlstore.stores.state import State

CHARACTERS = 200


def text(turn: int, who: str) -> str:
    return (f"{who} {turn}: " + "text and more " * CHARACTERS)[:CHARACTERS]


async def talk(saver: BaseCheckpointSaver, turns: int) -> float:
    """Seconds for the whole conversation."""

    async def answer(state: MessagesState) -> dict[str, list[AIMessage]]:
        return {"messages": [AIMessage(text(len(state["messages"]), "answer"))]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    graph = builder.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": str(uuid.uuid4())}}
    started = time.perf_counter()
    for turn in range(turns):
        await graph.ainvoke({"messages": [("user", text(turn, "question"))]}, config)
    seconds = time.perf_counter() - started
    state = await graph.aget_state(config)
    assert len(state.values["messages"]) == 2 * turns
    return seconds


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[BaseCheckpointSaver]:
    async with State.open(url) as state:
        yield SqlStoreSaver(state)


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm")))


async def main(turns: int) -> None:
    print(f"{turns} turns, {2 * turns * CHARACTERS:,} characters of text")
    for name in ("sqlstore", "langgraph-checkpoint-sqlite"):
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "graph.db"
            opened = (
                ours(f"sqlite:///{path}")
                if name == "sqlstore"
                else AsyncSqliteSaver.from_conn_string(str(path))
            )
            async with opened as saver:
                seconds = await talk(saver, turns)
            print(f"{name}: {size(Path(place)):,} bytes, {seconds:.1f} s")
    if server := os.environ.get("SQLSTORE_TEST_POSTGRES"):
        schema = f"bench_{uuid.uuid4().hex[:8]}"
        async with State.open(f"{server}?schema={schema}") as state:
            seconds = await talk(SqlStoreSaver(state), turns)
            sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            ((used,),) = await state.driver.fetch(sizes)
        print(f"sqlstore on PostgreSQL: {int(used):,} bytes, {seconds:.1f} s")
        connection = await asyncpg.connect(server)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
