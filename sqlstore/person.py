"""The command about one person: erase --user."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec

from sqlstore.capabilities.person import Receipt
from sqlstore.capabilities.retention import Due
from sqlstore.opening import opened_store, store_option
from sqlstore.terminal import json_option, url_option


@click.command()
@click.option(
    "--user",
    "person",
    required=True,
    metavar="PERSON",
    help="Whom: what the store calls people by (session id, hardware id's hash, user id, chat id).",
)
@url_option
@store_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(person: str, url: str | None, store: str | None, *, yes: bool, as_json: bool) -> None:
    """Delete everything about one person, in every table, in one transaction; prints a receipt.

    Backups made before still hold it.
    """

    async def work() -> Receipt | None:
        async with opened_store(url, store) as opened:
            if not yes and not _confirmed(await opened.count_person(person)):
                return None
            return await opened.erase_person(person)

    receipt = asyncio.run(work())
    if receipt is not None:
        show_receipt(receipt, as_json=as_json)


def _confirmed(counted: list[Due]) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("this deletes rows; say --yes where nobody can be asked")
    click.echo("\n".join(f"{each.rows} {each.what}" for each in counted), err=True)
    return click.confirm("Erase all of this?", err=True)


def show_receipt(receipt: Receipt, *, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        click.echo(msgspec.json.encode(receipt))
        return
    for each in receipt.rows:
        click.echo(f"{each.rows} {each.what} {receipt.action}")
    click.echo(f"{receipt.store}, {receipt.at:%Y-%m-%d %H:%M:%S} UTC")
