"""`python -m sqlstore grants`: the roles of a PostgreSQL database, printed or made."""

from __future__ import annotations

import asyncio

import click

from sqlstore.config import Settings, load_settings
from sqlstore.engine.postgres_grants import Grants, apply_grants
from sqlstore.terminal import url_option


@click.command()
@click.option("--owner", default="sqlstore_owner", show_default=True, help="The role that migrates.")
@click.option("--app", default="sqlstore_app", show_default=True, help="The role of the bot.")
@click.option("--schema", default="public", show_default=True, help="The schema of the store.")
@click.option("--database", help="Where the roles' search_path is set; everywhere if not given.")
@click.option("--apply", "apply_now", is_flag=True, help="Run it, on --url, as an administrator.")
@url_option
def grants(
    owner: str, app: str, schema: str, database: str | None, url: str | None, *, apply_now: bool
) -> None:
    """Print what an administrator runs so that a bot may use its rows and nothing else.

    Two roles: the owner of the schema, which migrates, and the app role, which reads and
    writes rows. Pipe it into psql, or let --apply run it.
    """
    wanted = Grants(owner, app, schema, database)
    if not apply_now:
        click.echo(wanted.sql, nl=False)
        return
    asyncio.run(apply_grants(url or load_settings(Settings).url.get_secret_value(), wanted))
    click.echo(f"{owner} owns the schema {schema}, {app} may use its rows; give both a password")
