"""What the commands print: lines and JSON on stdout, a table on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

import click
import msgspec

from sqlstore.migrations.plan import Mark
from sqlstore.migrations.report import Event, Report, Status

_SIGNS: Final[dict[Mark, str]] = {
    "applied": "*",
    "pending": ".",
    "cosmetic": "~",
    "edited": "!",
    "missing": "?",
    "newer": "+",
    "unfinished": "/",
}


def progress(*, as_json: bool) -> Callable[[Event], None]:
    """A line for each migration; on a terminal it stands there while the migration runs."""
    if as_json:
        return lambda event: click.echo(msgspec.json.encode(event))
    terminal = sys.stdout.isatty()

    def show(event: Event) -> None:
        line = f"[{event.position}/{event.total}] {event.version or 0:04}_{event.name} ... "
        if event.phase == "started" and terminal:
            click.echo(line, nl=False)
        elif event.phase in ("applied", "reverted"):
            click.echo(f"{'' if terminal else line}{event.duration_ms} ms")
        elif event.phase == "failed" and terminal:
            click.echo("failed")

    return show


def show_report(report: Report, done: str, *, as_json: bool) -> None:
    """How many migrations were `done`, and where the database stands."""
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    what = f"{len(report.steps)} {done}" if report.steps else "nothing to do"
    click.echo(f"{report.store}: {what}, now at {report.version:04}")


def show_status(found: Status, *, as_json: bool) -> None:
    """A line for each migration, and a sentence; the problem goes to stderr."""
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows = [
        (
            _SIGNS[line.mark],
            f"{line.version:04}_{line.name}",
            line.mark,
            line.applied_at.strftime("%Y-%m-%d %H:%M:%S UTC") if line.applied_at else "",
            "" if line.duration_ms is None else f"{line.duration_ms} ms",
        )
        for line in found.migrations
    ]
    if sys.stdout.isatty():
        _show_table(found.store, rows)
    else:
        for row in rows:
            click.echo("  ".join(row).rstrip())
    click.echo(f"{found.store}: {len(found.migrations)} migrations, {len(found.pending)} pending")
    if found.problem:
        click.echo(f"error: {found.problem}", err=True)


def _show_table(store: str, rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for terminals
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "migration", "state", "applied", "took", title=store)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
