"""`up` and `down`: what changes the tables."""

from __future__ import annotations

import sys
from typing import Any

import click

from sqlstore.migrate.running import DONE, USAGE, run
from sqlstore.migrate.target import lock_wait_option, make_target, opened, target_options
from sqlstore.migrations import Reversal, migrate, plan_down
from sqlstore.migrations import down as take_back
from sqlstore.migrations.display import progress, show_report

_to = click.option("--to", type=click.IntRange(min=0), help="The version to end at.")
_steps = click.option("--steps", type=click.IntRange(min=1), help="How many migrations at most.")


@click.command()
@target_options
@_to
@_steps
@lock_wait_option
def up(to: int | None, steps: int | None, lock_wait_s: float, **options: Any) -> None:
    """Apply what is pending, each migration whole or not at all."""
    target = make_target(**options)

    async def work() -> int:
        async with opened(target) as driver:
            report = await migrate(
                driver,
                target.source,
                to=to,
                steps=steps,
                lock_wait_s=lock_wait_s,
                on_event=progress(as_json=target.as_json),
            )
        show_report(report, "applied", as_json=target.as_json)
        return DONE

    run(work())


@click.command()
@target_options
@_to
@_steps
@lock_wait_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(to: int | None, steps: int | None, lock_wait_s: float, *, yes: bool, **options: Any) -> None:
    """Take migrations back, newest first; one where neither --to nor --steps is given.

    For development: tables are dropped with all their rows.
    """
    target = make_target(**options)

    async def work() -> int:
        async with opened(target, create=False) as driver:
            reversals = await plan_down(driver, target.source, to=to, steps=steps)
            if reversals and not yes and not _confirmed(reversals):
                return USAGE
            report = await take_back(
                driver,
                target.source,
                to=to,
                steps=steps,
                lock_wait_s=lock_wait_s,
                on_event=progress(as_json=target.as_json),
            )
        show_report(report, "taken back", as_json=target.as_json)
        return DONE

    run(work())


def _confirmed(reversals: list[Reversal]) -> bool:
    for reversal in reversals:
        click.echo(f"-- {reversal.version:04}_{reversal.name}\n{reversal.sql.strip()}\n", err=True)
    if not sys.stdin.isatty():
        raise click.UsageError("this may delete rows; say --yes where nobody can be asked")
    return click.confirm("Run this?", err=True)
