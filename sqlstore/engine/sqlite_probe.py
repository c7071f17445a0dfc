"""How a SQLite database is, and how busy its connections are."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence

from sqlstore.engine.errors import CorruptDatabase
from sqlstore.engine.sqlite_files import DatabaseFile
from sqlstore.engine.sqlite_worker import Worker
from sqlstore.engine.vitals import Load, Probe


def probe_database(connection: sqlite3.Connection, *, file: DatabaseFile | None) -> Probe:
    """Read the header, and look at the file: in the connection's thread, where a slow disk holds up nobody.

    file: None for a database in memory. Raises CorruptDatabase where the path leads to another file, or none, by now.
    """
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if file is None:
        return Probe(server_version=sqlite3.sqlite_version, writable=True)
    trouble = file.trouble()
    if trouble is not None:
        raise CorruptDatabase(trouble)
    folder = file.path.parent
    return Probe(
        server_version=sqlite3.sqlite_version,
        writable=all(os.access(needed, os.R_OK | os.W_OK) for needed in (file.path, folder)),
        wal_bytes=file.log_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
    )


def load_of(workers: Sequence[Worker]) -> Load:
    """How busy connections are, the writer first; the first job that each has is taken to run."""
    jobs = [len(worker.in_flight) for worker in workers]
    in_use = sum(map(bool, jobs))
    return Load(
        limit=len(jobs),
        in_use=in_use,
        idle=len(jobs) - in_use,
        waiting=sum(jobs) - in_use,
        writer_queue=max(0, jobs[0] - 1) if jobs else 0,
    )
