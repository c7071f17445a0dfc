"""Query plans: what a desk asks all day is a range of an index, however much is stored."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from sqlstore.engine.clock import EARLIEST
from sqlstore.engine.driver import Statement
from sqlstore.engine.filters import FilteredList
from sqlstore.stores.support import Support
from sqlstore.stores.support.repositories.messages import MESSAGES
from sqlstore.stores.support.repositories.tickets import TICKETS

MOMENT = {
    "sqlite": "'2024-05-06T07:08:09.' || (100000 + i) || 'Z'",
    "postgres": "('2024-05-06T07:08:09.' || (100000 + i) || 'Z')::timestamptz",
}
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
    "postgres": "(SELECT i FROM generate_series(1, {count}) AS i)",
}
ROWS = [
    ("users (id, first_name, updated_at) SELECT i, 'Name', {moment}", 3_000),
    ("chats (id, type) SELECT i, 'group'", 40),
    (
        (
            "messages (telegram_id, chat_id, user_id, text, intent) "
            "SELECT i, 1 + i % 40, 1 + i % 40, 'text', 'intent ' || (i % 30)"
        ),
        20_000,
    ),
    (
        (
            "tickets (kaiten_id, message_id, status, assigned_to) SELECT i, i, "
            "CASE i % 10 WHEN 0 THEN 'open' WHEN 1 THEN 'in_progress' ELSE 'closed' END, 1 + i % 7"
        ),
        20_000,
    ),
    (
        "knowledge_entries (question, answer, source, embedding_id) SELECT 'q', 'a', 'docs', 'point ' || i",
        3_000,
    ),
]


@pytest.fixture
async def filled(desk: Support, execute: Any) -> Support:
    """40 chats and users with 500 messages each, a ticket for each message, and statistics for the planner."""
    engine = desk.driver.engine
    for insert, count in ROWS:
        rows = insert.format(moment=MOMENT[engine])
        await execute(f"INSERT INTO {rows} FROM {NUMBERS[engine].format(count=count)} AS numbers")
    await execute("ANALYZE")
    return desk


async def plan(desk: Support, statement: Statement[Any], *arguments: object) -> str:
    """The plan of a statement, with its arguments as SQL literals."""
    values = [literal(value) for value in statement.encode(*arguments)]
    given = iter(values)
    if desk.driver.engine == "sqlite":
        sql = re.sub(r"\?", lambda _: next(given), statement.sql)
        return "\n".join(str(row[-1]) for row in await desk.driver.fetch(f"EXPLAIN QUERY PLAN {sql}"))
    sql = re.sub(r"\$(\d+)", lambda found: values[int(found[1]) - 1], statement.sql)
    return "\n".join(str(row[0]) for row in await desk.driver.fetch(f"EXPLAIN {sql}"))


def literal(value: object) -> str:
    if isinstance(value, list):
        return f"'{{{','.join(value)}}}'"
    return f"'{value}'" if isinstance(value, str | datetime) else "NULL" if value is None else str(value)


def assert_one_index_range(shown: str, index: str) -> None:
    """Nothing but a range of this index (and, for the last of something, turning so many rows around)."""
    assert re.search(
        rf"USING (COVERING )?INDEX {index}\b|Index (Only )?Scan( Backward)? using {index}\b", shown
    ), shown
    assert not re.search(r"SCAN (?!newest|\(subquery)(?!\w+ USING)|Seq Scan|Bitmap", shown), shown


def assert_no_sort(shown: str) -> None:
    assert not re.search(r"\bSort\b|TEMP B-TREE", shown), shown


async def named_plan(desk: Support, name: str, *arguments: object) -> str:
    """The plan of a named query: `messages.latest`."""
    table, query = name.split(".")
    return await plan(desk, getattr(desk._queries.table(table), query), *arguments)


async def test_the_last_of_somebody_are_one_index_range(filled: Support) -> None:
    assert_one_index_range(await named_plan(filled, "messages.latest", 7, 50), "idx_messages_chat_id")
    assert_one_index_range(await named_plan(filled, "messages.latest_of_user", 7, 50), "idx_messages_user_id")


async def test_what_comes_in_an_order_is_read_in_that_order(filled: Support) -> None:
    for name, arguments, index in [
        ("users.recent", (20,), "idx_users_updated_at"),
        ("tickets.mine", (3, 20), "idx_tickets_unresolved"),
        ("tickets.oldest_open", (20,), "idx_tickets_status"),
        ("tickets.by_message", (7,), "idx_tickets_message_id"),
    ]:
        shown = await named_plan(filled, name, *arguments)
        assert_one_index_range(shown, index)
        assert_no_sort(shown)


async def test_one_row_is_found_by_its_key(filled: Support) -> None:
    for name, arguments in [
        ("messages.by_telegram_id", (7, 7)),
        ("tickets.by_kaiten_id", (7,)),
        ("users.get", (7,)),
        ("messages.get", (7,)),
    ]:
        shown = await named_plan(filled, name, *arguments)
        assert re.search(r"SEARCH|Index Scan", shown), shown
        assert not re.search(r"SCAN |Seq Scan", shown), shown


async def test_entries_of_points_are_found_by_their_index(filled: Support) -> None:
    shown = await named_plan(filled, "knowledge_entries.by_embedding_ids", ["point 1", "point 2"])
    assert "idx_knowledge_entries_embedding_id" in shown, shown


async def test_the_times_to_resolution_are_read_from_a_range(filled: Support) -> None:
    before_all = datetime(
        2024, 1, 1, tzinfo=UTC
    )  # else PostgreSQL would rightly read all: they were closed at once
    shown = await named_plan(filled, "tickets.resolution_times", EARLIEST, before_all, None)
    assert "idx_tickets_resolved_at" in shown, shown


FILTERED: list[tuple[FilteredList[Any], dict[str, object], str]] = [
    (MESSAGES, {"chat_id": 7}, "idx_messages_chat_id"),
    (MESSAGES, {"chat_id": 7, "is_noise": False, "message_type": "text"}, "idx_messages_chat_id"),
    (MESSAGES, {"user_id": 7}, "idx_messages_user_id"),
    (MESSAGES, {"intent": "intent 7"}, "idx_messages_intent"),
    (TICKETS, {"status": "open"}, "idx_tickets_status"),
    (TICKETS, {"message_id": 7}, "idx_tickets_message_id"),
]


@pytest.mark.parametrize("after", [None, 15_000])
async def test_a_page_of_a_filtered_list_is_one_index_range_in_its_order(
    filled: Support, after: int | None
) -> None:
    for listing, filters, index in FILTERED:
        statement = await statement_of(filled, listing, filters, after)
        given = {**filters, "after": after, "limit": 20}
        shown = await plan(filled, statement, *(given[name] for name in statement.parameters))
        assert_one_index_range(shown, index)
        assert_no_sort(shown)


async def statement_of(
    desk: Support, listing: FilteredList[Any], filters: dict[str, object], after: int | None
) -> Statement[Any]:
    """The statement that a page of these filters is read with."""
    again = FilteredList(listing.name, listing.table, listing.row, listing.filters)
    await again.page(desk.driver, filters, after=after, limit=20, descending=True)
    (statement,) = again._statements.values()
    return statement


async def test_what_points_at_a_deleted_row_is_looked_for_by_index(filled: Support, execute: Any) -> None:
    if filled.driver.engine == "sqlite":
        for table in ("chats", "users", "messages"):
            rows = await filled.driver.fetch(f"EXPLAIN QUERY PLAN DELETE FROM {table} WHERE id = 5")
            assert not [row for row in rows if "SCAN" in str(row[-1])], rows
    await execute("DELETE FROM users WHERE id = 5")
    assert await filled.messages.list(user_id=5) == []
    assert await filled.tickets.list(assigned_to=5) == []
    assert await filled.messages.list(user_id=6) != []
