"""What the commands print: lines and JSON on stdout, a table on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from sqlstore.migrations.plan import Mark, title
from sqlstore.migrations.preview import COUNTED_ROWS, Plan
from sqlstore.migrations.report import Event, Report, Status
from sqlstore.migrations.run import Reversal
from sqlstore.migrations.validate import Validation

_SIGNS: Final[dict[Mark, str]] = {
    "applied": "*",
    "pending": ".",
    "cosmetic": "~",
    "edited": "!",
    "missing": "?",
    "newer": "+",
    "unfinished": "/",
    "baseline": "b",
    "accepted": "a",
}


def progress(*, as_json: bool) -> Callable[[Event], None]:
    """A line for each migration; on a terminal it stands there while the migration runs."""
    if as_json:
        return lambda event: click.echo(msgspec.json.encode(event))
    terminal = sys.stdout.isatty()

    def show(event: Event) -> None:
        line = f"[{event.position}/{event.total}] {title(event.version or 0, event.name or '')} ... "
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
    click.echo(f"{report.store}: {what}, {_stand(report.version)}")


def _stand(version: int) -> str:
    return f"now at {version:04}" if version else "nothing is applied"


def show_status(found: Status, *, as_json: bool) -> None:
    """A line for each migration, and a sentence; the problem goes to stderr."""
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows = [
        (
            _SIGNS[line.mark],
            title(line.version, line.name),
            line.mark + (f" by {line.accepted_by}" if line.accepted_by else ""),
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


def show_plan(found: Plan, *, as_json: bool) -> None:
    """A line for each migration with its directives, and a sentence."""
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for migration in found.migrations:
        count = f"{migration.statements} statement{'' if migration.statements == 1 else 's'}"
        row = (title(migration.version, migration.name), count, *migration.directives)
        click.echo("  ".join(row))
        for finding in migration.findings:
            click.echo(f"  {finding.line}:{finding.column}: {finding.code}: {finding.problem}")
    what = f"{len(found.migrations)} to apply" if found.migrations else "nothing to do"
    click.echo(f"{found.store}: {what}, {_stand(found.version)}")


def show_reversals(reversals: Sequence[Reversal], rows: Mapping[str, int]) -> None:
    """What would be run, and which rows would be lost; on stderr, before it is asked."""
    for reversal in reversals:
        click.echo(f"-- {title(reversal.version, reversal.name)}\n{reversal.sql.strip()}\n", err=True)
    for table, count in rows.items():
        number = f"more than {COUNTED_ROWS}" if count > COUNTED_ROWS else str(count)
        click.echo(f"table {table} has rows that would be lost: {number}", err=True)


def show_created(paths: Sequence[Path], *, as_json: bool) -> None:
    """The files that were written."""
    if as_json:
        click.echo(msgspec.json.encode([str(path) for path in paths]))
        return
    for path in paths:
        click.echo(f"wrote {path}")
    click.echo("fill in what is to be done and how it is taken back, then run `validate`")


def show_validation(found: Validation, *, as_json: bool) -> None:
    """A line for each problem, and a sentence."""
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for problem in found.problems:
        place = "" if problem.line is None else f":{problem.line}:{problem.column}"
        click.echo(f"{problem.path}{place}: {problem.problem}")
    wrong = f"{len(found.problems)} problems" if found.problems else "nothing wrong"
    click.echo(f"{found.store}: {found.migrations} migrations, {wrong}")


def show_told(found: Status, done: str, *, as_json: bool) -> None:
    """What the book was told."""
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(f"{found.store}: {done}")
    if found.problem:
        click.echo(f"there is more: {found.problem}", err=True)


def _show_table(store: str, rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for terminals
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "migration", "state", "applied", "took", title=store)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
