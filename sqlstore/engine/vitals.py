"""How an open database is: what a driver knows by itself, and what it must ask for."""

from __future__ import annotations

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How busy a driver is, as it knows without asking anybody.

    - limit: most connections at once.
    - in_use, idle: connections that run something, and those that wait for work.
    - waiting: calls that wait for a connection (PostgreSQL), or for their turn at one (SQLite).
    - writer_queue: those of them that wait for SQLite's one writer; None on PostgreSQL.
    """

    limit: int
    in_use: int
    idle: int
    waiting: int
    writer_queue: int | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a database answers when it is asked how it is.

    - server_version: `3.40.1`, `18.6`.
    - writable: False where the file, its folder or the server takes no writes.
    - wal_bytes: size of SQLite's write-ahead log; None on PostgreSQL and in memory.
    - disk_free_bytes: room beside a SQLite file; None on PostgreSQL and in memory.
    """

    server_version: str
    writable: bool
    wal_bytes: int | None = None
    disk_free_bytes: int | None = None


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What an outbox holds, as it knows without asking anybody.

    - records: writes that wait for the database; size: of them, in bytes.
    - oldest_s: how long the first of them has waited, in seconds; None where none waits.
    - dead_letters: writes that the database refused, put aside.
    - away: the database is known not to take writes now.
    """

    records: int
    size: int
    oldest_s: float | None
    dead_letters: int
    away: bool
