"""Commands that keep a store in shape: cleanup, maintain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import click
import msgspec

from sqlstore.capabilities.retention import Due, Removed
from sqlstore.opening import opened_store, store_option
from sqlstore.terminal import Duration, json_option, progress_bar, step_bar, url_option


@click.command()
@url_option
@store_option
@click.option("--older-than", type=Duration(), help="Delete what nobody used for that long, such as 7d.")
@click.option("--logs-older-than", type=Duration(), help="Delete logs and measurements of that age.")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@json_option
def cleanup(
    url: str | None,
    store: str | None,
    older_than: timedelta | None,
    logs_older_than: timedelta | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete what is old, in small batches, while the bot goes on.

    Users, sessions or conversations without activity for --older-than go with all that was
    said in them; in the support store messages go by their age. Audit logs and measurements
    go by --logs-older-than. FAQs, knowledge, tickets and memories stay.
    """
    if older_than is None and logs_older_than is None:
        raise click.UsageError("say how old: --older-than 7d, or --logs-older-than 90d, or both")

    async def work() -> Sequence[Due | Removed]:
        async with opened_store(url, store) as opened:
            if dry_run:
                return await opened.due(older_than=older_than, logs_older_than=logs_older_than)
            with progress_bar("Deleting") as tell:
                return await opened.cleanup(
                    older_than=older_than,
                    logs_older_than=logs_older_than,
                    on_progress=lambda _, total, done: tell(done, total),
                )

    counted = asyncio.run(work())
    if as_json:
        click.echo(
            msgspec.json.encode({"dry_run": dry_run, "rows": {each.what: each.rows for each in counted}})
        )
        return
    for each in counted:
        click.echo(f"{each.rows} {each.what} {'would be deleted' if dry_run else 'deleted'}")


@click.command()
@url_option
@store_option
@click.option("--vacuum", is_flag=True, help="Give back the space of deleted rows; SQLite's writers wait.")
def maintain(url: str | None, store: str | None, *, vacuum: bool) -> None:
    """Keep queries fast: look at the tables anew, and tidy the search index. Good once a day."""

    async def work() -> None:
        async with opened_store(url, store) as opened:
            with step_bar() as on_progress:
                await opened.maintain(vacuum=vacuum, on_progress=on_progress)

    asyncio.run(work())
    click.echo("done")
