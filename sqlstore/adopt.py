"""`python -m sqlstore adopt`: make a database of the old system a store's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from itertools import chain

import click
import msgspec

from sqlstore.capabilities import adopt as capability
from sqlstore.capabilities.adopt import Difference, Problem, Report, RowsRefused
from sqlstore.config import Settings, load_settings
from sqlstore.stores import STORES, load_store
from sqlstore.terminal import json_option, url_option

_LISTED = 50
_REFUSED = 1


@click.command()
@click.option("--store", type=click.Choice(sorted(STORES)), required=True, help="Whose tables they are.")
@url_option
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="The zone of times that say none, such as Asia/Bangkok.",
)
@click.option("--dry-run", is_flag=True, help="Only look: what differs, and which rows are refused.")
@click.option("--yes", is_flag=True, help="Do not ask whether there is a backup (PostgreSQL).")
@json_option
def adopt(store: str, url: str | None, timezone: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take over a database that the old system made, with every row and id in it.

    It is rehearsed first: what differs is shown, and rows that the tables would refuse
    are listed, before anything is changed. A SQLite file is backed up; on PostgreSQL
    pg_dump is the backup. Stop the old bot before.

    Exit codes: 0 adopted, now or before; 1 rows are refused, or it is not such a database.
    """

    def confirm(report: Report) -> bool:
        return yes or _confirmed(report, as_json=as_json)

    try:
        report = asyncio.run(
            capability.adopt(
                load_store(store),
                url or load_settings(Settings).url.get_secret_value(),
                timezone=timezone,
                dry_run=dry_run,
                confirm=confirm,
            )
        )
    except RowsRefused as error:
        report = error.report
    _show(report, as_json=as_json)
    if report.state == "refused":
        sys.exit(_REFUSED)


def _confirmed(report: Report, *, as_json: bool) -> bool:
    if not _can_ask():
        raise click.UsageError(
            "PostgreSQL databases are backed up with pg_dump, not by this command; "
            "say --yes where nobody can be asked"
        )
    if not as_json:
        click.echo("\n".join(_difference_lines(report)), err=True)
    return click.confirm("Is there a backup, made with pg_dump? Adopt the database now?", err=True)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    lines = chain(_difference_lines(report), _problem_lines(report), _end_lines(report))
    click.echo("\n".join(lines))


def _difference_lines(report: Report) -> Iterator[str]:
    for difference in report.differences:
        yield difference_line(difference)


def difference_line(difference: Difference) -> str:
    """`column users.created_at: changed, DATETIME -> TEXT NOT NULL`."""
    place = ".".join(part for part in (difference.table, difference.name) if part)
    definitions = " -> ".join(part for part in (difference.old, difference.new) if part)
    line = f"{difference.part} {place}: {difference.change}"
    return f"{line}, {definitions}" if definitions else line


def _problem_lines(report: Report) -> Iterator[str]:
    for problem in report.problems[:_LISTED]:
        yield problem_line(problem)
    if report.problem_count > _LISTED:
        yield f"… and {report.problem_count - _LISTED} more (--json lists up to {len(report.problems)})"


def problem_line(problem: Problem) -> str:
    """`refused: messages, row 17, user_id: points at a row that is not there`."""
    column = f", {problem.column}" if problem.column else ""
    return f"refused: {problem.table}, row {problem.row}{column}: {problem.reason}"


def _end_lines(report: Report) -> Iterator[str]:
    rows = f"{sum(report.rows.values())} rows in {len(report.rows)} tables"
    if report.rows:
        yield f"times without a zone are taken as {report.timezone}"
    if report.backup:
        yield f"backup: {report.backup}"
    yield {
        "adopted": f"{report.store}: adopted {report.database}, {rows}",
        "already adopted": f"{report.store}: already adopted, nothing to do",
        "can be adopted": f"{report.store}: {report.database} can be adopted, {rows}; nothing was changed",
        "refused": f"{report.store}: {report.problem_count} values are refused; nothing was changed; "
        "mend or delete these rows and try again",
    }[report.state]
