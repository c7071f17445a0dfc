"""The store that a command works on: named by `--store`, or told by the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from sqlstore.config import Settings, load_settings
from sqlstore.engine.connect import make_driver
from sqlstore.engine.errors import ConfigurationError, StatementError
from sqlstore.store import Store
from sqlstore.stores import load_store

store_option = click.option(
    "--store",
    metavar="NAME",
    help="Whose tables; needed where the database holds several stores, or one of your own (module:Class).",
)


@asynccontextmanager
async def opened_store(url: str | None, store: str | None) -> AsyncIterator[Store]:
    """The store, open; a missing database is not made.

    url: None means SQLSTORE_URL. store: None means the one that the database holds.
    Raises ConfigurationError where that cannot be told, and what `Store.open` raises.
    """
    settings = load_settings(Settings)
    address = url or settings.url.get_secret_value()
    kind = load_store(store or await _only_store(address))
    async with kind.open(
        address, create=False, migrate=settings.migrate, timeout_s=settings.timeout_s
    ) as opened:
        yield opened


async def _only_store(url: str) -> str:
    names = await _stores(url)
    if len(names) == 1:
        return names[0]
    found = f"it holds {', '.join(names)}" if names else "it holds no store yet"
    raise ConfigurationError(f"say which store with --store: {found}")


async def _stores(url: str) -> list[str]:
    """The stores that the database's book of migrations names."""
    driver = make_driver(url, create=False)
    try:
        await driver.open()
        return [
            name for (name,) in await driver.fetch("SELECT DISTINCT store FROM migrations ORDER BY store")
        ]
    except StatementError:
        return []
    finally:
        await driver.close()
