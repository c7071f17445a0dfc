"""With 100,000 rows, a search reads about as many as it gives: of rare words, common ones, in one chat."""

import json
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from query_plans import plan

from sqlstore.capabilities.search.indexing import index_queries
from sqlstore.stores.support import Support

from .conftest import execute, without_schema

pytestmark = pytest.mark.slow

ROWS = 100_000
COMMON, SOME, RARE = "every", "some", "rare"
"""Words of every row, of one in 20, of 10 rows that are the oldest."""
FILL = {
    "sqlite": (
        """INSERT INTO messages (telegram_id, chat_id, text)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        SELECT i, i % 1000, 'text' FROM n""",
        """INSERT INTO messages_search (rowid, words)
        SELECT id, 'every n' || id || iif(id % 20 = 0, ' some', '') || iif(id <= 10, ' rare', '') || ' #c' || chat_id
        FROM messages""",
    ),
    "postgres": (
        """INSERT INTO messages (telegram_id, chat_id, text)
        SELECT i, i % 1000, 'text' FROM generate_series(1, {rows}) AS i""",
        """INSERT INTO messages_search (id, doc)
        SELECT id, array_to_tsvector(ARRAY['every', 'n' || id, '#c' || chat_id, '#@' || (id >> 13), '#~' || (id >> 17)]
          || CASE WHEN id % 20 = 0 THEN ARRAY['some'] END || CASE WHEN id <= 10 THEN ARRAY['rare'] END)
        FROM messages""",
        "ANALYZE messages_search",
    ),
}
HITS = {
    COMMON: "'every'", SOME: "'some'", RARE: "'rare'", "nowhere": "'nowhere'", "both": "'every' & 'rare'",
    "in a chat": "'#c7' & 'every'", "rare in a chat": "'#c7' & 'rare'", "begins": "'n9999':*",
    "begins in a chat": "'#c7' & 'n':*",
}  # fmt: skip
FEWER_PAGES = {"begins in a chat": 250}
"""A chat has 100 rows; the index has 100,000 words that begin so."""


@pytest.fixture
async def filled(url: str) -> AsyncIterator[Support]:
    async with Support.open(url, search=False) as desk:
        for chat in range(1_000):
            await desk.chats.save(chat, "group", "g")
        for sql in FILL[desk.driver.engine]:
            await execute(desk, sql.format(rows=ROWS))
        yield desk


@pytest.mark.parametrize("engine", ["postgres"])
async def test_postgres_reads_few_pages_whatever_it_knows_of_the_words(filled: Support, url: str) -> None:
    sql = re.sub(r"\$(\d)::(\w+)", r"$\1::\2", filled._queries.table("messages").hits.sql)
    connection = await asyncpg.connect(without_schema(url), statement_cache_size=0)
    try:
        await connection.execute(f'SET search_path = "{url.partition("schema=")[2]}"')
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}; PREPARE hits_{mode} AS {sql}")
            for what, match in HITS.items():
                for limit, most in ((20, 2_000), (200, 3_000)):
                    literal = match.replace("'", "''")
                    shown = await connection.fetchval(
                        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE hits_{mode}('{literal}', {2**63 - 1}, {limit})"
                    )
                    top = json.loads(shown)[0]["Plan"]
                    pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
                    assert pages <= FEWER_PAGES.get(what, most), (mode, what, limit, shown)
    finally:
        await connection.close()


SPREAD = """INSERT INTO messages_search (id, doc)
    SELECT id, array_to_tsvector(ARRAY['every', 'n' || id, '#c' || i % 1000, '#@' || (id >> 13), '#~' || (id >> 17)]
      || CASE WHEN i % 20 = 0 THEN ARRAY['some'] END || CASE WHEN i <= 10 THEN ARRAY['rare'] END
      || CASE WHEN i BETWEEN 20000 AND 20300 OR i > 29998 THEN ARRAY['clump'] END
      || CASE WHEN i < 15000 OR i = 29500 THEN ARRAY['old'] END)
    FROM generate_series(1, 30000) AS i, LATERAL (SELECT i * 100 - 1000 AS id) AS keys"""
"""Ids from -900 to 2,999,000, in 366 and in 23 parts of the table."""
SCAN = "SELECT id FROM messages_search WHERE doc @@ $1::tsquery AND id < $2 ORDER BY id DESC LIMIT $3"


@pytest.mark.parametrize("engine", ["postgres"])
@pytest.mark.parametrize("match", [*HITS.values(), "'clump'", "'old'", "'old' & 'some'", "'#c0' & 'clump'"])
async def test_postgres_gives_the_newest_hits_in_whatever_part_they_are(url: str, match: str) -> None:
    async with Support.open(url, search=False) as desk:
        await execute(desk, SPREAD)
        connection = await asyncpg.connect(without_schema(url))
        try:
            await connection.execute(f'SET search_path = "{url.partition("schema=")[2]}"')
            for before in (2**63 - 1, 2_950_000, 1_000_000, 100, -2_000):
                for limit in (1, 20, 200, 1_000):
                    found = await desk.driver.call(desk._queries.table("messages").hits, match, before, limit)
                    wanted = await connection.fetch(SCAN, match, before, limit)
                    assert [hit.id for hit in found] == [row["id"] for row in wanted], (before, limit)
        finally:
            await connection.close()


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_sqlite_walks_the_index_in_its_own_order(filled: Support) -> None:
    shown = await plan(filled, "messages", "hits")
    assert re.fullmatch(r"SCAN messages_search VIRTUAL TABLE INDEX \d+:\S*M\S*", shown), shown
    (found,) = await filled.driver.fetch(
        "SELECT group_concat(rowid) FROM (SELECT rowid FROM messages_search "
        'WHERE messages_search MATCH \'"#c7" AND "every"\' AND rowid < 5000 ORDER BY rowid DESC LIMIT 3)'
    )
    assert found == ("4007,3007,2007",)


async def test_what_is_pending_is_looked_up_by_key(filled: Support) -> None:
    table = index_queries(filled.driver.engine)
    for query, arguments in (
        (table.waiting, ("'messages'", "262144", "100")),
        (table.extend, ("'messages'", "'1'", "1000")),
    ):
        sql = query.sql
        if filled.driver.engine == "sqlite":
            rows = await filled.driver.fetch(f"EXPLAIN QUERY PLAN {sql.replace('?', '1')}")
            shown = "\n".join(str(row[-1]) for row in rows)
            assert not re.search(r"SCAN (?!search_texts)|AUTOMATIC|CO-ROUTINE", shown), shown
        else:
            sql = re.sub(r"\$(\d+)", lambda found, given=arguments: given[int(found[1]) - 1], sql)
            shown = "\n".join(str(row[0]) for row in await filled.driver.fetch(f"EXPLAIN {sql}"))
            assert "Seq Scan on messages" not in shown, shown
