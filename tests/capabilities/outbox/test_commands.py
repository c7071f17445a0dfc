"""`python -m sqlstore outbox`."""

import asyncio
import json
import re

import pytest
from click.testing import CliRunner

from sqlstore.capabilities.outbox import OutboxFile, OutboxSettings
from sqlstore.cli import main
from sqlstore.stores.support import Support

from .test_save import NOWHERE

CANARY = "canary-text"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    for name in ("SQLSTORE_URL", "SQLSTORE_OUTBOX", "DATABASE_PATH", "DATABASE_OUTBOX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def filled(settings):
    """Three writes that wait; the second will be refused. Gives the path of the outbox."""

    async def fill():
        async with Support.open(NOWHERE, outbox=settings) as desk:
            await desk.save(desk.chats.save, 1, "private")
            await desk.save(desk.messages.append, 1, 1, 404, CANARY)
            await desk.save(desk.messages.append, 2, 1, None, CANARY)

    asyncio.run(fill())
    return settings.path


@pytest.fixture
def migrated(url):
    async def make():
        async with Support.open(url):
            pass

    asyncio.run(make())
    return url


def run(*arguments):
    return CliRunner().invoke(main, ["outbox", *map(str, arguments)])


def listed(path, *more):
    return json.loads(run("list", "--outbox", path, "--json", *more).output)


def test_what_waits_is_listed_and_shown_without_what_people_wrote(filled):
    done = run("list", "--outbox", filled)
    assert (done.exit_code, done.output.count("\n")) == (0, 4)
    assert done.output.endswith("3 wait, 0 put aside\n")
    assert CANARY not in done.output
    assert not re.search(r"\b404\b", done.output)  # ids may have these digits inside
    found = listed(filled)
    assert (found["waiting"], [each["method"] for each in found["records"]]) == (
        3, ["chats.save", "messages.append", "messages.append"],
    )  # fmt: skip
    one = found["records"][1]["id"]
    assert CANARY not in run("show", one, "--outbox", filled).output
    assert CANARY not in run("show", one, "--outbox", filled, "--json").output
    shown = run("show", one, "--outbox", filled, "--show-content")
    assert CANARY in shown.output
    assert "user_id=404" in shown.output
    assert CANARY in run("list", "--outbox", filled, "--show-content").output
    assert len(listed(filled, "--limit", "2")["records"]) == 2


def test_a_record_that_is_not_there(filled):
    for command in (("show",), ("retry",), ("drop", "--yes")):
        assert run(*command, "nobody", "--outbox", filled).exit_code == 2


def test_replay_writes_what_waits_and_puts_aside_what_is_refused_and_retry_brings_it_back(filled, migrated):
    done = run("replay", "--outbox", filled, "--url", migrated, "--json")
    assert (done.exit_code, json.loads(done.output)) == (1, {"written": 2, "waiting": 0, "dead_letters": 1})
    assert run("list", "--outbox", filled).exit_code == 1
    (letter,) = listed(filled, "--dead")["records"]
    assert (letter["state"], letter["error"].partition(":")[0]) == ("put aside", "ForeignKeyViolation")
    assert CANARY not in run("list", "--outbox", filled).output

    async def mend():
        async with Support.open(migrated) as desk:
            await desk.users.save(404, "Ann")

    asyncio.run(mend())
    assert run("retry", letter["id"], "--outbox", filled).output == "1 will be tried again\n"
    done = run("replay", "--outbox", filled, "--url", migrated)
    assert (done.exit_code, done.output) == (0, "1 written, 0 wait, 0 put aside\n")
    assert run("replay", "--outbox", filled, "--url", migrated).output == "0 written, 0 wait, 0 put aside\n"

    async def read():
        async with Support.open(migrated) as desk:
            return [message.telegram_id for message in await desk.messages.latest(1)]

    assert sorted(asyncio.run(read())) == [1, 2]


def test_retry_of_all_and_drop(filled, migrated):
    run("replay", "--outbox", filled, "--url", migrated)
    assert run("retry", "--all", "--outbox", filled).output == "1 will be tried again\n"
    assert run("retry", "--outbox", filled).exit_code == 2
    (waiting,) = listed(filled)["records"]
    assert "say --yes" in run("drop", waiting["id"], "--outbox", filled).output
    assert run("drop", waiting["id"], "--yes", "--outbox", filled).output == "1 deleted\n"
    run("replay", "--outbox", filled, "--url", migrated)
    assert listed(filled) == {"waiting": 0, "dead_letters": 0, "records": []}


def test_replay_while_the_database_is_away_or_a_bot_has_the_outbox(filled, settings, migrated):
    assert run("replay", "--outbox", filled, "--url", NOWHERE).exit_code == 6

    async def beside():
        file = OutboxFile(settings)
        await file.open()
        try:
            return await asyncio.to_thread(run, "replay", "--outbox", filled, "--url", migrated)
        finally:
            await file.close()

    done = asyncio.run(beside())
    assert done.exit_code == 2
    assert "another process has the outbox" in done.output
    assert listed(filled)["waiting"] == 3


def test_the_outbox_is_found_beside_the_database(filled, monkeypatch, tmp_path):
    assert run("list").exit_code == 2
    assert "--outbox FILE" in run("list").output
    monkeypatch.setenv("SQLSTORE_URL", f"sqlite:///{tmp_path}/x/desk.db")
    (tmp_path / "x").mkdir()
    filled.rename(tmp_path / "x" / "desk.outbox.db")
    assert run("list").output.endswith("3 wait, 0 put aside\n")
    monkeypatch.delenv("SQLSTORE_URL")
    (tmp_path / ".env").write_text(f"SQLSTORE_OUTBOX={tmp_path}/x/desk.outbox.db\n")
    assert run("list").output.endswith("3 wait, 0 put aside\n")
    assert OutboxSettings(tmp_path / "never").path.exists() is False
