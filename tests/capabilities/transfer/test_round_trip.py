"""SQLite to a file, to PostgreSQL, back to SQLite: every row of every store arrives as it was."""

import asyncio
import gzip
import json

import pytest

from examples.diary.diary import Diary
from sqlstore.stores import STORES, load_store
from tests.capabilities.transfer.filled import fill, rows_of
from tests.people import KEY, PEOPLE, by_hand

NEWCOMERS = {
    "assistant": "cc33",
    "chatbot": "web_new",
    "conversations": "9",
    "lessons": "43",
    "state": "43",
    "support": "503",
}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("SQLSTORE_ANON_KEY", KEY)


@pytest.mark.parametrize("name", sorted(STORES))
async def test_every_row_arrives_as_it_was(sqlite_url, postgres_url, tmp_path, name):
    kind = load_store(name)
    async with (
        kind.open(sqlite_url) as first,
        kind.open(postgres_url) as second,
        kind.open(f"sqlite:///{tmp_path}/third.db") as third,
    ):
        await fill(first)
        expected = await rows_of(first, tmp_path)
        exported = await first.export_to(tmp_path / "all.jsonl.gz")
        assert exported.left_out == ()

        imported = await second.import_from(tmp_path / "all.jsonl.gz")
        assert [(each.rows, each.written) for each in imported.tables] == [
            (each.rows, each.rows) for each in exported.tables
        ]
        assert await rows_of(second, tmp_path) == expected

        copied = await second.copy_to(third)
        assert copied.left_out == ()
        assert (copied.tables, copied.since) == (exported.tables, [])
        assert await rows_of(third, tmp_path) == expected
        assert all(each.is_equal for each in await first.compare_to(third))


@pytest.mark.parametrize("name", sorted(STORES))
async def test_importing_twice_is_importing_once(url, tmp_path, name):
    kind = load_store(name)
    async with kind.open(f"sqlite:///{tmp_path}/source.db") as source, kind.open(url) as store:
        await fill(source)
        await source.export_to(tmp_path / "all.jsonl")
        await store.import_from(tmp_path / "all.jsonl")
        again = await store.import_from(tmp_path / "all.jsonl")
        assert {each.written for each in again.tables} == {0}


@pytest.mark.parametrize("name", sorted(STORES))
async def test_rows_that_were_changed_since_are_as_in_the_file_again(url, tmp_path, name):
    people = PEOPLE[name]
    async with load_store(name).open(url) as store:
        await fill(store)
        expected = await rows_of(store, tmp_path)
        await store.export_to(tmp_path / "all.jsonl")
        for sql in people.make_old:
            await by_hand(store, sql)
        await store.erase_person(people.persons[0])
        assert await rows_of(store, tmp_path) != expected
        await store.import_from(tmp_path / "all.jsonl")
        assert await rows_of(store, tmp_path) == expected


@pytest.mark.parametrize("way", ["file", "copy"])
@pytest.mark.parametrize("name", sorted(STORES))
async def test_the_ids_of_rows_that_are_gone_are_not_given_again(url, tmp_path, name, way):
    """Each store had its last row deleted in a table that counts up."""
    kind = load_store(name)
    async with kind.open(f"sqlite:///{tmp_path}/source.db") as source, kind.open(url) as store:
        await fill(source)
        if way == "file":
            await source.export_to(tmp_path / "all.jsonl")
            await store.import_from(tmp_path / "all.jsonl")
        else:
            await source.copy_to(store)
        ours, theirs = await source._layout(), await store._layout()
        expected = await ours.bulk.last_ids()
        assert expected
        found = await theirs.bulk.last_ids()
        assert all(found[table] >= last for table, last in expected.items())
        await PEOPLE[name].add(store, NEWCOMERS[name], "later")  # meets no id that is taken


async def test_a_store_of_ones_own_needs_no_sql_for_it(url, tmp_path):
    async with Diary.open(f"sqlite:///{tmp_path}/source.db") as source, Diary.open(url) as diary:
        await source.entries.write("ann", "Rain, tea, a good book.", 5)
        await source.export_to(tmp_path / "diary.jsonl")
        assert (await diary.import_from(tmp_path / "diary.jsonl")).tables[0].written == 1
        assert await diary.entries.latest("ann") == await source.entries.latest("ann")


async def test_what_the_store_does_not_know_is_told(url, tmp_path):
    async with Diary.open(url) as diary:
        await by_hand(diary, "CREATE TABLE notes (id bigint)")
        await by_hand(diary, "CREATE TABLE search_notes (id bigint)")
        await by_hand(diary, "ALTER TABLE entries ADD COLUMN weather text")
        exported = await diary.export_to(tmp_path / "diary.jsonl")
        assert exported.left_out == ("notes", "entries.weather")


async def test_some_tables_only(url, tmp_path):
    async with load_store("chatbot").open(url) as bot:
        await fill(bot)
        exported = await bot.export_to(tmp_path / "some.jsonl.gz", tables=["messages", "users"])
    assert [each.table for each in exported.tables] == ["users", "messages"]
    lines = [
        json.loads(line) for line in gzip.decompress((tmp_path / "some.jsonl.gz").read_bytes()).splitlines()
    ]
    assert {line["table"] for line in lines[1:-1]} == {"users", "messages"}
    assert lines[-1]["end"]["rows"] == {each.table: each.rows for each in exported.tables}
    assert (tmp_path / "some.jsonl.gz").stat().st_mode & 0o777 == 0o600


async def test_rows_are_those_of_one_moment(url, tmp_path):
    """Somebody writes while the file is being written: a message whose user is not in it would not be taken."""
    async with load_store("chatbot").open(url) as bot:
        await bot.append_message("web_ann", "user", "before")
        layout = await bot._layout()
        async with bot.driver.snapshot() as moment:
            await bot.append_message("web_bob", "user", "meanwhile")
            seen = [await moment.call(table.count) for table in layout.tables]
        assert seen == [1, 1, 0, 0, 1]
        exporting = asyncio.create_task(bot.export_to(tmp_path / "all.jsonl"))
        number = 0
        while not exporting.done():
            number += 1
            await bot.append_message(f"web_{number}", "user", "meanwhile")
        exported = await exporting
        assert number > 1
    async with load_store("chatbot").open(f"sqlite:///{tmp_path}/other.db") as other:
        await other.import_from(tmp_path / "all.jsonl")
        assert await rows_of(other, tmp_path)
        users, sessions, *_, messages = (each.rows for each in exported.tables)
        assert users == sessions == messages
