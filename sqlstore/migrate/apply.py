"""`up`, `down` and `redo`: what changes the tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click

from sqlstore.engine.driver import Driver
from sqlstore.migrate.running import DONE, USAGE, confirmed, run
from sqlstore.migrate.target import Target, lock_wait_option, make_target, opened, target_options, yes_option
from sqlstore.migrations import Report, Reversal, migrate, plan_down, rows_to_drop, status
from sqlstore.migrations import down as take_back
from sqlstore.migrations import redo as take_back_and_apply
from sqlstore.migrations.display import progress, show_report, show_reversals
from sqlstore.terminal import step_bar

_to = click.option("--to", type=click.IntRange(min=0), help="The version to end at.")
_steps = click.option("--steps", type=click.IntRange(min=1), help="How many migrations at most.")


@click.command()
@target_options
@_to
@_steps
@lock_wait_option
@click.option("--strict-newer", is_flag=True, help="Fail where newer code migrated the database.")
@click.option(
    "--backup",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Back the database up into this folder first, if there is anything to do.",
)
def up(
    to: int | None,
    steps: int | None,
    lock_wait_s: float,
    folder: Path | None,
    *,
    strict_newer: bool,
    **options: Any,
) -> None:
    """Apply what is pending, each migration whole or not at all."""
    target = make_target(**options)

    async def work() -> int:
        async with opened(target) as driver:
            if folder is not None:
                await _back_up(driver, target, folder)
            report = await migrate(
                driver,
                target.source,
                to=to,
                steps=steps,
                lock_wait_s=lock_wait_s,
                strict_newer=strict_newer,
                on_event=progress(as_json=target.as_json),
            )
        show_report(report, "applied", as_json=target.as_json)
        return DONE

    run(work())


async def _back_up(driver: Driver, target: Target, folder: Path) -> None:
    """Before anything is changed; an empty database, or one with nothing to do, is left alone."""
    from sqlstore.capabilities.backup import backup  # noqa: PLC0415 - few ask for it, and all would wait for it

    standing = await status(driver, target.source)
    if standing.pending and any(line.applied_at for line in standing.migrations):
        with step_bar() as on_progress:
            made = await backup(driver, folder=folder, on_progress=on_progress)
        click.echo(f"backed up to {made.file}", err=True)


@click.command()
@target_options
@_to
@_steps
@lock_wait_option
@yes_option
def down(to: int | None, steps: int | None, lock_wait_s: float, *, yes: bool, **options: Any) -> None:
    """Take migrations back, newest first; one where neither --to nor --steps is given.

    For development: tables are dropped with all their rows.
    """
    target = make_target(**options)

    async def change(driver: Driver) -> Report:
        events = progress(as_json=target.as_json)
        return await take_back(
            driver, target.source, to=to, steps=steps, lock_wait_s=lock_wait_s, on_event=events
        )

    run(_after_asking(target, to, steps, change, "taken back", yes=yes))


@click.command()
@target_options
@click.option(
    "--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many migrations."
)
@lock_wait_option
@yes_option
def redo(steps: int, lock_wait_s: float, *, yes: bool, **options: Any) -> None:
    """Take the newest migrations back and apply them again, as their files are now.

    For development: tables are dropped with all their rows.
    """
    target = make_target(**options)

    async def change(driver: Driver) -> Report:
        events = progress(as_json=target.as_json)
        return await take_back_and_apply(
            driver, target.source, steps=steps, lock_wait_s=lock_wait_s, on_event=events
        )

    run(_after_asking(target, None, steps, change, "applied again", yes=yes))


async def _after_asking(
    target: Target,
    to: int | None,
    steps: int | None,
    change: Callable[[Driver], Awaitable[Report]],
    done: str,
    *,
    yes: bool,
) -> int:
    async with opened(target, create=False) as driver:
        reversals = await plan_down(driver, target.source, to=to, steps=steps)
        if reversals and not yes and not await _agreed(driver, reversals):
            return USAGE
        report = await change(driver)
    show_report(report, done, as_json=target.as_json)
    return DONE


async def _agreed(driver: Driver, reversals: Sequence[Reversal]) -> bool:
    show_reversals(reversals, await rows_to_drop(driver, reversals))
    return confirmed("Run this?")
