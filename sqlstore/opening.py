"""The store that a command works on: named by `--store`, or told by the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

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
async def opened_store(
    url: str | None, store: str | None, *, timezone: str | None = None
) -> AsyncIterator[Store]:
    """The store, open; a missing database is not made.

    url: None means SQLSTORE_URL. store: None means the one that the database holds.
    timezone: None means SQLSTORE_TIMEZONE. Raises ConfigurationError where that cannot be told, and what `Store.open` raises.
    """
    settings = load_settings(Settings)
    address = url or settings.url.get_secret_value()
    kind = load_store(store or await _only_store(address))
    async with kind.open(
        address,
        create=False,
        migrate=settings.migrate,
        timeout_s=settings.timeout_s,
        timezone=timezone or settings.timezone,
    ) as opened:
        yield opened


@asynccontextmanager
async def creating_store(url: str | None, store: str | None, default: str) -> AsyncIterator[Store]:
    """The store, open; a missing database is made, with its tables.

    store: None means `default`. Raises ConfigurationError where the database holds other stores
    only, and none was named.
    """
    settings = load_settings(Settings)
    address = url or settings.url.get_secret_value()
    names = await _stores(address, create=True)
    if store is None and names and default not in names:
        raise ConfigurationError(
            f"the database holds {', '.join(names)}, and this is of {default}; "
            f"name another database, or have both in it with --store {default}"
        )
    kind = load_store(store or default)
    async with kind.open(address, migrate=settings.migrate, timeout_s=settings.timeout_s) as opened:
        yield opened


async def two_stores(
    stack: AsyncExitStack, source: str, target: str, store: str | None, *, create: bool
) -> tuple[Store, Store]:
    """A store in two databases, open until the stack ends; the source stays as it is.

    create: make the target where it is missing, and migrate it. Raises as `opened_store` does.
    """
    settings = load_settings(Settings)
    kind = load_store(store or await _only_store(source))
    opened = [
        await stack.enter_async_context(
            kind.open(address, create=make, migrate=make, timeout_s=settings.timeout_s)
        )
        for address, make in ((source, False), (target, create))
    ]
    return opened[0], opened[1]


async def _only_store(url: str) -> str:
    names = await _stores(url)
    if len(names) == 1:
        return names[0]
    found = f"it holds {', '.join(names)}" if names else "it holds no store yet"
    raise ConfigurationError(f"say which store with --store: {found}")


async def _stores(url: str, *, create: bool = False) -> list[str]:
    """The stores that the database's book of migrations names."""
    driver = make_driver(url, create=create)
    try:
        await driver.open()
        return [
            name for (name,) in await driver.fetch("SELECT DISTINCT store FROM migrations ORDER BY store")
        ]
    except StatementError:
        return []
    finally:
        await driver.close()
