"""`python -m sqlstore`: the commands by name; what a command needs is imported when it runs."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Final, NamedTuple

import click

from sqlstore.engine.errors import ConfigurationError, StoreError, Unavailable


class _Place(NamedTuple):
    module: str
    attribute: str
    help: str


COMMANDS: Final = {
    "adopt": _Place("sqlstore.adopt", "adopt", "Take over a database that the old system made."),
    "demo": _Place("sqlstore.demo.command", "demo", "Show what the chatbot store does, with real dialogues."),
    "export-json": _Place("sqlstore.commands", "export_json", "Write one JSON file per chatbot session."),
    "import-json": _Place("sqlstore.commands", "import_json", "Bring JSON session files into the database."),
    "menu": _Place("sqlstore.menu", "menu", "The numbered menu of the old bot."),
    "migrate": _Place("sqlstore.migrate", "main", "Apply, check and list migrations."),
    "search": _Place("sqlstore.search", "search", "Find texts by their words; look after the index."),
    "stats": _Place("sqlstore.commands", "stats", "Count what the chatbot store holds."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and one line of help, without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command = getattr(import_module(place.module), place.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StoreError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(exit_code(error))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sqlstore")
def main() -> None:
    """The data layer for async bots: hand-written SQL on SQLite and PostgreSQL.

    Exit codes: 0 done; 1 failed; 2 wrong usage or settings; 6 cannot connect.
    `migrate` has more of its own.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


def exit_code(error: StoreError) -> int:
    """The exit code of an error."""
    if isinstance(error, ConfigurationError):
        return 2
    return 6 if isinstance(error, Unavailable) else 1
