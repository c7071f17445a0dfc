"""A SQLite file that cannot be written: what only looks works, what writes says so."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sqlstore.cli import main as sqlstore
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import ReadOnlyDatabase, Unavailable
from sqlstore.migrate import main as migrate
from sqlstore.stores.conversations import Conversations

from .diary import begin, read_entries, write_entry
from .small_disk import SmallDisk, small_disk

STORE = ("--store", "conversations")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        yield disk


async def fill(url: str) -> None:
    async with Conversations.open(url) as store:
        await begin(store)
        for number in range(1, 7):
            await write_entry(store, f"k{number}", number)


def look_with_every_command(url: str, copy: Path) -> None:
    """Those that only read, and what each prints."""
    runner = CliRunner()
    for command, shown in {
        ("status", *STORE, "--check"): "0004",
        ("plan", *STORE): "nothing to do",
        ("sql", *STORE): "",
        ("dump",): "conversations",
        ("drift", *STORE): "as its migrations make it",
    }.items():
        done = runner.invoke(migrate, [*command, "--url", url])
        assert done.exit_code == 0, done.output
        assert shown in done.output.lower()
    done = runner.invoke(sqlstore, ["backup", str(copy), "--url", url])
    assert done.exit_code == 0, done.output
    done = runner.invoke(migrate, ["down", *STORE, "--yes", "--url", url])
    assert (done.exit_code, "does not take writes" in done.output) == (6, True), done.output


@pytest.fixture
def filled(disk: SmallDisk, tmp_path: Path) -> SmallDisk:
    """The disk, with a database in it that was closed."""
    asyncio.run(fill(disk.url()))
    return disk


def test_a_closed_database(filled: SmallDisk, tmp_path: Path) -> None:
    filled.make_read_only()
    look_with_every_command(filled.url(), tmp_path / "copy.db")
    assert os.listdir(filled.folder) == ["bot.db"]


def test_a_database_whose_process_was_killed(filled: SmallDisk, tmp_path: Path) -> None:
    """Its last writes are in the -wal."""
    leave_as_killed(filled.folder / "bot.db", "UPDATE conversations SET title = 'late' WHERE id = 'shared'")
    filled.make_read_only()
    look_with_every_command(filled.url(), tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM conversations WHERE title = 'late'").fetchone() == (1,)


def leave_as_killed(path: Path, sql: str) -> None:
    """Write, and leave the files as they are before anything is closed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)
        files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
        for file in files:
            shutil.copy(file, file.with_name(f"{file.name}.kept"))
    for file in files:
        file.with_name(f"{file.name}.kept").replace(file)


async def test_a_store_is_not_opened_and_nothing_is_written_through_a_driver_that_reads(
    disk: SmallDisk,
) -> None:
    await fill(disk.url())
    disk.make_read_only()
    with pytest.raises(ReadOnlyDatabase, match="does not take writes; check its owner, mode and mount"):
        await Conversations.open(disk.url())
    driver = make_driver(disk.url(), read_only=True)
    await driver.open()
    try:
        assert await driver.fetch("SELECT count(*) FROM conversations") == [(3,)]
        with pytest.raises(ReadOnlyDatabase):
            async with driver.transaction() as tx:
                await tx.call(Conversations.load_queries("sqlite").table("conversations").delete, "shared")
    finally:
        await driver.close()


async def test_a_store_with_an_outbox_elsewhere_goes_on_saving(disk: SmallDisk, tmp_path: Path) -> None:
    await fill(disk.url())
    disk.make_read_only()
    async with Conversations.open(disk.url(), outbox=tmp_path / "bot.outbox.db") as store:
        saved = await store.save(store.messages.append, "shared", "user", "later", message_id="later")
        assert saved.state == "spooled"
        disk.make_writable()
        assert await store.replay_outbox()
        assert "later" in await read_entries(store)


async def test_looking_changes_nothing_of_a_database_of_another_program(tmp_path: Path) -> None:
    """Not even how it is written: it may be one without a write-ahead log."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    before = path.read_bytes()
    driver = make_driver(f"sqlite:///{path}", create=False, read_only=True)
    await driver.open()
    assert await driver.fetch("SELECT count(*) FROM users") == [(0,)]
    await driver.close()
    assert path.read_bytes() == before


async def test_what_cannot_be_read_whole_is_not_read(disk: SmallDisk) -> None:
    """A -wal without its -shm, which SQLite would have to make: never without the last writes."""
    await fill(disk.url())
    leave_as_killed(disk.folder / "bot.db", "UPDATE conversations SET title = 'late' WHERE id = 'shared'")
    (disk.folder / "bot.db-shm").unlink()
    disk.make_read_only()
    driver = make_driver(disk.url(), read_only=True)
    with pytest.raises(Unavailable, match="cannot be opened"):
        await driver.open()
