"""The command `python -m sqlstore demo`."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from sqlstore.config import sqlite_url
from sqlstore.demo.dialogues import load_dialogues, write_session_files
from sqlstore.demo.steps import Demo, DifferenceError
from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.errors import ConfigurationError
from sqlstore.stores.chatbot import Chatbot

Step = Callable[[Demo, Chatbot], Awaitable[str]]

BEFORE_CLOSING: Final[tuple[Step, ...]] = (
    Demo.import_files,
    Demo.read_back,
    Demo.speak,
    Demo.switch,
    Demo.answer_question,
)
AFTER_OPENING: Final[tuple[Step, ...]] = (
    Demo.survive_closing,
    Demo.survive_kill,
    Demo.export_files,
    Demo.count,
)


@click.command()
@click.option(
    "--url", metavar="URL", help="sqlite:///FILE or postgresql://…  [default: sqlite:///FOLDER/bot.db]"
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the JSON files and the database go.",
)
def demo(url: str | None, folder: Path) -> None:
    """Import dialogues of many languages, talk, switch, learn, close, kill, read back, export.

    Everything read back is compared with what was written; the exit code is 1 if
    anything differs. Running it again is fine: what is there is recognised, and
    one more bot speaks.
    """
    url = url or sqlite_url(folder / "bot.db")
    if parse(url) == SqliteAddress(None):
        raise ConfigurationError("the demo closes its database and opens it again; give it a file")
    dialogues = load_dialogues()
    write_session_files(dialogues, folder / "sessions")
    languages = len({dialogue.language for dialogue in dialogues})
    click.echo(f"{len(dialogues)} session files in {languages} languages written to {folder / 'sessions'}")
    run = Demo(url, folder, f"{datetime.now().astimezone():%Y%m%d_%H%M%S_%f}", dialogues)
    started = time.monotonic()
    try:
        asyncio.run(_show(run))
    except DifferenceError as difference:
        click.echo(f"DIFFERENCE: {difference}", err=True)
        raise SystemExit(1) from None
    click.echo(f"\nAll of it was read back equal, in {time.monotonic() - started:.1f} s.")
    click.echo(_where(url))


async def _show(run: Demo) -> None:
    number = 0
    for part in (BEFORE_CLOSING, AFTER_OPENING):
        async with Chatbot.open(run.url) as bot:
            for step in part:
                number += 1
                started = time.monotonic()
                saw = await step(run, bot)
                total = len(BEFORE_CLOSING) + len(AFTER_OPENING)
                click.echo(f"[{number}/{total}] {saw} ({time.monotonic() - started:.1f} s)")


def _where(url: str) -> str:
    address = parse(url)
    question = "SELECT role, content FROM messages ORDER BY id DESC LIMIT 6"
    if isinstance(address, SqliteAddress):
        command = shlex.join(["sqlite3", str(address.path), question])
        return f"The database is {address.path}. Look at it:\n{command}"
    host, port = address.hosts[0]
    names = {"-h": host, "-p": str(port), "-U": address.user, "-d": address.database, "-c": question}
    options = [word for option, name in names.items() if name for word in (option, name)]
    command = shlex.join(["env", f"PGOPTIONS=-csearch_path={address.schema}", "psql", *options])
    return f"The database is {address.shown}. Look at it:\n{command}"
