"""Who is compared, by engine: the first is the floor. Imported only where it is measured."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from bench.peers.peer import Engine, Peer

OURS: Final = "sqlstore"
ONE_HOP: Final = "aiosqlite, one hop"

CALLS: Final[dict[Engine, dict[str, str]]] = {
    "sqlite": {
        "sqlite3, synchronous": "bare_sqlite:Synchronous",
        ONE_HOP: "bare_sqlite:OneHop",
        "aiosqlite": "bare_sqlite:Documented",
        OURS: "ours:Sqlstore",
        "aiosql": "aiosql_peer:Sqlite",
        "SQLSpec": "sqlspec_peer:SqlSpec",
        "SQLAlchemy": "sqlalchemy_peer:SqlAlchemy",
        "databases": "databases_peer:Databases",
    },
    "postgres": {
        "asyncpg, prepared": "bare_postgres:Prepared",
        "asyncpg, connection.fetch": "bare_postgres:OneConnection",
        "asyncpg, pool.fetch": "bare_postgres:Pool",
        OURS: "ours:Sqlstore",
        "aiosql": "aiosql_peer:Postgres",
        "SQLSpec": "sqlspec_peer:SqlSpec",
        "SQLAlchemy": "sqlalchemy_peer:SqlAlchemy",
        "databases": "databases_peer:Databases",
    },
}
HISTORIES: Final[dict[Engine, dict[str, str]]] = {
    "sqlite": {
        OURS: "ours:Histories",
        "OpenAI Agents SQLiteSession": "openai_agents_peer:Sqlite",
        "OpenAI Agents SQLAlchemySession": "openai_agents_peer:SqlAlchemy",
        "LangChain SQLChatMessageHistory": "langchain_peer:LangChain",
        "LangGraph AsyncSqliteSaver": "langgraph_peer:LangGraph",
    },
    "postgres": {
        OURS: "ours:Histories",
        "OpenAI Agents SQLAlchemySession": "openai_agents_peer:SqlAlchemy",
        "LangChain SQLChatMessageHistory": "langchain_peer:LangChain",
        "LangGraph AsyncPostgresSaver": "langgraph_peer:LangGraph",
    },
}


def make_peer(reference: str) -> Peer:
    """The peer of `module:Class`. Raises ImportError where its library is not installed."""
    module, _, name = reference.partition(":")
    peer = getattr(import_module(f"bench.peers.{module}"), name)()
    assert isinstance(peer, Peer)
    return peer
