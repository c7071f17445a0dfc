"""`new` and `validate`: the files alone, no database."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from sqlstore.engine.values import Engine
from sqlstore.migrate.running import DONE, USAGE, run
from sqlstore.migrate.target import make_source, source_options
from sqlstore.migrations import create
from sqlstore.migrations import validate as find_problems
from sqlstore.migrations.display import show_created, show_validation


@click.command()
@click.argument("name")
@source_options
@click.option("--common", is_flag=True, help="One file for both engines, instead of twins.")
def new(name: str, store: str | None, migrations: Path | None, *, as_json: bool, common: bool) -> None:
    """Write the files of the next migration, to be filled in. NAME says what it does: add_language."""
    source = make_source(store, migrations)

    async def work() -> int:
        show_created(create(source, name, common=common), as_json=as_json)
        return DONE

    run(work())


@click.command()
@source_options
@click.option(
    "--engine", "engines", multiple=True, type=click.Choice(get_args(Engine)), help="Only for this one."
)
def validate(
    store: str | None, migrations: Path | None, *, as_json: bool, engines: tuple[Engine, ...]
) -> None:
    """Check all files for both engines, and list everything that is wrong. Needs no database."""
    source = make_source(store, migrations)

    async def work() -> int:
        found = find_problems(source, engines or get_args(Engine))
        show_validation(found, as_json=as_json)
        return USAGE if found.problems else DONE

    run(work())
