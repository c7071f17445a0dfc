"""Statistics on a terminal, or in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sqlstore.capabilities.statistics import Days, Statistics
from sqlstore.capabilities.statistics.grids import Grid, day_grid, grid, last_days

_PIPE_WIDTH: Final = 120


def show(statistics: Statistics) -> None:
    """Print every section that has rows; those by day side by side."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.print(
        Text(
            f"{statistics.store}, {statistics.database}\n"
            f"{statistics.first_day} to {statistics.last_day}, days of {statistics.timezone}"
        )
    )
    for shown in _grids(statistics):
        if shown.rows:
            console.print(Text(f"\n{shown.title}", style="bold"))
            console.print(_table(shown))


def _grids(statistics: Statistics) -> Iterator[Grid]:
    by_day = [section for section in statistics.sections if isinstance(section, Days)]
    for section in statistics.sections:
        if not isinstance(section, Days):
            yield grid(section, statistics.days)
        elif section is by_day[0]:
            yield day_grid(by_day, f"Per day, {last_days(statistics.days)}")


def _table(shown: Grid) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        show_header=any(shown.columns),
        show_edge=False,
        pad_edge=False,
    )
    for place, column in enumerate(shown.columns):
        table.add_column(Text(column), justify="right" if place else "left", overflow="fold")
    for row in shown.rows:
        table.add_row(*map(Text, row))
    return table
