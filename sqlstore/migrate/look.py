"""`status`: what only reads."""

from __future__ import annotations

from typing import Any

import click

from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.migrate.running import DONE, HISTORY, PENDING, configured, run
from sqlstore.migrate.target import Target, make_target, opened, target_options
from sqlstore.migrations import Status, status_without_database
from sqlstore.migrations import status as read_status
from sqlstore.migrations.display import show_status


@click.command()
@target_options
@click.option("--check", is_flag=True, help="Exit with 3 where migrations are pending.")
def status(*, check: bool, **options: Any) -> None:
    """List all migrations and how they stand. Changes nothing, creates nothing."""
    target = make_target(**options)

    async def work() -> int:
        found = await _status(target)
        show_status(found, as_json=target.as_json)
        if found.problem:
            return HISTORY
        return PENDING if check and found.pending else DONE

    run(work())


async def _status(target: Target) -> Status:
    """A file that is not there stays so."""
    address = configured(lambda: parse(target.url))
    if isinstance(address, SqliteAddress) and address.path and not address.path.exists():
        return status_without_database(target.source, "sqlite")
    async with opened(target, create=False) as driver:
        return await read_status(driver, target.source)
