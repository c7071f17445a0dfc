"""The disk is full: an error that says so, nothing by half, reads go on, and all is well when there is room."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sqlstore.capabilities.backup import backup
from sqlstore.capabilities.outbox import OutboxSettings
from sqlstore.engine.errors import StorageFull
from sqlstore.engine.schema import read_schema, schema_text
from sqlstore.stores.conversations import Conversations

from .diary import SHARED, begin, read_entries, write_entry
from .small_disk import SmallDisk, small_disk
from .writer_process import ROOT

KIB = 1024
BLOCK = 4 * KIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 3 * KIB * KIB) as disk:
        yield disk


def check_sound(disk: SmallDisk, name: str = "bot.db") -> None:
    with closing(sqlite3.connect(disk.folder / name)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def write_until_full(store: Conversations, tasks: int, start: int) -> set[str]:
    """What was acknowledged before each of the tasks was told that the disk is full."""
    acknowledged: set[str] = set()

    async def write_on(task: int) -> None:
        number = start
        with pytest.raises(StorageFull, match="is full; make room") as told:
            while True:
                number += 1
                key = f"{task}.{number}"
                await write_entry(store, key, number)
                acknowledged.add(key)
        assert told.value.code == "SQLITE_FULL"

    await asyncio.gather(*(write_on(task) for task in range(tasks)))
    return acknowledged


@pytest.mark.parametrize("tasks", [1, 6])
async def test_while_the_log_grows(disk: SmallDisk, tasks: int) -> None:
    async with Conversations.open(disk.url()) as store:
        await begin(store)
        disk.fill(leave=400 * KIB)
        acknowledged = await write_until_full(store, tasks, 0)
        assert acknowledged
        assert await read_entries(store) == acknowledged
        disk.fill()
        acknowledged |= await write_until_full(store, tasks, 1_000_000)  # no room at all
        assert await read_entries(store) == acknowledged
        disk.make_room()
        for number in range(1, 4):
            await write_entry(store, f"again {number}", number)
        acknowledged |= {f"again {number}" for number in range(1, 4)}
        assert await read_entries(store) == acknowledged
        disk.fill()
    check_sound(disk)
    disk.make_room()
    async with Conversations.open(disk.url()) as store:
        assert await read_entries(store) == acknowledged


async def test_while_it_is_made_and_migrated(disk: SmallDisk) -> None:
    """With one block more each time, until there is room for all of it."""
    async with Conversations.open("sqlite://:memory:") as store:
        wanted = schema_text(await read_schema(store.driver))
    refused = 0
    for blocks in range(400):
        disk.fill(leave=blocks * BLOCK)
        try:
            async with Conversations.open(disk.url()):
                break
        except StorageFull:
            refused += 1
        assert not [entry for entry in disk.folder.iterdir() if entry.name.startswith(".")]
    assert refused > 20
    disk.make_room()
    async with Conversations.open(disk.url()) as store:
        assert schema_text(await read_schema(store.driver)) == wanted
    check_sound(disk)


async def test_backup_and_export(disk: SmallDisk, tmp_path: Path) -> None:
    async with Conversations.open(f"sqlite:///{tmp_path / 'bot.db'}") as store:
        await begin(store)
        for number in range(1, 40):
            await write_entry(store, f"k{number}", number)
        disk.fill(leave=BLOCK)
        with pytest.raises(StorageFull, match=r"full|no room"):
            await backup(store.driver, disk.folder / "copy.db")
        with pytest.raises(StorageFull, match=r"full|no room"):
            await store.export_to(disk.folder / "rows.jsonl")
        left = {entry.name for entry in disk.folder.iterdir()}
        assert left == {"filling", ".sqlstore-backup.lock"}
        disk.make_room()
        await backup(store.driver, disk.folder / "copy.db")
        await store.export_to(disk.folder / "rows.jsonl")
    check_sound(disk, "copy.db")


async def test_an_outbox_keeps_what_the_database_cannot_and_says_so_when_it_is_full_too(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "other", 3 * KIB * KIB) as other:
        settings = OutboxSettings(other.folder / "bot.outbox.db", first_pause_s=10, longest_pause_s=20)
        async with Conversations.open(disk.url(), outbox=settings) as store:
            await begin(store)
            disk.fill()
            states: list[str] = []
            while "spooled" not in states:  # what is left in SQLite's own files
                states.append(await save(store, len(states)))
            for _ in range(10):
                states.append(await save(store, len(states)))
            assert set(states[-11:]) == {"spooled"}
            other.fill()
            with pytest.raises(StorageFull, match=r"the outbox .*bot\.outbox\.db could not keep the write"):
                while True:
                    states.append(await save(store, len(states)))
            other.make_room()
            states.append(await save(store, len(states)))
            disk.make_room()
            assert await store.replay_outbox()
            assert len(await read_entries(store)) == len(states)
        check_sound(other, "bot.outbox.db")
    check_sound(disk)


async def save(store: Conversations, number: int) -> str:
    key = f"{number} " + "x" * 2 * KIB
    return (await store.save(store.messages.append, SHARED, "user", key, message_id=f"m{number}")).state


def test_a_file_may_not_grow_any_more(tmp_path: Path) -> None:
    """A limit of the process (ulimit -f), which SQLite cannot tell from a disk that fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.faults.test_disk_full", str(tmp_path / "bot.db")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def _grow_to_the_limit(path: str) -> None:
    """In a process of its own."""
    import resource

    from sqlstore.engine.errors import OutcomeUnknown, Unavailable

    async with Conversations.open(f"sqlite:///{path}") as store:
        await begin(store)
        limit = Path(f"{path}-wal").stat().st_size + KIB * KIB
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        acknowledged: set[str] = set()
        for number in range(1, 1_000):
            key = f"k{number}"
            try:
                await write_entry(store, key, number)
            except (OutcomeUnknown, Unavailable, StorageFull) as error:
                assert "disk" in str(error), error
                break
            acknowledged.add(key)
        assert 10 < len(acknowledged) < 900
        assert acknowledged <= await read_entries(store) <= acknowledged | {key}
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await write_entry(store, "again", 1)
        assert await read_entries(store) >= acknowledged | {"again"}


if __name__ == "__main__":
    asyncio.run(_grow_to_the_limit(sys.argv[1]))
