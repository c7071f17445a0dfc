"""Rows that the store's tables would refuse: all listed, without their values, and nothing is changed."""

import msgspec
import pytest

from sqlstore.capabilities.adopt import RowsRefused, adopt
from sqlstore.stores.chatbot import Chatbot

SECRET = "canary-4711"
NOT_THERE = "points at a row that is not there"

ON_BOTH = {
    "not null": ("UPDATE users SET created_at = NULL WHERE id = 7",
                 ("users", "7", "created_at", "is NULL, and must have a value")),
    "closed set": (f"UPDATE messages SET role = '{SECRET}' WHERE id = 12",
                   ("messages", "12", "role", "is refused by messages_role_check")),
    "negative": ("UPDATE messages SET latency = -1 WHERE id = 12",
                 ("messages", "12", "latency", "is refused by messages_latency_check")),
    "two sessions of a user": (("INSERT INTO sessions (id, user_id, message_count, started_at) "
                               "VALUES (6, 3, 0, '2025-01-01 00:00:00')"),
                               ("sessions", "6", "user_id", "is in another row too, and must be in one only")),
    "year": ("UPDATE messages SET created_at = '0001-01-01 00:00:00' WHERE id = 12",
             ("messages", "12", "created_at", "must lie in the years 2 to 9998")),
}  # fmt: skip
ON_SQLITE = {
    "no time": (f"UPDATE users SET last_active = '{SECRET}' WHERE id = 3",
                ("users", "3", "last_active", "is not a time")),
    "a number for a time": ("UPDATE users SET last_active = 1766743200 WHERE id = 3",
                            ("users", "3", "last_active", "is not a time")),
    "no such day": ("UPDATE users SET last_active = '2025-02-31 10:00:00' WHERE id = 3",
                    ("users", "3", "last_active", "is not a time")),
    "no number": (f"UPDATE faqs SET hit_count = '{SECRET}' WHERE id = 1",
                  ("faqs", "1", "hit_count", "is not a whole number")),
    "infinite": ("UPDATE messages SET latency = 9e999 WHERE id = 12",
                 ("messages", "12", "latency", "must be a finite number, not NaN or infinity")),
    "no truth": ("UPDATE users SET bot_enabled = 2 WHERE id = 3",
                 ("users", "3", "bot_enabled", "is refused by users_bot_enabled_check")),
    "no text": ("UPDATE messages SET content = x'00ff' WHERE id = 10",
                ("messages", "10", "content", "is not text")),
    "no UTF-8": ("UPDATE messages SET content = CAST(x'41ff' AS TEXT) WHERE id = 10",
                 ("messages", "10", "content", "holds a lone surrogate, which UTF-8 cannot hold")),
    "NUL": ("UPDATE messages SET content = 'a' || char(0) || 'b' WHERE id = 10",
            ("messages", "10", "content", "holds a NUL character, which PostgreSQL cannot store")),
    "too long": ("UPDATE users SET name = printf('%300c', 'x') WHERE id = 3",
                 ("users", "3", "name", "is refused by users_name_check")),
    "orphan": ("UPDATE messages SET user_id = 99 WHERE id = 13", ("messages", "13", "user_id", NOT_THERE)),
    "no UTF-8 in the bot's own column": (
        "UPDATE users SET language = CAST(x'41ff' AS TEXT) WHERE id = 3",
        ("users", "3", "language", "holds a lone surrogate, which UTF-8 cannot hold")),
}  # fmt: skip
ON_POSTGRES = {
    "infinite time": ("UPDATE users SET last_active = 'infinity' WHERE id = 3",
                      ("users", "3", "last_active", "must lie in the years 2 to 9998")),
    "no number": ("UPDATE messages SET latency = 'NaN' WHERE id = 12",
                  ("messages", "12", "latency", "must be a finite number, not NaN or infinity")),
}  # fmt: skip


async def refused(database) -> RowsRefused:
    """The error of an adoption that leaves the database as it was."""
    before = repr(await database.dump())  # as text, because NaN is not equal to itself
    with pytest.raises(RowsRefused) as caught:
        await adopt(Chatbot, database.url)
    assert repr(await database.dump()) == before
    assert SECRET not in str(caught.value)
    assert SECRET not in msgspec.json.encode(caught.value.report).decode()
    return caught.value


async def check(database, sql, expected) -> None:
    await database.execute(sql)
    error = await refused(database)
    [problem] = error.report.problems
    assert (problem.table, problem.row, problem.column, problem.reason) == expected
    assert error.report.problem_count == 1


@pytest.mark.parametrize("case", ON_BOTH)
async def test_a_row_that_is_refused_on_both_engines(old, case):
    await check(old, *ON_BOTH[case])


@pytest.mark.parametrize("case", ON_SQLITE)
async def test_a_row_that_only_sqlite_could_keep(old_sqlite, case):
    await check(old_sqlite, *ON_SQLITE[case])


@pytest.mark.parametrize("case", ON_POSTGRES)
async def test_a_row_that_only_postgres_could_keep(old_postgres, case):
    await check(old_postgres, *ON_POSTGRES[case])


async def test_all_rows_are_listed_at_once_and_children_are_not_blamed(old):
    await old.execute(
        "UPDATE users SET created_at = NULL, last_active = NULL WHERE id = 3",
        "UPDATE messages SET role = 'nobody' WHERE id IN (12, 13)",
        "UPDATE messages SET content = 'x' WHERE id = 40",
    )
    report = (await refused(old)).report
    found = [(problem.table, problem.row, problem.column) for problem in report.problems]
    assert sorted(found) == [
        ("messages", "12", "role"), ("messages", "13", "role"), ("users", "3", "created_at"),
    ]  # fmt: skip


async def test_a_look_lists_them_too(old):
    await old.execute("UPDATE messages SET role = 'nobody' WHERE id IN (12, 13)")
    report = await adopt(Chatbot, old.url, dry_run=True)
    assert (report.state, report.problem_count, len(report.differences) > 0) == ("refused", 2, True)


async def test_so_many_that_not_all_are_listed_are_all_counted(old):
    numbers = {
        "sqlite": "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1299) SELECT",
        "postgres": "WITH n (i) AS (SELECT generate_series(100, 1299)) SELECT",
    }
    await old.execute(
        "INSERT INTO messages (id, user_id, role, content, created_at) "
        f"{numbers[old.engine]} i, 3, 'nobody', 'x', '2025-01-01 00:00:00' FROM n"
    )
    report = (await refused(old)).report
    assert (len(report.problems), report.problem_count) == (1000, 1200)


async def test_it_works_when_the_row_is_mended(old):
    await old.execute("UPDATE messages SET role = 'nobody' WHERE id = 12")
    await refused(old)
    await old.execute("UPDATE messages SET role = 'model' WHERE id = 12")
    assert (await adopt(Chatbot, old.url)).state == "adopted"
