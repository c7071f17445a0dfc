"""The commands that keep a store in shape, and those about one person."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from sqlstore.cli import main
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.lessons import Lessons
from tests.people import KEY, PEOPLE, by_hand, contents


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("SQLSTORE_ANON_KEY", KEY)
    monkeypatch.delenv("SQLSTORE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def filled(url):
    """A chatbot store with an old person and a new one."""

    async def fill():
        async with Chatbot.open(url) as bot:
            await PEOPLE["chatbot"].add(bot, "web_old", "x")
            for sql in PEOPLE["chatbot"].make_old:
                await by_hand(bot, sql)
            await PEOPLE["chatbot"].add(bot, "web_new", "x")

    asyncio.run(fill())
    return url


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def rows(url):
    async def read():
        async with Chatbot.open(url) as bot:
            return {table: len(found) for table, found in (await contents(bot)).items()}

    return asyncio.run(read())


def test_cleanup_counts_first_then_deletes(filled):
    before = rows(filled)
    done = run("cleanup", "--older-than", "7d", "--dry-run", "--url", filled)
    assert done.output == "1 users would be deleted\n2 messages would be deleted\n"
    assert rows(filled) == before
    done = run("cleanup", "--older-than", "7d", "--logs-older-than", "90d", "--json", "--url", filled)
    assert json.loads(done.output) == {"dry_run": False, "rows": {"users": 1, "audit_logs": 1}}
    after = rows(filled)
    assert (after["users"], after["messages"], after["faqs"], after["audit_logs"]) == (1, 2, 2, 1)


@pytest.mark.parametrize("age", ["7", "soon", "-7d", "7 days", ""])
def test_an_age_without_a_unit_is_refused(filled, age):
    done = run("cleanup", "--older-than", age, "--url", filled)
    assert done.exit_code == 2
    assert "like 30s, 15m, 12h or 7d" in done.output


def test_cleanup_without_an_age_says_what_to_do(filled):
    done = run("cleanup", "--url", filled)
    assert done.exit_code == 2
    assert "--older-than 7d" in done.output


def test_export_and_erase_of_one_person(filled, tmp_path):
    done = run("export", "ann.jsonl", "--user", "web_new", "--url", filled)
    assert done.exit_code == 0, done.output
    assert "2 messages exported" in done.output
    assert (tmp_path / "ann.jsonl").stat().st_mode & 0o777 == 0o600

    done = run("erase", "--user", "web_new", "--url", filled)
    assert (done.exit_code, "--yes" in done.output) == (2, True)
    assert rows(filled)["users"] == 2

    done = run("erase", "--user", "web_new", "--yes", "--json", "--url", filled)
    receipt = json.loads(done.output)
    assert {each["what"]: each["rows"] for each in receipt["rows"]} == {
        "users": 1, "sessions": 1, "messages": 2, "audit_logs": 1,
    }  # fmt: skip
    assert rows(filled)["users"] == 1


def test_maintain(filled):
    assert run("maintain", "--vacuum", "--url", filled).output == "done\n"


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    done = run("cleanup", "--older-than", "7d", "--url", f"sqlite:///{tmp_path}/none.db")
    assert done.exit_code == 2
    assert "there is no database" in done.output
    assert not list(tmp_path.iterdir())


def test_the_store_is_named_where_the_database_holds_several(postgres_url):
    async def make():
        async with Lessons.open(postgres_url):
            pass

    asyncio.run(make())
    assert run("maintain", "--url", postgres_url).exit_code == 0
    done = run("maintain", "--store", "diary", "--url", postgres_url)
    assert done.exit_code == 2
    assert "'diary' is no store" in done.output


def test_a_store_of_ones_own_is_named_by_its_class(sqlite_url):
    from examples.diary.diary import Diary

    async def make():
        async with Diary.open(sqlite_url):
            pass

    asyncio.run(make())
    done = run("maintain", "--url", sqlite_url)
    assert (done.exit_code, "'diary' is no store" in done.output) == (2, True)
    assert run("maintain", "--store", "examples.diary.diary:Diary", "--url", sqlite_url).exit_code == 0
    done = run("maintain", "--store", "examples.diary.diary:Dairy", "--url", sqlite_url)
    assert (done.exit_code, "cannot be imported" in done.output) == (2, True)
