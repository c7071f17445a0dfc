"""export, import and copy as commands: what is printed, and the exit codes."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from sqlstore.cli import main
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import Lessons


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.delenv("SQLSTORE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path):
    """A chatbot's database with one message in it."""

    async def fill():
        async with Chatbot.open(f"sqlite:///{tmp_path}/source.db") as bot:
            await bot.append_message("web_ann", "user", "canary")

    asyncio.run(fill())
    return f"sqlite:///{tmp_path}/source.db"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_file_goes_into_a_database_that_is_not_there_yet(source, url):
    done = run("export", "all.jsonl.gz", "--url", source)
    assert done.exit_code == 0, done.output
    assert "1 users exported\n1 sessions exported\n0 faqs exported" in done.output
    assert "canary" not in done.output

    judged = run("import", "all.jsonl.gz", "--dry-run", "--url", url)
    assert (judged.exit_code, judged.output.splitlines()[0]) == (0, "1 users can be imported")
    done = run("import", "all.jsonl.gz", "--url", url)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "1 users imported, 1 written")
    again = json.loads(run("import", "all.jsonl.gz", "--url", url, "--json").output)
    assert again["complete"]
    assert again["tables"][0] == {"table": "users", "rows": 1, "written": 0}


def test_a_bad_file_is_one_line_and_exit_code_1(url, tmp_path):
    (tmp_path / "bad.jsonl").write_text("canary\n", encoding="utf-8")
    done = run("import", "bad.jsonl", "--url", url)
    assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
    assert "bad.jsonl:1" in done.output
    assert "canary" not in done.output


def test_a_file_of_another_store_is_not_put_beside(source, tmp_path):
    async def make():
        async with Lessons.open(f"sqlite:///{tmp_path}/lessons.db"):
            pass

    asyncio.run(make())
    run("export", "all.jsonl", "--url", source)
    done = run("import", "all.jsonl", "--url", f"sqlite:///{tmp_path}/lessons.db")
    assert (done.exit_code, "holds lessons, and this is of chatbot" in done.output) == (2, True)


def test_tables_by_name(source):
    done = run("export", "some.jsonl", "--table", "users", "--table", "faqs", "--json", "--url", source)
    assert [each["table"] for each in json.loads(done.output)["tables"]] == ["users", "faqs"]
    done = run("export", "some.jsonl", "--table", "owners", "--url", source)
    assert (done.exit_code, "these are: users, sessions" in done.output) == (2, True)
    done = run("export", "some.jsonl", "--table", "users", "--user", "web_ann", "--url", source)
    assert (done.exit_code, "exclude each other" in done.output) == (2, True)


def test_a_copy_is_made_compared_and_refused_over_rows(source, url):
    done = run("copy", source, url)
    assert (done.exit_code, "1 messages copied, and equal" in done.output) == (0, True)
    done = run("copy", source, url, "--verify")
    assert (done.exit_code, "1 messages are equal" in done.output) == (0, True)
    done = run("copy", source, url)
    assert (done.exit_code, "name an empty target" in done.output) == (2, True)


def test_a_comparison_that_finds_something_is_exit_code_1(source, url, tmp_path):
    run("copy", source, url)
    with closing(sqlite3.connect(tmp_path / "source.db")) as other, other:
        other.execute("UPDATE messages SET content = 'changed'")
    done = run("copy", source, url, "--verify")
    assert done.exit_code == 1
    assert "messages: 0 only in the source, 1 different, 0 only in the target" in done.output
    told = json.loads(run("copy", source, url, "--verify", "--json").output)
    assert told["equal"] is False
    assert [each["different"] for each in told["tables"]] == [0, 0, 0, 0, 1]


def test_what_was_written_to_the_source_meanwhile_is_exit_code_3(source, url, tmp_path, monkeypatch):
    from sqlstore.capabilities.transfer import run as copying

    compare = copying.compare_stores

    async def written_before(*arguments):
        with closing(sqlite3.connect(tmp_path / "source.db")) as other, other:
            other.execute("INSERT INTO messages (user_id, role, content) VALUES (1, 'user', 'late')")
        return await compare(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "compare_stores", written_before)
        done = run("copy", source, url)
    assert done.exit_code == 3
    assert "since then: messages: 1 only in the source" in done.output
    assert "--again" in done.output
    assert run("copy", source, url).exit_code == 2
    assert run("copy", source, url, "--again").exit_code == 0
    assert run("copy", source, url, "--verify").exit_code == 0


def test_a_source_or_target_that_is_not_there_is_not_made(source, tmp_path):
    none = f"sqlite:///{tmp_path}/none.db"
    for arguments in ((none, source), (source, none, "--verify")):
        done = run("copy", *arguments)
        assert (done.exit_code, "there is no database" in done.output) == (2, True)
    assert not (tmp_path / "none.db").exists()
