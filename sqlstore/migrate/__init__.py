"""`python -m sqlstore.migrate`: migrations from the command line.

Exit codes: 0 done; 1 a migration failed, or `verify` or `lint` found something; 2 wrong usage
or a wrong file; 3 migrations are pending (`status --check`); 4 files and history, or for
`drift` the tables, contradict each other; 5 the database was held by somebody else; 6 cannot
connect; 130 and 143 after Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import logging
from typing import Final

import click

from sqlstore.lazy_group import LazyGroup, Place

COMMANDS: Final = {
    "up": Place("sqlstore.migrate.apply", "up", "Apply what is pending."),
    "down": Place("sqlstore.migrate.apply", "down", "Take migrations back; for development."),
    "status": Place("sqlstore.migrate.look", "status", "List all migrations and how they stand."),
    "lint": Place("sqlstore.migrate.lint", "lint", "Find what locks, rewrites or breaks, before it runs."),
    "verify": Place("sqlstore.migrate.schema", "verify", "Try all migrations up, down and up, on the side."),
    "drift": Place("sqlstore.migrate.schema", "drift", "Compare the database with its migrations."),
    "dump": Place("sqlstore.migrate.schema", "dump", "Print what the database is made of."),
}


@click.group(cls=LazyGroup, places=COMMANDS, invoke_without_command=True)
@click.option("-v", "--verbose", is_flag=True, help="Log each step to stderr.")
@click.pass_context
def main(context: click.Context, *, verbose: bool) -> None:
    """Bring a store's tables up to date, look how they stand, or take migrations back."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
