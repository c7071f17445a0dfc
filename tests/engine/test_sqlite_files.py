"""The database file: created whole and private, refused with a sentence, watched while open."""

import asyncio
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from sqlstore.engine.errors import (
    ConfigurationError,
    CorruptDatabase,
    DatabaseError,
    OutcomeUnknown,
)
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.engine.sqlite_files import APPLICATION_ID

from .sqlite_support import ADD, ALL, ITEMS, opened, rows_on_disk, statement, write_lock


async def open_and_close(path, **options):
    driver = SqliteDriver(path, **options)
    await driver.open()
    await driver.close()


async def refusal(path, meaning, **options):
    """What opening says; and that it left nothing behind."""
    before = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else None
    with pytest.raises(meaning) as caught:
        await open_and_close(path, **options)
    assert type(caught.value) is meaning
    if before is not None:
        assert sorted(entry.name for entry in path.parent.iterdir()) == before
    return str(caught.value)


async def test_a_missing_file_is_created_private_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "bot #1?.db"
    old = os.umask(0)
    try:
        async with opened(path) as driver:
            await driver.call(ADD, "a")
            names = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()}
            assert names == {path.name: 0o600, path.name + "-wal": 0o600, path.name + "-shm": 0o600}
            assert await driver.fetch("PRAGMA application_id") == [(APPLICATION_ID,)]
    finally:
        os.umask(old)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_a_relative_path_is_not_lost_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    driver = SqliteDriver(Path("bot.db"))
    monkeypatch.chdir("/")
    await driver.open()
    await driver.close()
    assert driver.path == str(tmp_path / "bot.db")
    assert (tmp_path / "bot.db").exists()


async def test_a_missing_file_is_not_created_where_it_must_be_there(tmp_path):
    assert "create=False" in await refusal(tmp_path / "bot.db", ConfigurationError, create=False)


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
async def test_a_missing_file_whose_companion_is_there_is_refused(tmp_path, suffix):
    (tmp_path / f"bot.db{suffix}").write_bytes(b"x")
    assert f"bot.db{suffix} lies beside it" in await refusal(tmp_path / "bot.db", CorruptDatabase)


@pytest.mark.parametrize("name", ["bot_20310719_031415.db", "bot_20310719_031415_926535.db"])
async def test_a_missing_file_whose_backups_are_there_is_refused(tmp_path, name):
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / name).touch()
    assert f"backups/{name} lies beside it" in await refusal(tmp_path / "bot.db", CorruptDatabase)


async def test_the_backups_of_others_are_no_sign(tmp_path):
    (tmp_path / "backups").mkdir()
    for name in ("bot2_20310719_031415.db", "bot_old.db", "bot_20310719_031415.db.manifest.json"):
        (tmp_path / "backups" / name).touch()
    await open_and_close(tmp_path / "bot.db")


async def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "bot.db").touch()
    assert "is empty" in await refusal(tmp_path / "bot.db", CorruptDatabase)


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "bot.db").write_text("hello, I am a text file " * 100)
    assert "not a SQLite database" in await refusal(tmp_path / "bot.db", CorruptDatabase)


async def test_a_folder_is_refused(tmp_path):
    (tmp_path / "bot.db").mkdir()
    assert "is not a file" in await refusal(tmp_path / "bot.db", ConfigurationError)


async def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "data").write_text("x")
    assert "cannot be created" in await refusal(tmp_path / "data" / "bot.db", ConfigurationError)


async def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "bot.db").symlink_to(tmp_path / "gone.db")
    assert "cannot be opened" in await refusal(tmp_path / "bot.db", ConfigurationError)


@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_read_only_place_is_refused_at_open(tmp_path, read_only):
    """In a process of its own, which is no superuser: that one may write everywhere."""
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(ITEMS)
    code = f"""if True:
        import os, asyncio, pathlib
        from sqlstore.engine.sqlite import SqliteDriver
        os.chdir({str(tmp_path)!r})
        pathlib.Path.cwd().as_uri()  # imports what another user may not read
        if os.getuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        try:
            asyncio.run(SqliteDriver(pathlib.Path("bot.db")).open())
        except Exception as error:
            print(type(error).__name__, error)
    """
    path.chmod(0o444 if read_only == "file" else 0o666)
    tmp_path.chmod(0o777 if read_only == "file" else 0o555)
    for folder in tmp_path.parents:
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    try:
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)
    assert answer.stdout.startswith("ReadOnlyDatabase"), answer
    assert "does not take writes" in answer.stdout
    assert answer.stderr == ""


async def test_an_existing_file_keeps_its_mode_and_open_access_is_warned_about(tmp_path, caplog):
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(ITEMS)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        await open_and_close(path)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [record.getMessage() for record in caplog.records if "chmod 600" in record.getMessage()]


@pytest.mark.slow
def test_processes_that_create_the_same_file_at_once_all_succeed(tmp_path):
    code = f"""if True:
        import asyncio, pathlib
        from sqlstore.engine.driver import Statement
        from sqlstore.engine.sqlite import SqliteDriver
        async def main():
            driver = SqliteDriver(pathlib.Path({str(tmp_path / "data" / "bot.db")!r}))
            await driver.open()
            async with driver.exclusive() as exclusive:
                await exclusive.run(lambda connection: connection.executescript(
                    "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS starts (n); INSERT INTO starts VALUES (1); COMMIT"))
            await driver.close()
        asyncio.run(main())
    """
    for _ in range(3):
        processes = [
            subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        errors = [process.communicate(timeout=30)[1] for process in processes]
        assert errors == [""] * 4
        assert len(rows_on_disk(tmp_path / "data" / "bot.db", "SELECT n FROM starts")) == 4
        assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["bot.db"]
        (tmp_path / "data" / "bot.db").unlink()


async def test_the_switch_to_wal_waits_for_a_busy_database(tmp_path):
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(ITEMS)
    with write_lock(path) as other:
        task = asyncio.create_task(open_and_close(path))
        await asyncio.sleep(0.1)
        assert not task.done()
        other.execute("COMMIT")
    await task


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("change", ["deleted", "moved", "emptied", "replaced"])
async def test_a_database_that_is_taken_away_takes_no_more_writes(tmp_path, change, quiet):
    path = tmp_path / "bot.db"
    add = statement("INSERT INTO items (name) VALUES (?)", "changed")
    async with opened(path) as driver:
        settle(tmp_path, quiet=quiet)
        await driver.call(add, "a")
        take_away(path, change)
        for _ in range(2):
            with pytest.raises(CorruptDatabase, match="nothing was written"):
                await driver.call(add, "b")
        with pytest.raises(CorruptDatabase):
            await driver.call_many(add, [["c"]])
        with pytest.raises(CorruptDatabase):
            async with driver.transaction():
                pass


@pytest.mark.parametrize("held", [False, True])
async def test_a_commit_into_a_file_that_was_taken_away_has_an_unknown_outcome(tmp_path, held):
    """Taken away between BEGIN and COMMIT: the row is in a file that nobody will open again."""
    path = tmp_path / "bot.db"
    async with opened(path) as driver:
        if held:
            with pytest.raises(OutcomeUnknown):
                async with driver.transaction() as tx:
                    await tx.call(ADD, "a")
                    take_away(path, "deleted")
        else:

            def take_away_meanwhile(rows, changed):
                take_away(path, "deleted")

            add = statement("INSERT INTO items (name) VALUES ('a')", "changed", result=take_away_meanwhile)
            with pytest.raises(OutcomeUnknown) as caught:
                await driver.call(add)
            assert caught.value.query == "shop.items.query"


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("change", ["deleted", "moved", "replaced"])
async def test_without_its_log_a_database_takes_no_more_writes_and_keeps_what_it_has(tmp_path, change, quiet):
    """SQLite would go on writing to the file that it has open, and a kill would take what it acknowledged."""
    path, log = tmp_path / "bot.db", tmp_path / "bot.db-wal"
    add = statement("INSERT INTO items (name) VALUES (?)", "changed")
    async with opened(path) as driver:
        settle(tmp_path, quiet=quiet)
        await driver.call(add, "a")
        take_away(log, "moved" if change == "moved" else "deleted")
        if change == "replaced":
            log.touch()
        with pytest.raises(CorruptDatabase, match=r"-wal file .* nothing was written"):
            await driver.call(add, "b")
        with pytest.raises(CorruptDatabase, match="-wal file"):
            await driver.probe()
    async with opened(path, schema="") as driver:
        assert await driver.call(ALL) == [("a",)]


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_commit_into_a_log_that_was_taken_away_has_an_unknown_outcome(tmp_path, quiet):
    path = tmp_path / "bot.db"
    async with opened(path) as driver:
        settle(tmp_path, quiet=quiet)
        with pytest.raises(OutcomeUnknown, match="-wal file"):
            async with driver.transaction() as tx:
                await tx.call(ADD, "a")
                path.with_name("bot.db-wal").unlink()


async def test_a_database_whose_folder_was_moved_takes_no_more_writes(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    async with opened(folder / "bot.db") as driver:
        settle(folder, quiet=True)
        await driver.call(ADD, "a")
        shutil.copytree(folder, tmp_path / "other")
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(CorruptDatabase, match="nothing was written"):
            await driver.call(ADD, "b")
        (tmp_path / "other").rename(folder)
        with pytest.raises(CorruptDatabase, match="nothing was written"):
            await driver.call(ADD, "b")


async def test_the_log_is_looked_at_only_where_a_name_came_or_went(tmp_path, monkeypatch):
    """Each look makes the next write to the log dearer."""
    looks: list[str] = []
    stat = os.stat

    def counted(path, **options):
        looks.append(str(path))
        return stat(path, **options)

    log = str(tmp_path / "bot.db-wal")
    async with opened(tmp_path / "bot.db") as driver:
        monkeypatch.setattr(os, "stat", counted)
        await driver.call(ADD, "a")
        assert looks.count(log) == 2, "the folder has just changed"
        settle(tmp_path, quiet=True)
        await driver.call(ADD, "b")
        looks.clear()
        for number in range(10):
            await driver.call(ADD, f"c{number}")
        assert looks.count(log) == 0
        assert looks.count(str(tmp_path / "bot.db")) == 20
        (tmp_path / "new.txt").touch()
        await driver.call(ADD, "d")
        assert looks.count(log) == 2


def settle(folder: Path, *, quiet: bool) -> None:
    """quiet: as if nothing in the folder had changed for an hour."""
    if quiet:
        an_hour_ago = time.time() - 3600
        os.utime(folder, (an_hour_ago, an_hour_ago))


def take_away(path, change):
    if change == "emptied":
        os.truncate(path, 0)
        return
    if change == "moved":
        path.rename(path.with_name("elsewhere.db"))
    else:
        path.unlink()
    if change == "replaced":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(ITEMS)


async def test_a_damaged_page_is_told_as_damage(tmp_path):
    path = tmp_path / "bot.db"
    async with opened(path) as driver:
        await driver.call_many(ADD, [[f"{number:04}"] for number in range(500)])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    driver = SqliteDriver(path)
    await driver.open()
    try:
        with pytest.raises(CorruptDatabase):
            await driver.call(statement("SELECT name FROM items"))
        with pytest.raises(DatabaseError):
            await driver.call(ADD, "x")
    finally:
        await driver.close()
