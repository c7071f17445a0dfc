"""`python -m sqlstore.migrate`: what it prints and how it exits."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sqlstore.migrate import COMMANDS


def test_without_a_command_it_prints_its_help(sqlite_shop):
    command = [sys.executable, "-m", "sqlstore.migrate"]
    end = subprocess.run(command, capture_output=True, text=True, env=sqlite_shop.environment(), check=False)
    assert end.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in end.stdout


def test_up_prints_a_line_for_each_migration(shop):
    shop.write_two()
    end = shop.run("up")
    lines = end.stdout.splitlines()
    assert (end.returncode, end.stderr) == (0, "")
    assert lines[0].startswith("[1/2] 0001_users ... ")
    assert lines[0].endswith(" ms")
    assert lines[2] == "shop: 2 applied, now at 0002"
    assert shop.run("up").stdout == "shop: nothing to do, now at 0002\n"


def test_up_takes_to_and_steps(shop):
    shop.write_two()
    assert "now at 0001" in shop.run("up", "--steps", "1").stdout
    assert "now at 0002" in shop.run("up", "--to", "2").stdout


def test_up_in_json_prints_a_document_a_line(shop):
    shop.write_two()
    documents = [json.loads(line) for line in shop.run("up", "--json").stdout.splitlines()]
    assert [document.get("phase") for document in documents] == [
        "planned", "started", "applied", "started", "applied", "done", None,
    ]  # fmt: skip
    assert [step["version"] for step in documents[-1]["steps"]] == [1, 2]


async def test_status_lists_and_creates_nothing(shop):
    shop.write_two()
    end = shop.run("status")
    assert end.returncode == 0
    assert end.stdout.splitlines() == [
        ".  0001_users  pending",
        ".  0002_visits  pending",
        "shop: 2 migrations, 2 pending",
    ]
    if shop.engine == "sqlite":
        assert not Path(shop.url.removeprefix("sqlite:///")).exists()
    assert not await shop.tables()


def test_status_check_tells_by_its_exit_code(shop):
    shop.write_two()
    assert shop.run("status", "--check").returncode == 3
    shop.run("up")
    assert shop.run("status", "--check").returncode == 0


def test_status_in_json_is_one_document(shop):
    shop.write_two()
    shop.run("up", "--steps", "1")
    document = json.loads(shop.run("status", "--json").stdout)
    assert [(line["version"], line["mark"]) for line in document["migrations"]] == [
        (1, "applied"),
        (2, "pending"),
    ]
    assert document["migrations"][0]["applied_at"].endswith("Z")


def test_a_failed_migration_exits_with_1_and_names_the_place(shop):
    path = shop.write("0001_t", "SELECT 1;\nSELECT nowhere;")
    end = shop.run("up")
    assert end.returncode == 1
    assert f"{path}:2:" in end.stderr
    assert end.stdout == ""


def test_wrong_usage_and_wrong_files_exit_with_2(shop):
    assert shop.run("up", "--steps", "0").returncode == 2
    assert shop.run("up", "--url", "mongodb://x").returncode == 2
    shop.write("0001_t", "COMMIT;")
    end = shop.run("up")
    assert (end.returncode, "0001_t.sql:1:1" in end.stderr) == (2, True)


def test_a_contradicting_history_exits_with_4(shop):
    shop.write_two()
    shop.run("up")
    shop.write("0001_users", "CREATE TABLE users (id integer);")
    for command in ("up", "status"):
        end = shop.run(command)
        assert end.returncode == 4
        assert "0001 was edited" in end.stderr


def test_a_server_that_is_not_there_exits_with_6(postgres_shop):
    postgres_shop.write_two()
    for command in ("up", "status", "plan", "sql", "down"):
        end = postgres_shop.run(command, "--url", "postgresql://user:Secret1@127.0.0.1:1/nowhere")
        assert end.returncode == 6
        assert "Secret1" not in end.stderr + end.stdout


async def test_a_password_is_shown_nowhere_and_not_recorded(postgres_shop, connection):
    """Not where it succeeds, fails, waits or is refused; not in the book, nor in the server's list of sessions."""
    role = f"secretive_{connection.get_server_pid()}"
    await connection.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'Secret1'")
    scheme, _, rest = postgres_shop.url.partition("://")
    before, postgres_shop.url = postgres_shop.url, f"{scheme}://{role}:Secret1@{rest.rpartition('@')[2]}"
    try:
        postgres_shop.write_two()
        ends = [
            postgres_shop.run("-v", "up"),
            postgres_shop.run("sql"),
            postgres_shop.run("status", "--json"),
        ]
        postgres_shop.write("0003_wrong", "SELECT nowhere;")
        ends += [postgres_shop.run("up"), postgres_shop.run("up", "--json"), postgres_shop.run("plan")]
        postgres_shop.url = postgres_shop.url.replace("5432/", "1/")
        ends += [postgres_shop.run("up")]
    finally:
        postgres_shop.url = before
        rows = await postgres_shop.rows("SELECT migrations::text FROM migrations")
        await connection.execute(
            f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
        )
    assert len(rows) == 2
    said = "".join(end.stdout + end.stderr for end in ends) + str(rows)
    assert "0001_users" in said
    assert "Secret1" not in said


def test_somebody_who_holds_the_database_exits_with_5(sqlite_shop):
    sqlite_shop.write_two()
    assert sqlite_shop.run("up").returncode == 0
    path = sqlite_shop.url.removeprefix("sqlite:///")
    sqlite_shop.write("0003_t", "CREATE TABLE t (id bigint);")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for command in ("up", "down", "redo"):
            end = sqlite_shop.run(command, "--lock-wait", "100ms", *(["--yes"] if command != "up" else []))
            assert (end.returncode, "held by process" in end.stderr) == (5, True)


@pytest.mark.parametrize("text", ["30", "30s", "500ms", "2m", "1.5s"])
def test_durations_are_written_as_people_do(sqlite_shop, text):
    sqlite_shop.write_two()
    assert sqlite_shop.run("up", "--wait", text, "--lock-wait", text).returncode == 0


@pytest.mark.parametrize("text", ["fast", "-1", "3y", ""])
def test_a_wrong_duration_is_wrong_usage(sqlite_shop, text):
    end = sqlite_shop.run("up", f"--wait={text}")
    assert (end.returncode, "write 30, 30s, 500ms or 2m" in end.stderr) == (2, True)


async def test_status_marks_each_way_to_stand(shop):
    for version in range(1, 6):
        shop.write(f"000{version}_t", f"CREATE TABLE t{version} (id bigint);")
    await shop.execute("CREATE TABLE t1 (id bigint)")
    shop.run("baseline", "1")
    shop.run("up")
    shop.write("0002_t", "-- said again\nCREATE TABLE t2 (id bigint);")
    shop.write("0003_t", "CREATE TABLE t3 (id integer);")
    assert shop.run("accept", "--edited", "3").returncode == 2
    assert shop.run("accept", "--edited", "3", "--missing", "3", "--yes").returncode == 2
    end = shop.run("accept", "--edited", "3", "--yes")
    assert (end.returncode, end.stdout) == (0, "shop: 0003 accepted as edited\n")
    shop.write("0004_t", "CREATE TABLE t4 (id integer);")
    (shop.folder / "0005_t.sql").unlink()
    end = shop.run("status")
    assert [line.split()[:3] for line in end.stdout.splitlines()[:5]] == [
        ["b", "0001_t", "baseline"],
        ["~", "0002_t", "cosmetic"],
        ["a", "0003_t", "accepted"],
        ["!", "0004_t", "edited"],
        ["+", "0005_t", "newer"],
    ]
    assert " accepted by " in end.stdout
    assert end.returncode == 4
    assert "\x1b" not in end.stdout


def test_a_person_is_told_what_an_unexpected_newer_database_means(shop):
    shop.write_two()
    shop.run("up")
    (shop.folder / "0002_visits.sql").unlink()
    end = shop.run("up")
    assert (end.returncode, "newer migration, 0002_visits" in end.stderr) == (0, True)
    assert shop.run("up", "--strict-newer").returncode == 4


def test_redo_asks_and_applies_again(shop):
    shop.write_two()
    shop.run("up")
    assert shop.run("redo").returncode == 2
    end = shop.run("redo", "--yes", "--steps", "2")
    assert (end.returncode, end.stdout.splitlines()[-1]) == (0, "shop: 2 applied again, now at 0002")
    documents = [json.loads(line) for line in shop.run("redo", "--yes", "--json").stdout.splitlines()]
    assert [document.get("phase") for document in documents] == [
        "planned", "started", "reverted", "done", "planned", "started", "applied", "done", None,
    ]  # fmt: skip


def test_down_asks_and_refuses_where_nobody_can_be_asked(shop):
    shop.write_two()
    shop.run("up")
    end = shop.run("down")
    assert end.returncode == 2
    assert "DROP TABLE visits" in end.stderr
    assert "--yes" in end.stderr
    assert "2 migrations, 0 pending" in shop.run("status").stdout


def test_down_with_yes_takes_back(shop):
    shop.write_two()
    shop.run("up")
    end = shop.run("down", "--yes")
    assert end.stdout.splitlines()[-1] == "shop: 1 taken back, now at 0001"
    assert shop.run("down", "--yes", "--to", "0").returncode == 0
    assert "2 pending" in shop.run("status").stdout


@pytest.mark.parametrize(("answer", "code", "pending"), [("y\n", 0, 1), ("n\n", 2, 0)])
def test_down_on_a_terminal_does_as_it_is_answered(sqlite_shop, answer, code, pending):
    sqlite_shop.write_two()
    sqlite_shop.run("up")
    terminal, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            sqlite_shop.command("down"), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=sqlite_shop.environment(),
        )  # fmt: skip
        os.write(terminal, answer.encode())
        process.communicate(timeout=30)
    finally:
        os.close(theirs)
        os.close(terminal)
    assert process.returncode == code
    assert f"{pending} pending" in sqlite_shop.run("status").stdout


def test_the_store_is_named_after_the_folder_unless_said_otherwise(sqlite_shop):
    sqlite_shop.write_two()
    assert "other: 2 applied" in sqlite_shop.run("up", "--store", "other").stdout


def test_nothing_but_the_standard_parts_is_imported_for_help(sqlite_shop):
    code = "import sys, sqlstore.migrate; print('rich' in sys.modules, 'asyncpg' in sys.modules, 'pydantic' in sys.modules)"
    command = [sys.executable, "-c", code]
    end = subprocess.run(command, capture_output=True, text=True, env=sqlite_shop.environment(), check=False)
    assert end.stdout == "False False False\n"


def test_up_backs_up_first_where_asked_and_where_anything_is_to_do(sqlite_shop, tmp_path):
    sqlite_shop.write_two()
    folder = tmp_path / "kept"
    assert "now at 0001" in sqlite_shop.run("up", "--steps", "1", "--backup", folder).stdout
    assert not folder.exists()  # there was nothing to keep
    end = sqlite_shop.run("up", "--backup", folder)
    (made,) = folder.glob("*.db")
    assert (end.returncode, end.stderr) == (0, f"backed up to {made}\n")
    with closing(sqlite3.connect(made)) as kept:
        assert kept.execute("SELECT version FROM migrations").fetchall() == [(1,)]
    assert sqlite_shop.run("up", "--backup", folder).stderr == ""
    assert len(list(folder.glob("*.db"))) == 1
