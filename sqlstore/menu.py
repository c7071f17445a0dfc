"""The numbered menu of the old bot's `migrate_db.py`, over the same functions and settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import click

from sqlstore.commands import import_summary, table_lines
from sqlstore.compat import reg01
from sqlstore.terminal import progress_bar

MENU: Final = """
1. Create the database
2. Bring JSON files into the database
3. Export the database to JSON files
4. Back up the database
5. Show statistics
0. Quit"""


@click.command()
def menu() -> None:
    """The numbered menu of the old bot: create, import, export, back up, count.

    The database is named by DB_TYPE, DB_PATH and DATABASE_URL, in the environment
    or in .env. Answers may be piped in; the end of the input quits.
    """
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # an odd byte is a wrong choice, not a crash
    try:
        while (choice := _ask(f"{MENU}\n\nChoice")) not in {None, "0"}:
            action = ACTIONS.get(choice or "")
            if action is None:
                click.echo("Please choose a number from 0 to 5.")
            else:
                action()
    finally:
        reg01.close_database()


def _create() -> None:
    _report(reg01.init_database(), "The database is ready.")


def _import() -> None:
    folder = _ask(f"Folder of the JSON files [{reg01.JSON_FOLDER}]")
    if folder is None:
        return
    folder = folder or reg01.JSON_FOLDER
    if not Path(folder).is_dir():
        click.echo(f"There is no folder {folder}.")
        return
    with progress_bar("Importing") as on_progress:
        outcome = reg01.migrate_from_json(folder, on_progress=on_progress)
    _report(bool(outcome), import_summary(outcome) if outcome else "")


def _export() -> None:
    folder = reg01.default_export_folder()
    with progress_bar("Exporting") as on_progress:
        done = reg01.export_to_json(folder, on_progress=on_progress)
    _report(done, f"Exported to {folder}")


def _back_up() -> None:
    path = reg01.default_backup_path()
    _report(reg01.backup_database(path), f"Backed up to {path}")


def _show_statistics() -> None:
    found = reg01.get_database_stats()
    _report(bool(found), "\n".join(table_lines(found)))


ACTIONS: Final[dict[str, Callable[[], None]]] = {
    "1": _create,
    "2": _import,
    "3": _export,
    "4": _back_up,
    "5": _show_statistics,
}


def _report(done: bool, message: str) -> None:
    click.echo(message if done else "That failed; the line above says why.")


def _ask(question: str) -> str | None:
    """The answer without spaces around it, "" for Enter, None at the end of the input."""
    try:
        answer: str = click.prompt(question, default="", show_default=False)
    except click.Abort:
        return None
    return answer.strip()
