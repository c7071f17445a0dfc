"""`python -m sqlstore adopt`: what it prints, asks and exits with."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from sqlstore.cli import main


def run(database, *arguments, stdin=""):
    command = ["adopt", "--store", "chatbot", "--url", database.url, *arguments]
    return CliRunner().invoke(main, command, input=stdin)


async def in_thread(database, *arguments, stdin=""):
    """In a thread without an event loop, as at the shell."""
    return await asyncio.to_thread(run, database, *arguments, stdin=stdin)


async def test_it_says_what_differs_where_the_backup_is_and_what_was_adopted(old_sqlite):
    done = await in_thread(old_sqlite, "--timezone", "Asia/Bangkok")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "column users.created_at: changed, DATETIME -> TEXT NOT NULL (a time in UTC)" in lines
    assert "column users.language: kept, VARCHAR(10)" in lines
    assert "table notes: kept" in lines
    assert lines[-3] == "times without a zone are taken as Asia/Bangkok"
    assert lines[-2].startswith(f"backup: {old_sqlite.path.parent}/backups/bot_")
    assert lines[-1] == f"chatbot: adopted sqlite:///{old_sqlite.path}, 10 rows in 5 tables"

    again = await in_thread(old_sqlite)
    assert (again.exit_code, again.stdout) == (0, "chatbot: already adopted, nothing to do\n")


async def test_as_json(old):
    done = await in_thread(old, "--json", "--yes")
    report = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (report["state"], report["rows"]["users"], report["timezone"]) == ("adopted", 3, "UTC")
    assert (report["backup"] is not None) == (old.engine == "sqlite")
    assert {"part": "table", "table": "notes", "name": "", "change": "kept"} in report["differences"]


async def test_a_look_says_that_nothing_was_changed(old):
    done = await in_thread(old, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.endswith("can be adopted, 10 rows in 5 tables; nothing was changed\n")


async def test_refused_rows_are_listed_and_the_exit_code_is_1(old):
    await old.execute("UPDATE messages SET role = 'canary' WHERE id > 10")
    for arguments in ((), ("--dry-run",)):
        done = await in_thread(old, *arguments)
        assert done.exit_code == 1
        assert "refused: messages, row 12, role: is refused by messages_role_check\n" in done.output
        assert "chatbot: 3 values are refused; nothing was changed" in done.output
        assert "canary" not in done.output
    done = await in_thread(old, "--json")
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (1, "refused")


async def test_a_long_list_is_cut(old_sqlite):
    await old_sqlite.execute(
        "INSERT INTO messages (id, user_id, role, content, created_at)"
        " WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 159)"
        " SELECT i, 3, 'nobody', 'x', '2025-01-01 00:00:00' FROM n"
    )
    done = await in_thread(old_sqlite)
    assert done.stdout.count("refused: ") == 50
    assert "… and 10 more (--json lists up to 60)" in done.stdout


async def test_postgres_is_not_touched_before_somebody_said_that_there_is_a_backup(old_postgres):
    before = await old_postgres.dump()
    done = await in_thread(old_postgres)
    assert done.exit_code == 2
    assert "say --yes where nobody can be asked" in done.output
    assert await old_postgres.dump() == before
    assert (await in_thread(old_postgres, "--yes")).exit_code == 0


@pytest.mark.parametrize(("answer", "state"), [("n\n", "can be adopted"), ("y\n", "adopted")])
async def test_postgres_asks_on_a_terminal(old_postgres, monkeypatch, answer, state):
    monkeypatch.setattr("sqlstore.adopt._can_ask", lambda: True)
    done = await in_thread(old_postgres, stdin=answer)
    assert done.exit_code == 0
    assert "column users.language: kept, character varying(10)\n" in done.stderr
    assert "made with pg_dump? Adopt the database now? [y/N]: " in done.stderr
    assert state in done.stdout.splitlines()[-1]


async def test_no_such_database_store_or_zone(old_sqlite, tmp_path):
    assert (await in_thread(old_sqlite, "--timezone", "Nowhere")).exit_code == 2
    assert (await in_thread(old_sqlite, "--url", f"sqlite:///{tmp_path}/no.db")).exit_code == 2
    assert (await in_thread(old_sqlite, "--store", "nothing")).exit_code == 2
