"""`status`, `plan` and `sql`: what only reads."""

from __future__ import annotations

from typing import Any

import click

from sqlstore.migrate.running import DONE, HISTORY, PENDING, run
from sqlstore.migrate.target import looked_at, make_target, target_options
from sqlstore.migrations import plan_up, sql_script
from sqlstore.migrations import status as read_status
from sqlstore.migrations.display import show_plan, show_status

_to = click.option("--to", type=click.IntRange(min=0), help="The version to end at.")


@click.command()
@target_options
@click.option("--check", is_flag=True, help="Exit with 3 where migrations are pending.")
def status(*, check: bool, **options: Any) -> None:
    """List all migrations and how they stand. Changes nothing, creates nothing."""
    target = make_target(**options)

    async def work() -> int:
        async with looked_at(target) as driver:
            found = await read_status(driver, target.source)
        show_status(found, as_json=target.as_json)
        if found.problem:
            return HISTORY
        return PENDING if check and found.pending else DONE

    run(work())


@click.command()
@target_options
@_to
@click.option("--steps", type=click.IntRange(min=1), help="How many migrations at most.")
def plan(to: int | None, steps: int | None, **options: Any) -> None:
    """List what `up` would apply, with each file's directives. Changes nothing."""
    target = make_target(**options)

    async def work() -> int:
        async with looked_at(target) as driver:
            found = await plan_up(driver, target.source, to=to, steps=steps)
        show_plan(found, as_json=target.as_json)
        return DONE

    run(work())


@click.command()
@target_options
@_to
def sql(to: int | None, **options: Any) -> None:
    """Print what `up` would run, with the rows of the book, for psql or sqlite3. Changes nothing."""
    target = make_target(**options)
    if target.as_json:
        raise click.UsageError("`sql` prints SQL; --json is for `plan`")

    async def work() -> int:
        async with looked_at(target) as driver:
            click.echo(await sql_script(driver, target.source, to=to), nl=False)
        return DONE

    run(work())
