"""`python -m sqlstore stats` and `report`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from sqlstore.capabilities.statistics import DEFAULT_DAYS, DEFAULT_TOP, MOST_DAYS, MOST_TOP, Statistics
from sqlstore.opening import opened_store, store_option
from sqlstore.terminal import json_option, progress_bar, timezone_option, url_option


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    for option in (
        click.option(
            "--top",
            type=click.IntRange(1, MOST_TOP),
            default=DEFAULT_TOP,
            show_default=True,
            help="How many FAQs, agents, intents … to name.",
        ),
        timezone_option,
        click.option(
            "--days",
            type=click.IntRange(1, MOST_DAYS),
            default=DEFAULT_DAYS,
            show_default=True,
            help="How many days to count by day, today included.",
        ),
        store_option,
        url_option,
    ):
        command = option(command)
    return command


@click.command()
@_options
@json_option
def stats(
    url: str | None, store: str | None, days: int, timezone: str | None, top: int, *, as_json: bool
) -> None:
    """Count what a store holds: rows, sizes, days, kinds, percentiles. Only reads."""
    found = asyncio.run(_count(url, store, days, timezone, top))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    from sqlstore.statistics.tables import show  # noqa: PLC0415 - imports rich

    show(found)


@click.command()
@click.option(
    "--html",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; an older one is replaced whole.",
)
@_options
def report(
    url: str | None, store: str | None, days: int, timezone: str | None, top: int, *, file: Path
) -> None:
    """Write a store's statistics as one page with charts, which needs no network. Only reads."""
    from sqlstore.statistics.page import write_page  # noqa: PLC0415 - needs the extra `report`

    write_page(file, asyncio.run(_count(url, store, days, timezone, top)))
    click.echo(f"written to {file}")


async def _count(url: str | None, store: str | None, days: int, timezone: str | None, top: int) -> Statistics:
    with progress_bar("Counting") as on_progress:
        async with opened_store(url, store, timezone=timezone) as opened:
            return await opened.statistics(days, top=top, on_progress=on_progress)
