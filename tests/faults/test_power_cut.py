"""The power goes at every fsync: what was acknowledged is on the disk, and the rest is whole or not there."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sqlstore.capabilities.backup import restore
from sqlstore.engine.connect import make_driver
from sqlstore.engine.schema import read_schema, schema_text
from sqlstore.migrations import down
from sqlstore.stores.conversations import Conversations

from .amount import amount, show
from .diary import begin, read_entries, write_entry
from .power_cut import Cut, record
from .power_cut_process import BACKUP, DATABASE, RESTORED, url_in

ENTRIES = amount(quick=12, full=500)
RECORDS = amount(quick=4, full=100)
MAYBES = amount(quick=1, full=2)
"""How often the rest survives by chance, besides once not at all."""
MEMORY = Path("/dev/shm")
"""Where what is left is looked at: no fsync waits there."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the process works."""
    folder = tmp_path / "machine"
    folder.mkdir()
    return folder


class Leftovers:
    """What each of the cuts leaves, one after the other, in a folder; how many there were."""

    def __init__(self, cuts: Iterable[Cut]) -> None:
        self.cuts = cuts
        self.count = 0

    def __iter__(self) -> Iterator[tuple[Cut, Path]]:
        dice = random.Random(23)
        with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place:
            for cut in self.cuts:
                for chance in (None, *[dice] * MAYBES):
                    cut.leave(Path(place, "after"), chance)
                    self.count += 1
                    yield cut, Path(place, "after")


def check_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("tasks", [1, 6])
async def test_what_was_acknowledged_is_there(folder: Path, tasks: int) -> None:
    lost, leftovers = await lose(folder, "full", tasks)
    show(f"{leftovers.count} power cuts, {ENTRIES} entries of {tasks} tasks: {lost} lost at most")
    assert lost == 0


async def test_synchronous_normal_loses_what_it_says_it_may_and_nothing_by_half(folder: Path) -> None:
    """And so these tests can fail."""
    lost, leftovers = await lose(folder, "normal", 1)
    show(f"{leftovers.count} power cuts, {ENTRIES} entries at normal: {lost} lost at most")
    assert lost > 0


async def lose(folder: Path, synchronous: str, tasks: int) -> tuple[int, Leftovers]:
    """The most entries that one cut takes away of those that were acknowledged."""
    leftovers = Leftovers(record(folder, "write", synchronous, tasks, ENTRIES))
    most = 0
    for cut, after in leftovers:
        async with Conversations.open(url_in(after), search=False) as store:
            entries = await read_entries(store)
        check_sound(after / DATABASE)
        most = max(most, len(set(cut.said) - {"open"} - entries))
    assert len(cut.said) == ENTRIES + 1
    return most, leftovers


async def test_a_migration_is_there_whole_or_not_at_all(folder: Path) -> None:
    wanted, old = await an_old_database(folder)
    leftovers = Leftovers(record(folder, "migrate"))
    for cut, after in leftovers:
        async with Conversations.open(url_in(after), create=False, migrate="open" not in cut.said) as store:
            assert schema_text(await read_schema(store.driver)) == wanted
            assert await read_entries(store) == old
        check_sound(after / DATABASE)
    show(f"{leftovers.count} power cuts in migrations")
    assert leftovers.count > 10


async def an_old_database(folder: Path) -> tuple[str, set[str]]:
    """With rows, as the first migration left it; and what it is to look like when it is up to date."""
    async with Conversations.open(url_in(folder)) as store:
        await begin(store)
        for number in range(1, 10):
            await write_entry(store, f"k{number}", number)
        wanted, entries = schema_text(await read_schema(store.driver)), await read_entries(store)
    driver = make_driver(url_in(folder))
    await driver.open()
    await down(driver, Conversations.migration_source(), to=1)
    await driver.close()
    return wanted, entries


async def test_what_was_spooled_or_durable_is_written_once(folder: Path) -> None:
    leftovers = Leftovers(record(folder, "spool", RECORDS))
    for cut, after in leftovers:
        async with Conversations.open(url_in(after), outbox=after / "data/bot.outbox.db") as store:
            if "open" not in cut.said:
                continue
            assert await store.replay_outbox()
            assert store.outbox.backlog().records == 0
            entries = await read_entries(store)
        assert set(cut.said) - {"open"} <= entries
        check_sound(after / DATABASE)
        check_sound(after / "data/bot.outbox.db")
    show(f"{leftovers.count} power cuts with an outbox, {2 * RECORDS} saved")
    assert len(cut.said) == 2 * RECORDS + 1


async def test_a_backup_and_what_is_restored_are_whole_or_not_there(folder: Path) -> None:
    _, entries = await an_old_database(folder)
    leftovers = Leftovers(record(folder, "back_up"))
    for cut, after in leftovers:
        for name, said in ((BACKUP, "backup"), (RESTORED, "restored")):
            path = after / name
            assert path.exists() or said not in cut.said
            if not path.exists():
                continue
            if name == BACKUP:
                path = after / "drill" / "bot.db"
                await restore(after / BACKUP, f"sqlite:///{path}")
            async with Conversations.open(f"sqlite:///{path}", create=False) as store:
                assert await read_entries(store) == entries
    show(f"{leftovers.count} power cuts in backup and restore")
    assert {"backup", "restored"} <= set(cut.said)
