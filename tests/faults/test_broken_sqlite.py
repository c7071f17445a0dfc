"""The disk fails at the n-th statement that SQLite is given, for every n of every public method."""

import itertools
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sqlstore.engine import sqlite_worker
from sqlstore.engine.sqlite import SqliteDriver
from sqlstore.store import Store
from tests.engine.sqlite_support import no_threads_remain

from .amount import FULL, show
from .calls import STORES, every_call
from .trial import Trial, empty, judge, quiet_store

MOMENTS = ("before", "undone", "after")
"""before: the statement never ran. undone: nor does what was before it in its transaction stand,
as SQLite itself does when a disk fails or is full. after: it ran, and then came the error, which
SQLite never says of a full disk."""
CODES = {"SQLITE_IOERR": "disk I/O error", "SQLITE_FULL": "database or disk is full"}


class Disk:
    """Counts the statements of all connections, and fails at one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self.fails_at = 0
        self.moment = ""
        self.code = ""

    def set(self, fails_at: int = 0, moment: str = "before", code: str = "SQLITE_IOERR") -> None:
        self.count, self.fails_at, self.moment, self.code = 0, fails_at, moment, code

    def is_now(self) -> bool:
        with self._lock:
            self.count += 1
            return self.count == self.fails_at

    def error(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError(CODES[self.code])
        error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, self.code), self.code
        return error


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()

    class Connection(sqlite_worker.WorkerConnection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            if not disk.is_now():
                return super().execute(*arguments)
            if disk.moment == "undone" and self.in_transaction:
                super().execute("ROLLBACK")
            if disk.moment == "after":
                super().execute(*arguments).fetchall()
            raise disk.error()

    monkeypatch.setattr(sqlite_worker, "WorkerConnection", Connection)
    return disk


def check_nothing_left(store: Store, path: Path) -> None:
    """No job under way, no transaction open, no lock held."""
    driver = store.driver
    assert isinstance(driver, SqliteDriver)
    assert not any(worker.in_flight for worker in driver._workers)
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STORES)
async def test_every_statement_of_every_method(name: str, disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    files = os.listdir("/proc/self/fd")
    async with quiet_store(name, f"sqlite:///{path}", synchronous="normal") as store:
        faults = await fail_everywhere(store, disk, path)
    show(f"{name}: {faults} faults")
    assert await no_threads_remain()
    assert os.listdir("/proc/self/fd") == files
    assert faults > 30


async def fail_everywhere(store: Store, disk: Disk, path: Path) -> int:
    """Gives the number of faults."""
    turns, faults = itertools.cycle(MOMENTS), 0
    for call in (call for call in every_call() if call.store == store.name):
        await empty(store)
        trial = await Trial.begin(call, store)
        disk.set()
        await trial.run()
        statements, good = disk.count, await trial.change(store)
        for n in range(1, statements + 1):
            for moment in MOMENTS if FULL else (next(turns),):
                trial = await Trial.begin(call, store)
                disk.set(n, moment, "SQLITE_IOERR" if moment == "after" else [*CODES][n % 2])
                try:
                    outcome = await trial.run()
                except Exception as error:
                    outcome = error
                disk.set()
                faults += 1
                judge(
                    call, f"{moment} statement {n} of {statements}", outcome, await trial.change(store), good
                )
                check_nothing_left(store, path)
    return faults
