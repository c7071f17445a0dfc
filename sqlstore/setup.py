"""`python -m sqlstore setup`: the first start of a store; its tables are made, or its connection tried."""

from __future__ import annotations

import asyncio

import click
import msgspec

from sqlstore.capabilities.cache import CacheHealth, check_cache
from sqlstore.capabilities.cache.settings import environment_cache
from sqlstore.config import ConversationsSettings, load_settings
from sqlstore.engine.address import parse
from sqlstore.engine.connect import make_driver
from sqlstore.stores import load_store
from sqlstore.terminal import json_option


@click.command()
@click.option(
    "--url",
    envvar="SQLSTORE_URL",
    metavar="URL",
    help="The database.  [default: SQLSTORE_URL, else POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD]",
)
@click.option("--store", default="conversations", show_default=True, metavar="NAME", help="Whose tables.")
@click.option("--test", "only_test", is_flag=True, help="Only try the connection.")
@click.option("--info", "only_info", is_flag=True, help="Only show the settings.")
@json_option
def setup(url: str | None, store: str, *, only_test: bool, only_info: bool, as_json: bool) -> None:
    """Make the tables of a store, or bring them up to date; running it again changes nothing.

    With SQLSTORE_CACHE=1 it names the cache, and tries it too: one that is away is told, and is no error.

    Exit codes: 0 done; 2 wrong settings; 6 cannot connect.
    """  # fmt: skip
    kind = load_store(store)
    address = url or load_settings(ConversationsSettings).url.get_secret_value()
    shown = parse(address).shown
    cache = environment_cache()

    async def connect() -> CacheHealth | None:
        driver = make_driver(address, create=not only_test)
        try:
            await driver.open()
            await driver.fetch("SELECT 1")
        finally:
            await driver.close()
        return None if cache is None else await check_cache(cache)

    async def make() -> CacheHealth | None:
        async with kind.open(address) as opened:
            return None if opened.cache is None else await opened.cache.check()

    found: CacheHealth | None = None
    if only_info:
        done = "settings"
    elif only_test:
        found = asyncio.run(connect())
        done = "connected"
    else:
        found = asyncio.run(make())
        done = "ready"
    if as_json:
        answer = {"store": store, "database": shown, "state": done}
        told = None if cache is None else {"place": cache.shown, "health": found}
        click.echo(msgspec.json.encode(answer | {"cache": told}))
        return
    click.echo(f"{store}: {done}, {shown}")
    if cache is not None:
        click.echo(f"cache: {cache.shown}" + ("" if found is None else f", {found.sentence}"))
