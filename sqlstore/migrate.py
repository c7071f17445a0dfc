"""`python -m sqlstore.migrate up | status | down`: migrations from the command line.

Exit codes: 0 done; 1 a migration failed; 2 wrong usage or a wrong file; 3 migrations are
pending (`status --check`); 4 files and history contradict each other; 5 the database was
held by somebody else; 6 cannot connect; 130 and 143 after Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.connect import make_driver
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DatabaseError,
    StoreError,
    Unavailable,
)
from sqlstore.engine.resources import book_folder, migrations_folder
from sqlstore.migrations import (
    HistoryError,
    LockTimeout,
    MigrationFailed,
    MigrationSource,
    PendingMigrations,
    Reversal,
    Status,
    down,
    migrate,
    plan_down,
    status,
    status_without_database,
)
from sqlstore.migrations.display import progress, show_report, show_status

_EXIT_CODES: Final[tuple[tuple[type[StoreError], int], ...]] = (
    (MigrationFailed, 1),
    (PendingMigrations, 3),
    (HistoryError, 4),
    (LockTimeout, 5),
    (Unavailable, 6),
    (DatabaseError, 1),
)
_USAGE, _PENDING, _HISTORY, _TERMINATED, _INTERRUPTED = 2, 3, 4, 143, 130
_WAIT_STEP_S = 0.5
T = TypeVar("T")


class Target(msgspec.Struct, frozen=True):
    """Which database and which migrations a command is about, and how it answers."""

    url: str
    source: MigrationSource
    as_json: bool
    wait_s: float


def _target_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--url", envvar="SQLSTORE_URL", default="sqlite:///data/bot.db", show_default=True,
                     show_envvar=True, help="The database."),
        click.option("--store", help="Whose migrations; needed where there are several stores."),
        click.option("--migrations", type=click.Path(exists=True, file_okay=False, path_type=Path),
                     help="The folder of a store of your own; its name is the store's, unless --store says else."),
        click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0.0,
                     help="Seconds to wait for a server that does not answer yet."),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


_to = click.option("--to", type=click.IntRange(min=0), help="The version to end at.")
_steps = click.option("--steps", type=click.IntRange(min=1), help="How many migrations at most.")
_lock_wait = click.option(
    "--lock-wait", "lock_wait_s", type=click.FloatRange(min=0), default=60.0, show_default=True,
    help="Seconds to wait while somebody else migrates or writes.",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("-v", "--verbose", is_flag=True, help="Log each step to stderr.")
@click.pass_context
def main(context: click.Context, *, verbose: bool) -> None:
    """Bring a store's tables up to date, look how they stand, or take migrations back."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command()
@_target_options
@_to
@_steps
@_lock_wait
def up(to: int | None, steps: int | None, lock_wait_s: float, **options: Any) -> None:
    """Apply what is pending, each migration whole or not at all."""
    target = _target(**options)

    async def work() -> int:
        async with _open(target) as driver:
            report = await migrate(
                driver,
                target.source,
                to=to,
                steps=steps,
                lock_wait_s=lock_wait_s,
                on_event=progress(as_json=target.as_json),
            )
        show_report(report, "applied", as_json=target.as_json)
        return 0

    _run(work())


@main.command("status")
@_target_options
@click.option("--check", is_flag=True, help="Exit with 3 where migrations are pending.")
def status_command(*, check: bool, **options: Any) -> None:
    """List all migrations and how they stand. Changes nothing, creates nothing."""
    target = _target(**options)

    async def work() -> int:
        found = await _status(target)
        show_status(found, as_json=target.as_json)
        if found.problem:
            return _HISTORY
        return _PENDING if check and found.pending else 0

    _run(work())


@main.command("down")
@_target_options
@_to
@_steps
@_lock_wait
@click.option("--yes", is_flag=True, help="Do not ask.")
def down_command(to: int | None, steps: int | None, lock_wait_s: float, *, yes: bool, **options: Any) -> None:
    """Take migrations back, newest first; one where neither --to nor --steps is given.

    For development: tables are dropped with all their rows.
    """
    target = _target(**options)

    async def work() -> int:
        async with _open(target, create=False) as driver:
            reversals = await plan_down(driver, target.source, to=to, steps=steps)
            if reversals and not yes and not _confirmed(reversals):
                return _USAGE
            report = await down(
                driver,
                target.source,
                to=to,
                steps=steps,
                lock_wait_s=lock_wait_s,
                on_event=progress(as_json=target.as_json),
            )
        show_report(report, "taken back", as_json=target.as_json)
        return 0

    _run(work())


def _target(url: str, store: str | None, migrations: Path | None, wait_s: float, *, as_json: bool) -> Target:
    try:
        if migrations is not None:
            source = MigrationSource(store or migrations.resolve().name, migrations)
        else:
            store = store or _only_store()
            source = MigrationSource(store, migrations_folder(store))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    return Target(url, source, as_json, wait_s)


def _only_store() -> str:
    stores = sorted(folder.name for folder in book_folder().iterdir() if folder.is_dir())
    if len(stores) == 1:
        return stores[0]
    raise click.UsageError(f"say which store with --store: {', '.join(stores)}")


async def _status(target: Target) -> Status:
    """A file that is not there stays so."""
    address = _configured(lambda: parse(target.url))
    if isinstance(address, SqliteAddress) and address.path and not address.path.exists():
        return status_without_database(target.source, "sqlite")
    async with _open(target, create=False) as driver:
        return await status(driver, target.source)


@asynccontextmanager
async def _open(target: Target, *, create: bool = True) -> AsyncIterator[Driver]:
    driver = _configured(lambda: make_driver(target.url, create=create))
    try:
        await _connect(driver, target.wait_s)
        yield driver
    finally:
        await driver.close()


async def _connect(driver: Driver, wait_s: float) -> None:
    """Open, again and again where the server may be starting."""
    until = time.monotonic() + wait_s
    while True:
        try:
            await driver.open()
        except AuthenticationFailed:
            raise
        except ConfigurationError as error:
            raise Unavailable(str(error)) from None
        except Unavailable:
            if time.monotonic() + _WAIT_STEP_S > until:
                raise
            await asyncio.sleep(_WAIT_STEP_S)
        else:
            return


def _configured(make: Callable[[], T]) -> T:
    try:
        return make()
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


def _confirmed(reversals: list[Reversal]) -> bool:
    for reversal in reversals:
        click.echo(f"-- {reversal.version:04}_{reversal.name}\n{reversal.sql.strip()}\n", err=True)
    if not sys.stdin.isatty():
        raise click.UsageError("this may delete rows; say --yes where nobody can be asked")
    return click.confirm("Run this?", err=True)


def _run(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end and exit with the code that fits."""
    try:
        sys.exit(asyncio.run(_until_terminated(work)))
    except KeyboardInterrupt:
        click.echo("interrupted; the migration that ran was rolled back", err=True)
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        click.echo("terminated; the migration that ran was rolled back", err=True)
        sys.exit(_TERMINATED)
    except StoreError as error:
        click.echo("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), err=True)
        sys.exit(next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), _USAGE))


async def _until_terminated(work: Coroutine[Any, Any, int]) -> int:
    """SIGTERM cancels, as Ctrl-C does by itself; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def terminate() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows
        loop.add_signal_handler(signal.SIGTERM, terminate)
    return await task


if __name__ == "__main__":
    main()
