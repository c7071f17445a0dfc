"""One person: everything in every table is exported, and erased, and nothing of anybody else."""

import json
import logging
from pathlib import Path

import pytest

from examples.diary.diary import Diary
from sqlstore.engine.errors import ConfigurationError, InvalidValue
from sqlstore.stores.chatbot import Chatbot
from sqlstore.stores.conversations import Conversations
from sqlstore.stores.support import Support
from tests.people import KEY, PEOPLE, contents, peopled


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("SQLSTORE_ANON_KEY", KEY)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", sorted(PEOPLE))
async def test_everything_about_one_person_is_exported_and_erased(url, name, tmp_path, caplog):
    people = PEOPLE[name]
    ann, bob = people.persons
    caplog.set_level(logging.DEBUG)
    async with peopled(name, url) as store:
        await people.add(store, bob, "canary_bob")
        only_bob = await contents(store)
        await people.add(store, ann, "canary_ann")
        both = await contents(store)
        told = {table: [row for row in rows if "canary_ann" in row] for table, rows in both.items()}

        receipt = await store.export_person(ann, tmp_path / "ann.jsonl")
        assert await contents(store) == both
        exported = lines(tmp_path / "ann.jsonl")
        assert "canary_bob" not in json.dumps(exported)
        assert {each.what: each.rows for each in receipt.rows if each.rows} == {
            table: len([line for line in exported if line["table"] == table])
            for table in {line["table"] for line in exported}
        }
        for table, rows in told.items():
            assert len([line for line in exported if line["table"] == table]) >= len(rows), table

        counted = await store.count_person(ann)
        erased = await store.erase_person(ann)
        after = await contents(store)
    assert erased.rows == counted
    assert sum(each.rows for each in erased.rows) > 0
    assert "canary_ann" not in repr(after)
    for table, rows in only_bob.items():
        assert [row for row in after[table] if "canary_bob" in row] == [
            row for row in rows if "canary_bob" in row
        ]
    assert "canary" not in caplog.text


async def test_tickets_and_knowledge_stay_without_the_person(url):
    async with Support.open(url) as desk:
        await PEOPLE["support"].add(desk, "501", "x")
        await desk.erase_person("501")
        (ticket,) = await desk.tickets.oldest_open()
        assert (ticket.message_id, ticket.assigned_to) == (None, None)
        assert await desk.chats.get(-100) is not None
        assert (await contents(desk))["knowledge_entries"]


async def test_a_person_never_seen_gives_an_empty_file_and_an_empty_receipt(url, tmp_path):
    async with Chatbot.open(url) as bot:
        receipt = await bot.export_person("nobody", tmp_path / "folder" / "nobody.jsonl")
        assert (tmp_path / "folder" / "nobody.jsonl").read_bytes() == b""
        assert [each.rows for each in receipt.rows] == [0, 0, 0, 0]
        assert [each.rows for each in (await bot.erase_person("nobody")).rows] == [0, 0, 0, 0]


async def test_without_the_key_the_log_of_a_person_cannot_be_told_so_nothing_is_done(
    url, tmp_path, monkeypatch
):
    async with Chatbot.open(url) as bot:
        await bot.get_or_create_user("web_ann", "web")
        monkeypatch.delenv("SQLSTORE_ANON_KEY")
        assert (await bot.count_person("web_ann"))[0].rows == 1  # nobody is in the log yet
        await PEOPLE["chatbot"].add(bot, "web_ann", "x")
        before = await contents(bot)
        for work in (bot.erase_person("web_ann"), bot.export_person("web_ann", tmp_path / "ann.jsonl")):
            with pytest.raises(ConfigurationError, match="SQLSTORE_ANON_KEY"):
                await work
        assert await contents(bot) == before
    assert not list(tmp_path.glob("*.jsonl"))


async def test_a_person_that_nobody_can_be_is_refused_without_being_quoted(url):
    async with Conversations.open(url) as store:
        with pytest.raises(InvalidValue, match="number") as refused:
            await store.erase_person("seven")
    assert "seven" not in str(refused.value)


@pytest.mark.parametrize(
    "person", ["5_01", " 501", "٥٠١", "+501", "501.0", "", "-", 501, True, "9" * 30, "9" * 5_000]
)
async def test_a_number_that_merely_reads_like_a_persons_erases_nobody(url, person):
    async with Support.open(url) as desk:
        await PEOPLE["support"].add(desk, "501", "gardener")
        with pytest.raises(InvalidValue) as refused:
            await desk.erase_person(person)
        assert refused.value.parameter == "person"
        assert await desk.users.get(501) is not None


async def test_a_file_that_cannot_be_written_says_so_and_leaves_nothing(url, tmp_path):
    (tmp_path / "file").write_text("x")
    async with Chatbot.open(url) as bot:
        with pytest.raises(ConfigurationError, match="cannot export"):
            await bot.export_person("web_ann", tmp_path / "file" / "ann.jsonl")


async def test_a_store_that_knows_no_persons_says_so(url):
    async with Diary.open(url) as diary:
        with pytest.raises(ConfigurationError, match=r"no person\.sql"):
            await diary.erase_person("ann")


@pytest.mark.parametrize("name", sorted(PEOPLE.keys() - {"state"}))  # where nothing is searched
async def test_the_words_of_who_was_erased_leave_the_file_at_once(sqlite_url, name):
    people = PEOPLE[name]
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    ann, bob = people.persons
    async with peopled(name, sqlite_url) as store:
        await people.add(store, bob, "qzxother7")
        await people.add(store, ann, "qzxcanary7")
        await store.maintain()  # the words are in the index, not in what is pending
        await store.erase_person(ann)
        assert await store.driver.fetch("SELECT old_text FROM search_pending") == []
        await store.maintain(vacuum=True)
    written = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"xcanary7" not in written
    assert b"xother7" in written


async def test_maintenance_says_what_it_does_and_the_search_goes_on(url):
    steps = []
    async with Support.open(url) as desk:
        await PEOPLE["support"].add(desk, "501", "gardener")
        await desk.maintain(vacuum=True, on_progress=lambda step, done, total: steps.append(step))
        assert (
            len((await desk.messages.search("gardeners")).hits)
            == len((await desk.messages.search("gardener")).hits)
            > 0
        )
    assert steps == ["indexing", "vacuuming", "analyzing"]
