"""Single calls on SQLite: answers, what reads and what writes, shared commits, deadlines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sqlstore.engine.errors import (
    DatabaseError,
    DeadlineExceeded,
    ForeignKeyViolation,
    StatementError,
    StorageFull,
    TooManyRows,
    UniqueViolation,
)
from sqlstore.engine.sqlite_session import Session

from .sqlite_support import (
    ADD,
    ALL,
    ENDLESS,
    FILL_TO,
    in_time,
    opened,
    rows_on_disk,
    run_script,
    statement,
    together,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.db"


@pytest.fixture
async def driver(path):
    async with opened(path) as driver:
        await driver.prepare([ADD, ALL])
        yield driver


@pytest.fixture
def groups(monkeypatch):
    """Sizes of the groups in which writes are run, noted as they come."""
    sizes = []
    write = Session._write

    def noting(session, jobs):
        sizes.append(len(jobs))
        write(session, jobs)

    monkeypatch.setattr(Session, "_write", noting)
    return sizes


async def test_an_answered_write_is_on_disk(driver, path):
    assert await driver.call(ADD, "a") == (1, "a")
    assert rows_on_disk(path) == ["a"]


async def test_a_read_sees_the_write_answered_before(driver):
    for number in range(20):
        await driver.call(ADD, f"{number:02}")
        assert len(await driver.call(ALL)) == number + 1


async def test_memory_has_one_connection_that_reads_and_writes():
    async with opened(None) as driver:
        await driver.call(ADD, "a")
        assert await driver.call(ALL) == [("a",)]
        assert await driver.fetch("SELECT count(*) FROM items") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("SELECT name FROM items", False),
        ("WITH n AS (SELECT 1) SELECT * FROM n ORDER BY 1", False),
        ("WITH n AS (SELECT 'a') INSERT INTO items (name) SELECT * FROM n", True),
        ("DELETE FROM items WHERE 0", True),
        ("VALUES (1)", False),
    ],
)
async def test_sqlite_is_asked_whether_a_statement_writes(driver, sql, writes):
    assert await driver.writes(statement(sql)) is writes


async def test_readers_cannot_write(driver):
    with pytest.raises(DatabaseError, match="does not take writes"):
        await driver.fetch("INSERT INTO items (name) VALUES ('a')")


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT id, name FROM items WHERE name = '?' OR id = ?;", ("id", "name")),
        (
            "INSERT INTO items (name) VALUES (?) RETURNING id, upper(name) AS name -- RETURNING x",
            ("id", "name"),
        ),
        (
            'WITH n AS (SELECT 1) UPDATE OR IGNORE "items" AS i SET id = ? RETURNING (SELECT 1) AS one',
            ("one",),
        ),
        ("DELETE FROM main.items WHERE id IN (?) RETURNING *", ("id", "name")),
        ("REPLACE INTO items (name) VALUES ('returning') RETURNING name /* it */", ("name",)),
    ],
)
async def test_the_columns_a_query_gives_are_known_without_running_it(driver, sql, columns):
    await driver.prepare([statement(sql, columns=columns)])
    with pytest.raises(StatementError, match=r"gives the columns \(.+\) but \(id, wrong\) are declared"):
        await driver.prepare([statement(sql, columns=("id", "wrong"))])
    assert await driver.call(ALL) == []


async def test_preparing_names_the_query_and_where_it_stands(driver):
    with pytest.raises(StatementError, match="no such table: goods") as caught:
        await driver.prepare([ADD, statement("SELECT * FROM goods")])
    assert caught.value.query == "shop.items.query"
    assert caught.value.__notes__ == ["the query stands in sql/shop/items.sql:1"]


async def test_a_statement_is_examined_once(driver):
    wrong = statement("SELECT id FROM items", columns=("id",))
    await driver.prepare([wrong])
    await run_script(driver, "ALTER TABLE items RENAME COLUMN id TO number")
    await driver.prepare([wrong])
    with pytest.raises(StatementError):
        await driver.call(wrong)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE items SET name = name || '!'",
        "WITH n AS (SELECT 1) UPDATE items SET name = name || '!' RETURNING id",
    ],
)
async def test_changed_counts_the_rows_the_statement_itself_changed(driver, sql):
    await run_script(
        driver,
        """CREATE TABLE log (at TEXT);
        CREATE TRIGGER logged AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (1), (2); END""",
    )
    await driver.call_many(ADD, [["a"], ["b"], ["c"]])
    assert await driver.call(statement(sql, "changed")) == 3


async def test_many_rows_are_all_written_or_none(driver, path):
    add = statement("INSERT INTO items (name) VALUES (?)", "changed")
    assert await driver.call_many(add, []) == 0
    assert await driver.call_many(add, [["a"], ["b"]]) == 2
    with pytest.raises(UniqueViolation):
        await driver.call_many(add, [["c"], ["a"], ["d"]])
    assert rows_on_disk(path) == ["a", "b"]


async def test_one_row_too_many_undoes_the_write(driver, path, groups):
    two = statement("INSERT INTO items (name) VALUES (?), (?) RETURNING id", "one")
    await driver.prepare([two])
    with pytest.raises(TooManyRows):
        await driver.call(two, "a", "b")
    groups.clear()
    answers = await together(driver, driver.call(ADD, "c"), driver.call(two, "d", "e"), driver.call(ADD, "f"))
    assert max(groups) == len(answers)
    assert isinstance(answers[1], TooManyRows)
    assert rows_on_disk(path) == ["c", "f"]


async def test_rows_that_fit_no_declared_type_undo_the_write_and_are_not_quoted(driver, path):
    broken = statement(
        "INSERT INTO items (name) VALUES (?) RETURNING name", result=lambda rows, _: int(rows[0][0])
    )
    with pytest.raises(StatementError) as caught:
        await driver.call(broken, "secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert rows_on_disk(path) == []


# Writes that share a commit


async def test_writes_that_wait_together_share_one_transaction(driver, path, groups):
    answers = await together(driver, *(driver.call(ADD, f"{number:02}") for number in range(64)))
    assert [name for _, name in answers] == rows_on_disk(path)
    assert max(groups) == len(answers)


async def test_a_failed_write_fails_alone(driver, path, groups):
    await driver.call(ADD, "a")
    groups.clear()
    names = ["b", "a", "c", "a", "d"]
    answers = await together(driver, *(driver.call(ADD, name) for name in names))
    assert max(groups) == len(answers)
    assert [isinstance(answer, UniqueViolation) for answer in answers] == [False, True, False, True, False]
    assert rows_on_disk(path) == ["a", "b", "c", "d"]


async def test_a_statement_that_ends_the_transaction_is_run_again_alone(driver, path, groups):
    await run_script(
        driver, "CREATE TABLE fatal (id INTEGER UNIQUE ON CONFLICT ROLLBACK); INSERT INTO fatal VALUES (1)"
    )
    fatal = statement("INSERT INTO fatal VALUES (1)", "changed")
    await driver.prepare([fatal, ADD])
    answers = await together(driver, driver.call(ADD, "a"), driver.call(fatal), driver.call(ADD, "b"))
    assert max(groups) == len(answers)
    assert isinstance(answers[1], UniqueViolation)
    assert [answers[0][1], answers[2][1]] == ["a", "b"]
    assert rows_on_disk(path) == ["a", "b"]


async def test_a_commit_that_is_refused_answers_nobody_and_finds_the_guilty_one(driver, path, groups):
    await run_script(
        driver, "CREATE TABLE parts (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    orphan = statement("INSERT INTO parts VALUES (99)", "changed")
    await driver.prepare([orphan, ADD])
    answers = await together(driver, driver.call(ADD, "a"), driver.call(orphan), driver.call(ADD, "b"))
    assert max(groups) == len(answers)
    assert isinstance(answers[1], ForeignKeyViolation)
    assert rows_on_disk(path) == ["a", "b"]
    assert rows_on_disk(path, "SELECT * FROM parts") == []


async def test_a_full_database_refuses_what_is_too_large_and_keeps_the_rest(driver, path, groups):
    await driver.call(ADD, "first")
    await run_script(driver, "PRAGMA max_page_count = 12")
    names = ["a", "b" * 200_000, "c"]
    answers = await together(driver, *(driver.call(ADD, name) for name in names))
    assert [isinstance(answer, StorageFull) for answer in answers] == [False, True, False]
    assert rows_on_disk(path) == ["a", "c", "first"]


async def test_a_slow_member_is_stopped_and_the_others_are_kept(driver, path):
    await driver.prepare([ADD, FILL_TO])
    slow = in_time(0.2, driver.call(FILL_TO, ENDLESS))
    answers = await together(driver, driver.call(ADD, "a"), slow, driver.call(ADD, "b"))
    assert isinstance(answers[1], DeadlineExceeded)
    assert rows_on_disk(path) == ["a", "b"]


SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "journal_size_limit": 64 * 1024 * 1024,
    "temp_store": 2,
}


def settings_of(connection):
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in (*SETTINGS, "query_only")}


async def test_settings_of_the_writer_and_of_the_readers(driver):
    async with driver.exclusive() as exclusive:
        assert await exclusive.run(settings_of) == {**SETTINGS, "query_only": 0}
    found = {name: (await driver.fetch(f"PRAGMA {name}"))[0][0] for name in (*SETTINGS, "query_only")}
    assert found == {**SETTINGS, "query_only": 1}


async def test_synchronous_normal_is_a_named_option(path):
    async with opened(path, synchronous="normal") as driver:
        assert await driver.fetch("PRAGMA synchronous") == [(1,)]


def test_a_statement_that_is_prepared_again_after_the_tables_changed_does_not_crash(path):
    """In a process of its own: without care SQLite reads freed memory, and the process dies."""
    code = f"""if True:
        import asyncio
        from pathlib import Path
        from tests.engine.sqlite_support import opened, run_script, statement

        async def main():
            async with opened(Path({str(path)!r}), schema="CREATE TABLE other (x)", readers=1) as driver:
                for number in range(300):
                    await run_script(driver, "CREATE TABLE t (a)")
                    add = statement("INSERT INTO t (a) VALUES (?)", "changed")
                    assert await driver.call(add, 1) == 1
                    more = "".join(f"CREATE TABLE y{{number}}_{{each}} (a, b);" for each in range(3))
                    await run_script(driver, "DROP TABLE t;" + more)
                    await driver.prepare([statement(f"SELECT a, b FROM y{{number}}_1", "many", ("a", "b"))])

        asyncio.run(main())
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
