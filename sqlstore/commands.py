"""Commands on the chatbot store: import-json and export-json."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from sqlstore.config import Settings, load_settings
from sqlstore.open_options import Opening
from sqlstore.stores.chatbot import Chatbot
from sqlstore.terminal import json_option, progress_bar, url_option


@click.command("import-json")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@url_option
@json_option
def import_json(folder: Path, url: str | None, as_json: bool) -> None:
    """Bring the session files of FOLDER into the database; running it again adds nothing.

    A bad file is reported and never stops the others; the exit code is 1 then.
    """

    async def work() -> dict[str, Any]:
        with progress_bar("Importing") as on_progress:
            async with _open(url, create=True) as bot:
                return await bot.migrate_from_json(folder, on_progress=on_progress)

    outcome = asyncio.run(work())
    if as_json:
        _print_json(outcome)
    else:
        click.echo(import_summary(outcome))
    if outcome["failed"]:
        raise SystemExit(1)


@click.command("export-json")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@url_option
def export_json(folder: Path, url: str | None) -> None:
    """Write one JSON file per session to FOLDER, in the shape the old bot reads."""

    async def work() -> None:
        with progress_bar("Exporting") as on_progress:
            async with _open(url, create=False) as bot:
                await bot.export_to_json(folder, on_progress=on_progress)

    asyncio.run(work())
    click.echo(f"exported to {folder}")


def import_summary(outcome: Mapping[str, Any]) -> str:
    """What an import did, and one line for each file that failed."""
    done = (
        f"{outcome['total_files']} files: {outcome['migrated']} migrated, {outcome['skipped']} skipped, "
        f"{outcome['failed']} failed; {outcome['messages']} messages"
    )
    return "\n".join([done, *(f"{error['file']}: {error['reason']}" for error in outcome["errors"])])


def table_lines(values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Names and values in two columns; what a name holds is indented beneath it."""
    width = max((len(str(name)) for name in values), default=0)
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from table_lines(value, indent + "  ")
        else:
            yield f"{indent}{name!s:<{width}}  {value}"


def _open(url: str | None, *, create: bool) -> Opening[Chatbot]:
    settings = load_settings(Settings)
    return Chatbot.open(
        url or settings.url.get_secret_value(),
        create=create,
        migrate=settings.migrate,
        timeout_s=settings.timeout_s,
    )


def _print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
