"""`python -m sqlstore`: the commands by name; what a command needs is imported when it runs."""

from __future__ import annotations

import logging
from typing import Final

import click

from sqlstore.engine.errors import ConfigurationError, StoreError, Unavailable
from sqlstore.engine.version import VERSION
from sqlstore.lazy_group import LazyGroup, Place

COMMANDS: Final = {
    "adopt": Place("sqlstore.adopt", "adopt", "Take over a database that the old system made."),
    "backup": Place("sqlstore.backup", "backup", "Back a database up while it is in use."),
    "backups": Place("sqlstore.backup", "backups", "List the backups, and verify them."),
    "check": Place(
        "sqlstore.check_command", "check", "Verify SQL files against live databases; write stubs."
    ),
    "cleanup": Place("sqlstore.upkeep", "cleanup", "Delete what is older than you say."),
    "copy": Place("sqlstore.transfer", "copy", "Copy a whole store to another database, and compare."),
    "demo": Place("sqlstore.demo.command", "demo", "Show what the chatbot store does, with real dialogues."),
    "erase": Place("sqlstore.person", "erase", "Delete everything about one person."),
    "export": Place("sqlstore.transfer", "export", "Write all rows, or one person's, to a file."),
    "export-json": Place("sqlstore.commands", "export_json", "Write one JSON file per chatbot session."),
    "grants": Place("sqlstore.grants", "grants", "Roles on PostgreSQL: an owner, and a bot's."),
    "health": Place("sqlstore.health", "health", "Ask the database how it is, within a deadline."),
    "import": Place("sqlstore.transfer", "import_", "Bring an exported file into a database."),
    "import-json": Place("sqlstore.commands", "import_json", "Bring JSON session files into the database."),
    "maintain": Place("sqlstore.upkeep", "maintain", "Keep queries fast; give space back."),
    "menu": Place("sqlstore.menu", "menu", "The numbered menu of the old bot."),
    "migrate": Place("sqlstore.migrate", "main", "Apply, check and list migrations."),
    "report": Place("sqlstore.statistics.commands", "report", "The same as a page with charts."),
    "outbox": Place(
        "sqlstore.outbox", "outbox", "What waits for a database that is away, and what it refused."
    ),
    "restore": Place("sqlstore.backup", "restore", "Put a backup where no database is."),
    "search": Place("sqlstore.search", "search", "Find texts by their words; look after the index."),
    "setup": Place("sqlstore.setup", "setup", "Make a store's tables, or try the connection."),
    "stats": Place("sqlstore.statistics.commands", "stats", "Count what a store holds, by day and by kind."),
}


class _StoreGroup(LazyGroup):
    """Tells a store's errors in a sentence, with an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StoreError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(exit_code(error))


@click.group(cls=_StoreGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
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
