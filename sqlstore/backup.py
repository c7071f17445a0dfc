"""`python -m sqlstore backup`, `restore`, `backups`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from sqlstore.capabilities import backup as capability
from sqlstore.capabilities.backup import Backup, Made, Restored
from sqlstore.config import Settings, load_settings
from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.clock import now
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import StoreError
from sqlstore.terminal import json_option, step_bar, url_option

_DAMAGED: Final = 1
_file = click.Path(dir_okay=False, path_type=Path)
_folder = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_file, required=False)
@click.option("--to", "folder", type=_folder, help="The folder, for a file named after database and time.")
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Delete this database's older backups but N."
)
@click.option("--verify", is_flag=True, help="Read the backup back whole before it gets its name.")
@url_option
@json_option
def backup(
    file: Path | None, folder: Path | None, keep: int | None, url: str | None, *, verify: bool, as_json: bool
) -> None:
    """Back a database up to FILE, or into a folder, while it is in use.

    Without FILE and --to it goes to backups/, beside a SQLite file or in this folder. A
    SQLite file is copied whole; of PostgreSQL it is the schema of the URL, with pg_dump.
    What a backup must hold is written beside it, into FILE.manifest.json.

    Exit codes: 0 done; 1 failed; 2 wrong usage, a name that is taken, pg_dump is missing;
    6 cannot connect. A backup that failed deletes nothing.
    """
    if file is not None and folder is not None:
        raise click.UsageError("give FILE or --to, not both")

    async def work() -> Made:
        driver = make_driver(_url(url), create=False, read_only=True)
        await driver.open()
        try:
            with step_bar() as on_progress:
                return await capability.backup(
                    driver, file, folder=folder, keep=keep, verify=verify, on_progress=on_progress
                )
        finally:
            await driver.close()

    made = asyncio.run(work())
    if as_json:
        _echo_json(made)
        return
    click.echo(f"{made.file}: {_summary(made.manifest)}")
    for deleted in made.deleted:
        click.echo(f"deleted {deleted}")


@click.command()
@click.argument("file", type=_file)
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="sqlite:///NEW_FILE, or postgresql://… with an empty schema.",
)
@click.option("--drill", is_flag=True, help="Only try it, beside that place; nothing stays.")
@json_option
def restore(file: Path, url: str, *, drill: bool, as_json: bool) -> None:
    """Put the backup FILE where no database is, and compare every row with what was backed up.

    SQLite: into a new file. PostgreSQL: into the schema that it was made of, missing or
    empty, in any database; owners and grants are those of the URL's role.

    Exit codes: 0 done; 1 the backup is damaged, or by a newer program; 2 wrong usage, or
    something is there already; 6 cannot connect.
    """

    async def work() -> Restored:
        with step_bar() as on_progress:
            return await capability.restore(file, url, drill=drill, on_progress=on_progress)

    restored = asyncio.run(work())
    if as_json:
        _echo_json(restored)
        return
    summary = _summary(restored.manifest)
    if drill:
        click.echo(f"{file} can be restored: {summary}; nothing was kept")
    else:
        click.echo(f"{restored.database}: restored {summary}")


@click.command()
@click.argument("folder", type=_folder, required=False)
@click.option("--verify", is_flag=True, help="Read every backup from end to end.")
@url_option
@json_option
def backups(folder: Path | None, url: str | None, *, verify: bool, as_json: bool) -> None:
    """List the backups in FOLDER, by default that of the database; the newest first.

    "verified" was read back whole at some time, "complete" was checked as it was made.

    Exit codes: 0 all is well; 1 one is damaged.
    """
    found = capability.list_backups(folder or _default_folder(_url(url)))
    if verify:
        found = [asyncio.run(_verified(each)) for each in found]
    if as_json:
        _echo_json(found)
    else:
        for each in found:
            click.echo(_line(each))
        if not found:
            click.echo("no backups")
    if any(each.state == "damaged" for each in found):
        sys.exit(_DAMAGED)


async def _verified(backup: Backup) -> Backup:
    if backup.state not in ("verified", "complete"):
        return backup
    with step_bar() as on_progress:
        try:
            return await capability.verify(backup.file, on_progress=on_progress)
        except StoreError as error:
            return msgspec.structs.replace(backup, state="damaged", problem=str(error))


def _echo_json(value: object) -> None:
    click.echo(msgspec.json.encode(value, enc_hook=str))  # str: of paths


def _url(url: str | None) -> str:
    return url or load_settings(Settings).url.get_secret_value()


def _default_folder(url: str) -> Path:
    address = parse(url)
    beside = address.path.parent if isinstance(address, SqliteAddress) and address.path else Path()
    return beside / "backups"


def _summary(manifest: capability.Manifest) -> str:
    tables = manifest.contents.tables
    rows = sum(table.rows for table in tables.values())
    verified = ", verified" if manifest.verified_at else ""
    return f"{rows} rows in {len(tables)} tables, {_size(manifest.size)}{verified}"


def _line(backup: Backup) -> str:
    """`bot_20260102_020000_123456.db  verified  3 h old  1.2 MB  812 rows in 7 tables`"""
    return "  ".join(_columns(backup))


def _columns(backup: Backup) -> Iterator[str]:
    yield str(backup.file)
    yield backup.state
    if backup.manifest is not None:
        yield f"{_age(backup.manifest.created_at)} old"
    yield _size(backup.size)
    if backup.problem:
        yield backup.problem
    elif backup.manifest is not None:
        tables = backup.manifest.contents.tables
        yield f"{sum(table.rows for table in tables.values())} rows in {len(tables)} tables"


def _age(moment: datetime) -> str:
    minutes = (now() - moment).total_seconds() / 60
    for unit, per_unit in (("days", 1440), ("h", 60)):
        if minutes >= 2 * per_unit:
            return f"{minutes / per_unit:.0f} {unit}"
    return f"{minutes:.0f} min"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step from unit to unit
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
