"""Commands that carry rows: export, import, copy."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec

from sqlstore.capabilities.person import Receipt
from sqlstore.capabilities.transfer import Copied, Exported, Imported, TableDifference, store_of
from sqlstore.opening import creating_store, opened_store, store_option, two_stores
from sqlstore.person import show_receipt
from sqlstore.terminal import json_option, progress_bar, url_option

_DIFFERENT, _WRITTEN_SINCE = 1, 3


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this table; may be given again.")
@click.option(
    "--user",
    "person",
    metavar="PERSON",
    help="Only one person: what the store calls people by (session id, hardware id's hash, user id, chat id).",
)
@url_option
@store_option
@json_option
def export(
    file: Path,
    tables: tuple[str, ...],
    person: str | None,
    url: str | None,
    store: str | None,
    *,
    as_json: bool,
) -> None:
    """Write all rows to FILE, as lines of JSON: {"table": "users", "row": {…}}.

    The rows are those of one moment, while the bot goes on. FILE is packed if its name ends in
    .gz; it is put in place whole, or not at all. `import` takes it; with --user it is for the
    person to have, and cannot be imported.
    """
    if person is not None and tables:
        raise click.UsageError("--user and --table exclude each other")

    async def work() -> Exported | Receipt:
        async with opened_store(url, store) as opened:
            if person is not None:
                return await opened.export_person(person, file)
            with progress_bar("Exporting") as tell:
                return await opened.export_to(file, tables=tables, on_progress=tell)

    done = asyncio.run(work())
    if isinstance(done, Receipt):
        show_receipt(done, as_json=as_json)
        return
    lines = [f"{each.rows} {each.table} exported" for each in done.tables]
    _show(
        done, [*lines, *_left_out(done.left_out), f"{done.store}, {done.at:%Y-%m-%d %H:%M:%S} UTC"], as_json
    )


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only judge every line.")
@click.option("--partial", is_flag=True, help="Take what is there of a file that was cut off or changed.")
@url_option
@store_option
@json_option
def import_(
    file: Path, url: str | None, store: str | None, *, dry_run: bool, partial: bool, as_json: bool
) -> None:
    """Make rows equal to those of FILE, which `export` wrote; the database is made if missing.

    Every line is judged before a row is written: a bad one is told by its line and field, and
    nothing changes. Ids are kept: rows of the same id are overwritten, other rows stay. Run
    again, or after an interruption, it writes only what is not there yet.
    """

    async def work() -> Imported:
        async with creating_store(url, store, store_of(file)) as opened:
            with progress_bar("Judging" if dry_run else "Importing") as tell:
                return await opened.import_from(file, dry_run=dry_run, partial=partial, on_progress=tell)

    done = asyncio.run(work())
    verb = "can be imported" if dry_run else "imported"
    lines = [
        f"{each.rows} {each.table} {verb}" + ("" if dry_run else f", {each.written} written")
        for each in done.tables
    ]
    if not done.complete:
        lines.append("the file was cut off: what it lacks is not there")
    _show(done, lines, as_json)


@click.command()
@click.argument("source", metavar="FROM_URL")
@click.argument("target", metavar="TO_URL")
@store_option
@click.option("--verify", is_flag=True, help="Only compare the two, row by row.")
@click.option("--again", is_flag=True, help="Bring over what was written to the source since a copy.")
@json_option
def copy(source: str, target: str, store: str | None, *, verify: bool, again: bool, as_json: bool) -> None:
    """Copy a whole store to an empty database of either kind, ids kept, and compare every row.

    The source may be in use: what is copied is how it was at one moment, and what was written
    since is told. Then stop the bot, and bring that over with --again (rows that only TO_URL has
    are deleted). An interrupted copy goes on with the same command.

    Exit codes: 0 TO_URL has every row; 1 it differs (--verify), or it failed; 3 copied, and the
    source was written to since.
    """
    if verify and again:
        raise click.UsageError("--verify and --again exclude each other")

    async def work() -> Copied | list[TableDifference]:
        async with AsyncExitStack() as stack:
            ours, theirs = await two_stores(stack, source, target, store, create=not verify)
            if verify:
                return await ours.compare_to(theirs)
            with progress_bar("Copying") as tell:
                return await ours.copy_to(theirs, again=again, on_progress=tell)

    done = asyncio.run(work())
    if isinstance(done, Copied):
        lines = [f"{each.rows} {each.table} copied, and equal" for each in done.tables]
        since = [f"since then: {line}" for line in _differences(done.since)]
        after = ["stop the bot, and run the same with --again to bring this over"] if since else []
        _show(done, [*lines, *_left_out(done.left_out), *since, *after], as_json)
        sys.exit(_WRITTEN_SINCE if since else 0)
    different = [each for each in done if not each.is_equal]
    equal = [f"{each.rows} {each.table} are equal" for each in done if each.is_equal]
    _show({"equal": not different, "tables": done}, [*equal, *_differences(different)], as_json)
    sys.exit(_DIFFERENT if different else 0)


def _differences(tables: Iterable[TableDifference]) -> Iterator[str]:
    for each in tables:
        yield (
            f"{each.table}: {each.missing} only in the source, {each.different} different, "
            f"{each.extra} only in the target"
        )


def _left_out(names: Sequence[str]) -> list[str]:
    return [f"not carried, because the store does not know it: {name}" for name in names]


def _show(done: object, lines: Iterable[str], as_json: bool) -> None:
    click.echo(msgspec.json.encode(done) if as_json else "\n".join(lines))
