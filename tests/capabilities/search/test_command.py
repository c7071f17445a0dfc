"""`python -m sqlstore search`, as people and programs use it."""

import json
import subprocess
import sys
from pathlib import Path

from sqlstore.stores.assistant import Assistant
from sqlstore.stores.support import Support

from .conftest import ANN, GROUP, PRIVATE, execute, furnish, words

ROOT = Path(__file__).parents[3]


def run(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sqlstore", "search", *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert code == 2 or done.stderr == ""
    return done.stdout + (done.stderr if code == 2 else "")


async def made(url: str) -> None:
    async with Support.open(url) as desk:
        await furnish(desk)
        await desk.messages.append(1, GROUP, ANN, "Мой заказ\nещё не пришёл")
        await desk.messages.append(1, PRIVATE, ANN, "ได้รับสินค้าแล้ว")
        await desk.knowledge.add("Где мой заказ?", "В пути", "manual")


async def test_hits_are_printed_a_line_each(url: str) -> None:
    await made(url)
    printed = run("заказы", "--store", "support", "--url", url)
    assert printed.splitlines() == [
        "messages 1  Мой заказ ещё не пришёл",
        "knowledge 1  Где мой заказ? В пути",
    ]
    assert run("สินค้า", "--store", "support", "--url", url) == "messages 2  ได้รับสินค้าแล้ว\n"
    assert run("nowhere", "--store", "support", "--url", url) == "nothing found\n"


async def test_a_chat_is_searched_alone(url: str) -> None:
    await made(url)
    inside = run("заказ", "--store", "support", "--url", url, "--chat", str(GROUP))
    assert inside.splitlines() == ["messages 1  Мой заказ ещё не пришёл"]
    assert run("заказ", "--store", "support", "--url", url, "--chat", str(PRIVATE)) == "nothing found\n"
    assert "no chat id" in run("заказ", "--store", "support", "--url", url, "--chat", "x", code=2)


def test_a_store_that_has_nothing_to_search_says_so_and_is_not_opened(sqlite_url: str) -> None:
    for arguments in (["words"], ["words", "--json"], ["--rebuild"], ["--verify"]):
        said = run(*arguments, "--store", "state", "--url", sqlite_url, code=2)
        assert "the store state has nothing to search" in said
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()


async def test_programs_get_json(url: str) -> None:
    await made(url)
    document = json.loads(
        run("заказ", "--store", "support", "--url", url, "--json", "--limit", "1", "--newest")
    )
    assert document["verified"] == []
    assert document["found"]["messages"]["complete"] is True
    (hit,) = document["found"]["messages"]["hits"]
    assert hit["row"]["text"] == "Мой заказ\nещё не пришёл"
    assert hit["row"]["chat_id"] == GROUP
    start, end = hit["highlights"][0]
    assert hit["snippet"][start:end] == "заказ"


async def test_an_index_that_differs_is_told_and_mended(url: str) -> None:
    await made(url)
    arguments = ("--store", "support", "--url", url)
    # 26 on both; SQLite's index has 13 Thai characters alone, PostgreSQL's says in which part of the table a row is.
    number = 26 + (13 if url.startswith("sqlite") else 2)
    assert (
        run("--verify", *arguments).splitlines()[0] == f"messages: 2 rows, {number} words, the index agrees"
    )
    async with Support.open(url) as desk:
        wrong = "INSERT INTO messages_search (rowid, words) VALUES (9, 'ghost')"
        if desk.driver.engine == "postgres":
            wrong = "INSERT INTO messages_search VALUES (9, '''ghost''')"
        await execute(desk, wrong)
    assert run("--verify", *arguments, code=1).startswith("messages: 0 words are missing and 1 too many")
    assert json.loads(run("--verify", "--json", *arguments, code=1))["verified"][0]["superfluous"] == 1
    assert "agrees" in run("--rebuild", "--verify", *arguments)
    async with Support.open(url) as desk:
        assert "ghost" not in await words(desk)


async def test_a_session_of_the_assistant_is_named_by_its_uuid(url: str) -> None:
    async with Assistant.open(url) as assistant:
        user = await assistant.users.create("9f86", {})
        session = await assistant.sessions.create(user.id)
        command = await assistant.commands.create(session.id, "What time is it?")
        await assistant.answers.create(command.id, command.prompt, "Half past nine, time for tea")
    arguments = ("time", "--store", "assistant", "--url", url, "--chat")
    assert run(*arguments, str(session.id)).splitlines() == [
        "commands 1  What time is it?",
        "answers 1  Half past nine, time for tea",
    ]
    assert "no session id" in run(*arguments, "1", code=2)


def test_without_words_it_says_what_to_give() -> None:
    assert "--rebuild or --verify" in run(code=2)
