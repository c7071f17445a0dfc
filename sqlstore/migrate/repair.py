"""`baseline`, `accept` and `resolve`: what somebody tells the book of migrations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import click

from sqlstore.engine.driver import Driver
from sqlstore.engine.migration_book import Accepted
from sqlstore.migrate.running import DONE, USAGE, confirmed, run
from sqlstore.migrate.target import Target, lock_wait_option, make_target, opened, target_options, yes_option
from sqlstore.migrations import Status
from sqlstore.migrations import accept as accept_difference
from sqlstore.migrations import baseline as record_baseline
from sqlstore.migrations import resolve as resolve_unfinished
from sqlstore.migrations.display import show_told

_version = click.IntRange(min=1)


@click.command()
@click.argument("version", type=_version)
@target_options
@lock_wait_option
def baseline(version: int, lock_wait_s: float, **options: Any) -> None:
    """Record the migrations up to VERSION without running them: their tables are there already."""
    target = make_target(**options)
    run(
        _tell(
            target,
            lambda driver: record_baseline(driver, target.source, version, lock_wait_s=lock_wait_s),
            f"recorded as there up to {version:04}, not run",
        )
    )


@click.command()
@target_options
@click.option("--missing", type=_version, metavar="VERSION", help="Its file is gone, and that is well.")
@click.option("--edited", type=_version, metavar="VERSION", help="Its file is what the tables are like.")
@lock_wait_option
@yes_option
def accept(missing: int | None, edited: int | None, lock_wait_s: float, *, yes: bool, **options: Any) -> None:
    """Say that an applied migration's file may be gone, or differ from what was applied."""
    target = make_target(**options)
    version = missing or edited
    if version is None or (missing and edited):
        raise click.UsageError("give one of --missing VERSION and --edited VERSION")
    what: Accepted = "missing" if missing else "edited"
    run(
        _tell(
            target,
            lambda driver: accept_difference(driver, target.source, version, what, lock_wait_s=lock_wait_s),
            f"{version:04} accepted as {what}",
            question=None if yes else f"Accept that {version:04} is {what}?",
        )
    )


@click.command()
@click.argument("version", type=_version)
@target_options
@click.option("--applied", "outcome", flag_value="applied", help="It took effect.")
@click.option("--not-applied", "outcome", flag_value="not-applied", help="It did not; `up` runs it again.")
@lock_wait_option
@yes_option
def resolve(
    version: int,
    outcome: Literal["applied", "not-applied"] | None,
    lock_wait_s: float,
    *,
    yes: bool,
    **options: Any,
) -> None:
    """Say how a migration outside transactions ended that was started and not finished."""
    target = make_target(**options)
    if outcome is None:
        raise click.UsageError("say --applied or --not-applied, whichever the database shows")
    run(
        _tell(
            target,
            lambda driver: resolve_unfinished(
                driver, target.source, version, outcome, lock_wait_s=lock_wait_s
            ),
            f"{version:04} recorded as {outcome}",
            question=None if yes else f"Record {version:04} as {outcome}?",
        )
    )


async def _tell(
    target: Target,
    change: Callable[[Driver], Awaitable[Status]],
    done: str,
    *,
    question: str | None = None,
) -> int:
    if question is not None and not confirmed(question):
        return USAGE
    async with opened(target, create=False) as driver:
        found = await change(driver)
    show_told(found, done, as_json=target.as_json)
    return DONE
