"""PostgreSQL's disk is full: what cannot be written is refused whole, and writing goes on when there is room."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sqlstore.engine.errors import StorageFull
from sqlstore.stores.conversations import Conversations

from .amount import FSYNC, amount, show
from .cluster import Cluster, cluster
from .diary import SHARED
from .load import AWAY, under_load

TIMES = amount(quick=1, full=10)


@contextmanager
def small_disk(server: Cluster, name: str) -> Iterator[Path]:
    """A disk of 80 MB of its own for a folder of the server's."""
    folder = server.folder / name
    folder.mkdir()
    owner = server.folder.stat()
    options = f"size=80m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here, which takes root: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def no_room_on(disk: Path) -> Iterator[None]:
    """Everything is taken for the block."""
    filler = disk / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield
    finally:
        filler.unlink()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_room_for_rows() -> None:
    with cluster(default_tablespace="small", fsync=FSYNC) as server, small_disk(server, "small") as disk:
        server.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        async with Conversations.open(f"{server.url}?sslmode=disable") as store:
            async with under_load(store, refusals=(StorageFull,)) as load:
                for _ in range(TIMES):
                    refused = load.errors["StorageFull"]
                    with no_room_on(disk):
                        while load.errors["StorageFull"] == refused:
                            await asyncio.sleep(0.01)
                        assert await store.conversations.get(SHARED) is not None  # reading goes on
                    await load.goes_on()
            await load.check(store)
        server.stop()
    show(f"no room for rows, {TIMES} times: {load}, 0 lost")
    assert load.errors.keys() == {"StorageFull"}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_room_for_the_write_ahead_log() -> None:
    """PostgreSQL ends every session then, recovers, and may stop for good; it is started again here."""
    with cluster(min_wal_size="32MB", max_wal_size="48MB", fsync=FSYNC) as server:
        server.stop()
        log = (server.data / "pg_wal").rename(server.folder / "log-files")
        with small_disk(server, "data/pg_wal") as disk:
            subprocess.run(["cp", "-a", f"{log}/.", disk], check=True)
            server.start()
            async with Conversations.open(f"{server.url}?sslmode=disable") as store:
                async with under_load(store, refusals=(*AWAY, StorageFull)) as load:
                    for _ in range(TIMES):
                        with no_room_on(disk):
                            await asyncio.to_thread(use_up_log, server)
                        await asyncio.to_thread(start_again, server)
                        await load.goes_on()
                await load.check(store)
            server.stop()
    show(f"no room for the log, {TIMES} times: {load}, 0 lost")


def use_up_log(server: Cluster) -> None:
    """Until the server can make no further file of it."""
    while True:
        try:
            server.sql(
                "SELECT pg_switch_wal()", "CREATE TABLE IF NOT EXISTS forced (id int)", "DROP TABLE forced"
            )
        except RuntimeError:
            return


def start_again(server: Cluster) -> None:
    if not server.runs():
        server.start()
