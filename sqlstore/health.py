"""`python -m sqlstore health`: is the database well? For people, containers and cron."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

import click
import msgspec

from sqlstore.capabilities.cache.settings import environment_cache
from sqlstore.capabilities.health import DEFAULT_TIMEOUT_S, Health, State, database_health_check
from sqlstore.config import Settings, load_settings
from sqlstore.stores import load_store
from sqlstore.terminal import json_option, url_option

_EXIT_CODES: Final[dict[State, int]] = {"healthy": 0, "unhealthy": 1, "away": 6}


@click.command()
@url_option
@click.option("--store", metavar="NAME", help="Whose migrations must be applied, too; or module:Class.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_TIMEOUT_S,
    show_default=True,
    help="Seconds the check may take.",
)
@json_option
def health(url: str | None, store: str | None, timeout_s: float, *, as_json: bool) -> None:
    """Ask the database how it is; changes nothing, creates nothing.

    With SQLSTORE_CACHE=1 the cache too; without it the database answers alone, so it is no error.

    Exit codes: 0 healthy; 1 it answers, but a bot cannot work with it; 2 wrong usage or
    settings; 6 it is away: no answer in time, no such file or server, not let in.
    """
    found = asyncio.run(
        database_health_check(
            url or load_settings(Settings).url.get_secret_value(),
            store=load_store(store) if store else None,
            timeout_s=timeout_s,
            cache=environment_cache(),
        )
    )
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(_lines(found)))
    sys.exit(_EXIT_CODES[found.status])


def _lines(found: Health) -> Iterator[str]:
    if found.server_version is None:
        yield f"{found.status}: {found.engine}"
    else:
        yield f"{found.status}: {found.engine} {found.server_version}, {found.latency_ms:.1f} ms"
    if found.problem:
        yield f"problem: {found.problem}"
    if found.pending is not None and not found.problem:
        yield f"migrations of {found.store}: none pending"
    if found.wal_bytes is not None:
        yield f"write-ahead log: {found.wal_bytes / 1024**2:.1f} MiB"
    if found.disk_free_bytes is not None:
        yield f"free on the disk: {found.disk_free_bytes / 1024**3:.1f} GiB"
    if found.cache is not None:
        yield f"cache: {found.cache.sentence}"
