"""Which database and which migrations a command is about: its options, and the open database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Driver
from sqlstore.engine.durations import parse_duration
from sqlstore.engine.errors import AuthenticationFailed, ConfigurationError, Unavailable
from sqlstore.engine.resources import book_folder, migrations_folder
from sqlstore.migrate.running import configured
from sqlstore.migrations import MigrationSource
from sqlstore.stores import STORES

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0
Command = Callable[..., None]


def duration(text: str) -> float:
    """Seconds, from `30`, `30s`, `500ms` or `2m`."""
    seconds = parse_duration(text)
    if seconds is None:
        raise click.BadParameter(f"{text!r} is no duration; write 30, 30s, 500ms or 2m")
    return seconds


class Target(msgspec.Struct, frozen=True):
    """The database, the migrations, and whether to answer in JSON."""

    url: str
    source: MigrationSource
    as_json: bool
    wait_s: float


def source_options(command: Command) -> Command:
    """Options of a command that needs no database: whose migrations, and --json."""
    options = (
        click.option("--store", help="Whose migrations; needed where there are several stores."),
        click.option("--migrations", type=click.Path(file_okay=False, path_type=Path),
                     help="The folder of a store of your own; its name is the store's, unless --store says else."),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def database_options(command: Command) -> Command:
    """Options of a command that opens a database."""
    url = click.option("--url", envvar="SQLSTORE_URL", default="sqlite:///data/bot.db", show_default=True,
                       show_envvar=True, help="The database.")  # fmt: skip
    wait = click.option("--wait", "wait_s", type=duration, default="0", metavar="DURATION",
                        help="How long to wait for a server that does not answer yet: 30, 30s, 2m.")  # fmt: skip
    return url(wait(command))


def target_options(command: Command) -> Command:
    """Options of a command about a store in a database."""
    return database_options(source_options(command))


lock_wait_option = click.option(
    "--lock-wait", "lock_wait_s", type=duration, default="60s", metavar="DURATION", show_default=True,
    help="How long to wait while somebody else migrates or writes.",
)  # fmt: skip


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def make_target(
    url: str, store: str | None, migrations: Path | None, wait_s: float, *, as_json: bool
) -> Target:
    """From the values of `target_options`."""
    return Target(url, make_source(store, migrations), as_json, wait_s)


def make_source(store: str | None, migrations: Path | None) -> MigrationSource:
    """From the values of `source_options`."""
    if migrations is not None:
        return configured(lambda: MigrationSource(store or migrations.resolve().name, migrations))
    if store is None:
        raise click.UsageError(f"say which store with --store: {', '.join(sorted(STORES))}")
    return configured(lambda: MigrationSource(store, migrations_folder(store)))


def make_sources(store: str | None, migrations: Path | None) -> list[MigrationSource]:
    """From the values of `source_options`; of every store there is where none is named."""
    if store is None and migrations is None:
        return [make_source(name, None) for name in _stores()]
    return [make_source(store, migrations)]


def _stores() -> list[str]:
    """The outbox has migrations too."""
    return sorted(folder.name for folder in book_folder().iterdir() if folder.is_dir())


@asynccontextmanager
async def opened(target: Target, *, create: bool = True) -> AsyncIterator[Driver]:
    """The target's database, open; create: whether a missing SQLite file is made."""
    async with opened_database(target.url, target.wait_s, create=create) as driver:
        yield driver


@asynccontextmanager
async def opened_database(
    url: str, wait_s: float, *, create: bool = False, read_only: bool = False
) -> AsyncIterator[Driver]:
    """The database, open, from the values of `database_options`.

    read_only: for a command that only looks; a SQLite file may then be one that cannot be written.
    """
    driver = await _connected(url, wait_s, create=create, read_only=read_only)
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def looked_at(target: Target) -> AsyncIterator[Driver]:
    """The database for reading; an empty one in memory for a SQLite file that is not there, and stays so."""
    address = configured(lambda: parse(target.url))
    if isinstance(address, SqliteAddress) and address.path and not address.path.exists():
        target = msgspec.structs.replace(target, url="sqlite://:memory:")
    async with opened_database(target.url, target.wait_s, read_only=True) as driver:
        yield driver


async def _connected(url: str, wait_s: float, *, create: bool, read_only: bool) -> Driver:
    """An open driver; a server that may be starting is asked again and again."""
    until = time.monotonic() + wait_s
    pause_s = _FIRST_WAIT_S
    while True:
        driver = configured(lambda: make_driver(url, create=create, read_only=read_only))
        try:
            await driver.open()
        except AuthenticationFailed:
            raise
        except ConfigurationError as error:
            raise Unavailable(str(error)) from None
        except Unavailable:
            if (left_s := until - time.monotonic()) <= 0:
                raise
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(_LONGEST_WAIT_S, pause_s * 2)
        else:
            return driver
