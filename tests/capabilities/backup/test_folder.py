"""A folder of backups: listed, rotated, shared by several processes, swept up after a kill."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta

import msgspec
import pytest

from sqlstore.capabilities.backup import list_backups
from sqlstore.capabilities.backup.manifest import manifest_path, rewrite_manifest
from sqlstore.engine.errors import ConfigurationError, StoreError
from sqlstore.engine.partial_files import LOCK_NAME, locked_folder, partial_file, publish
from sqlstore.engine.watch import Watch
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import environment, visible

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])


async def test_the_newest_are_kept_and_the_others_go_with_their_manifests(bot, tmp_path):
    folder = tmp_path / "backups"
    made = [await bot.backup(folder=folder) for _ in range(3)]
    last = await bot.backup(folder=folder, keep=2)
    assert last.deleted == (made[1].file, made[0].file)
    assert visible(folder) == [made[2].file.name, last.file.name]
    assert len(list(folder.glob("*.json"))) == 2
    assert [each.file for each in list_backups(folder)] == [last.file, made[2].file]


@on_sqlite
async def test_the_one_just_made_stays_even_if_the_others_claim_to_be_newer(bot, tmp_path):
    """A clock that was wrong once must not cost the only backup of today."""
    old = await bot.backup(folder=tmp_path / "backups")
    future = old.manifest.created_at + timedelta(days=400)
    rewrite_manifest(old.file, msgspec.structs.replace(old.manifest, created_at=future))
    made = await bot.backup(folder=tmp_path / "backups", keep=1)
    assert visible(tmp_path / "backups") == [made.file.name]


@on_sqlite
async def test_files_that_are_not_this_database_s_are_never_deleted(bot, tmp_path):
    folder = tmp_path / "backups"
    async with Chatbot.open(f"sqlite:///{tmp_path}/other/bot.db") as other:
        theirs = await other.backup(folder=folder)
    by_hand = await bot.backup(folder=folder)
    manifest_path(by_hand.file).unlink()
    (folder / "bot_20200101_000000.db").write_bytes(b"SQLite format 3\0")
    (folder / "notes.txt").write_text("mine")
    last = await bot.backup(folder=folder, keep=1)
    assert last.deleted == ()
    assert set(visible(folder)) == {
        theirs.file.name, by_hand.file.name, last.file.name, "bot_20200101_000000.db", "notes.txt",
    }  # fmt: skip


@on_sqlite
async def test_a_damaged_one_does_not_count_among_the_kept(bot, tmp_path):
    made = [await bot.backup(folder=tmp_path / "backups") for _ in range(3)]
    os.truncate(made[2].file, 100)
    last = await bot.backup(folder=tmp_path / "backups", keep=2)
    assert last.deleted == (made[0].file,)
    assert made[1].file.exists()
    assert [each.state for each in list_backups(last.file.parent)] == ["complete", "damaged", "complete"]


@on_sqlite
async def test_a_backup_that_fails_deletes_nothing(bot, tmp_path):
    made = [await bot.backup(folder=tmp_path / "backups") for _ in range(2)]
    with pytest.raises(ConfigurationError, match="is there already"):
        await bot.backup(made[0].file, keep=1)
    with pytest.raises(ConfigurationError, match="1 or more"):
        await bot.backup(folder=tmp_path / "backups", keep=0)
    assert visible(tmp_path / "backups") == sorted(each.file.name for each in made)


@on_sqlite
async def test_what_killed_processes_left_is_swept_up_and_nothing_else(bot, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    leftovers = [
        ".copy.db.0123456789abcdef.partial",
        ".copy.db.0123456789abcdef.partial-journal",
        "copy.db.manifest.json",
    ]
    others = [".copy.db.0123456789abcdef.new", ".hidden.partial", "copy.partial", "manifest.json"]
    for name in leftovers + others:
        (folder / name).write_text("x")
    made = await bot.backup(folder=folder)
    names = {path.name for path in folder.iterdir()} - {LOCK_NAME}
    assert names == {*others, made.file.name, manifest_path(made.file).name}


async def test_one_at_a_time_and_the_lock_goes_with_its_process(tmp_path):
    code = """
import asyncio, sys, time
from pathlib import Path
from sqlstore.engine.partial_files import locked_folder
from sqlstore.engine.watch import Watch
async def main():
    async with locked_folder(Path(sys.argv[1]), Watch()):
        print("locked", flush=True)
        time.sleep(60)
asyncio.run(main())
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, env=environment()
    )
    try:
        assert holder.stdout.readline() == b"locked\n"
        waited = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                async with locked_folder(tmp_path, Watch(lambda step, *_: waited.append(step))):
                    pass
        assert set(waited) == {"waiting"}
    finally:
        holder.kill()
        holder.communicate()
    async with locked_folder(tmp_path, Watch()):
        pass


@on_sqlite
async def test_two_at_once_into_one_folder_are_both_made(bot, tmp_path):
    made = await asyncio.gather(*(bot.backup(folder=tmp_path / "backups") for _ in range(4)))
    assert visible(tmp_path / "backups") == sorted(each.file.name for each in made)


@on_sqlite
async def test_two_at_once_under_one_name_make_one(bot, tmp_path):
    outcomes = await asyncio.gather(
        *(bot.backup(tmp_path / "out" / "copy") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, StoreError) for outcome in outcomes) == 3
    assert visible(tmp_path / "out") == ["copy"]


def test_a_name_that_was_taken_meanwhile_is_not_taken_over(tmp_path):
    target = tmp_path / "bot.db"
    with partial_file(target) as partial:
        partial.write_text("ours")
        target.write_text("theirs")
        with pytest.raises(ConfigurationError):
            publish(partial, target)
    assert target.read_text() == "theirs"
    assert visible(tmp_path) == ["bot.db"]


def test_a_folder_that_is_missing_or_holds_other_things(tmp_path):
    assert list_backups(tmp_path / "none") == []
    (tmp_path / "folder.db").mkdir()
    (tmp_path / ".hidden.db").write_text("x")
    (tmp_path / "text.txt").write_text("x")
    assert list_backups(tmp_path) == []
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list_backups(tmp_path / "text.txt")
