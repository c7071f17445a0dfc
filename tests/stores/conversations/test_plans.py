"""Query plans: what a chat asks on each turn is a range of an index, however much is stored."""

import re
from typing import Any

import asyncpg
import pytest

from sqlstore.stores.conversations import Conversations

LAST = str(2**63 - 1)
KEYS = {"sqlite": "sqlite_autoindex_conversations_1", "postgres": "conversations_id_key"}
VERSIONED = {"sqlite": ("'c7'", "'c7'", "50"), "postgres": ("'c7'", "50")}


@pytest.fixture
async def filled(store: Conversations, execute: Any) -> Conversations:
    """1,500 conversations of 10 users, 8,000 messages in 40 of them, and statistics for the planner."""
    numbers = {
        "sqlite": "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
        "postgres": "(SELECT i FROM generate_series(1, {count}) AS i)",
    }[store.driver.engine]
    json = {"sqlite": "json_object('number', i)", "postgres": "jsonb_build_object('number', i)"}[
        store.driver.engine
    ]
    await execute(
        "INSERT INTO conversations (id, user_id, title, is_active, metadata, updated_at) "
        f"SELECT 'c' || i, i % 10, 'x', i % 7 <> 0, {json}, "
        + {
            "sqlite": "'2030-01-01T00:00:' || (10 + i % 50) || '.000000Z' ",
            "postgres": "timestamptz '2030-01-01T00:00:00Z' + i % 50 * interval '1 second' ",
        }[store.driver.engine]
        + f"FROM {numbers.format(count=1_500)} AS numbers"
    )
    await execute(
        "INSERT INTO messages (id, conversation_id, role, content, agent_used, routing_info, metadata) "
        f"SELECT 'm' || i, 'c' || (1 + i % 40), 'user', 'text ' || i, "
        f"CASE WHEN i % 3 = 0 THEN 'agent ' || i % 30 END, {json}, {json} "
        f"FROM {numbers.format(count=8_000)} AS numbers"
    )
    await execute("ANALYZE")
    return store


async def plans(store: Conversations, url: str, table: str, query: str, *arguments: str) -> list[str]:
    """The plans of a named query. arguments: SQL literals by placeholder.

    On PostgreSQL with the values known, and as a prepared statement is planned after a while.
    """
    sql = getattr(store._queries.table(table), query).sql
    if store.driver.engine == "sqlite":
        given = iter(arguments)
        sql = re.sub(r"\?", lambda _: next(given), sql)
        return ["\n".join(row[-1] for row in await store.driver.fetch(f"EXPLAIN QUERY PLAN {sql}"))]
    server, schema = re.split(r"[?&]schema=", url)
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"SET search_path TO {schema}")
        await connection.execute(f"PREPARE query AS {sql}")
        shown = []
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode TO {mode}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE query ({', '.join(arguments)})")
            shown.append("\n".join(row[0] for row in rows))
        return shown
    finally:
        await connection.close(timeout=5)


def assert_one_range(shown: str, index: str) -> None:
    """Rows come from a range of one index, in its order."""
    scans = re.findall(r"(?:SEARCH|SCAN) \w+ USING .*|\w+ Scan.* on \w+|Scan.* using \w+ on \w+", shown)
    assert len(scans) == 1, shown
    assert index in scans[0], shown


@pytest.mark.parametrize(
    ("table", "query", "sqlite", "postgres", "index"),
    [
        ("messages", "history", ("'c7'", LAST, "50"), ("'c7'", LAST, "50"), "idx_messages_conversation_time"),
        (
            "messages",
            "by_agent",
            ("'agent 3'", LAST, "50"),
            ("'agent 3'", LAST, "50"),
            "idx_messages_agent_used",
        ),
        ("conversations", "recent", ("20",), ("20",), "idx_conversations_updated_at"),
        ("conversations", "by_user", ("7", "1", "20"), ("7", "true", "20"), "idx_conversations_active"),
    ],
)
async def test_the_newest_are_one_range_of_an_index(
    filled: Conversations,
    url: str,
    engine: str,
    table: str,
    query: str,
    sqlite: tuple[str, ...],
    postgres: tuple[str, ...],
    index: str,
) -> None:
    for shown in await plans(filled, url, table, query, *(sqlite if engine == "sqlite" else postgres)):
        assert_one_range(shown, index)


async def test_a_history_and_its_version_are_a_range_and_a_row(
    filled: Conversations, url: str, engine: str
) -> None:
    for shown in await plans(filled, url, "messages", "versioned_history", *VERSIONED[engine]):
        assert "idx_messages_conversation_time" in shown
        assert KEYS[engine] in shown
        assert "SCAN messages" not in shown
        assert "Seq Scan" not in shown
    for shown in await plans(filled, url, "messages", "history_version", "'c7'"):
        assert_one_range(shown, KEYS[engine])


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(("query", "column"), [("history", "conversation_id"), ("by_agent", "agent_used")])
async def test_on_sqlite_a_page_further_back_starts_where_it_begins(
    filled: Conversations, url: str, query: str, column: str
) -> None:
    (shown,) = await plans(filled, url, "messages", query, "'c7'", "1000", "50")
    assert f"({column}=? AND seq<?)" in shown, shown


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize("query", ["history", "by_agent"])
async def test_on_postgresql_a_page_further_back_starts_where_it_begins(
    filled: Conversations, url: str, query: str
) -> None:
    for shown in await plans(filled, url, "messages", query, "'c7'", "1000", "50"):
        assert re.search(r"Index Cond: .*ROW\(\w+, seq\) < ROW", shown), shown


async def test_further_pages_of_a_user_are_ranges_of_one_index(
    filled: Conversations, url: str, engine: str
) -> None:
    moment = "'2030-01-01T00:00:30.000000Z'"
    arguments = {
        "sqlite": ("7", "1", moment, "100", "20", "7", "1", LAST, "20", "20"),
        "postgres": ("7", "true", moment, "100", LAST, "20"),
    }[engine]
    for shown in await plans(filled, url, "conversations", "by_user_after", *arguments):
        assert "idx_conversations_active" in shown, shown
        assert not re.search(r"SCAN conversations|Seq Scan", shown), shown


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize(
    ("table", "query", "index"),
    [
        ("conversations", "by_metadata", "idx_conversations_metadata"),
        ("messages", "by_metadata", "idx_messages_metadata"),
        ("messages", "by_routing_info", "idx_messages_routing_info"),
    ],
)
async def test_a_rare_document_is_found_by_the_json_index(
    filled: Conversations, url: str, execute: Any, table: str, query: str, index: str
) -> None:
    await execute("VACUUM")  # takes the index's list of pending entries in, as autovacuum does
    for shown in await plans(filled, url, table, query, """'{"number": 7}'""", LAST, "20"):
        matching = shown.split("CTE matching")[1].split("CTE hits")[0]
        assert index in matching, shown
        assert "Seq Scan" not in matching, shown
