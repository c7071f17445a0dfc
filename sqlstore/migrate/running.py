"""How a command runs: to its end, or to a signal; and the exit code that says how it went."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import click

from sqlstore.engine.errors import ConfigurationError, DatabaseError, StoreError, Unavailable
from sqlstore.migrations import HistoryError, LockTimeout, MigrationFailed, PendingMigrations
from sqlstore.terminal import until_terminated

T = TypeVar("T")

DONE, FAILED, USAGE, PENDING, HISTORY, LOCKED, NO_CONNECTION = range(7)
_INTERRUPTED, _TERMINATED = 130, 143
_EXIT_CODES: Final[tuple[tuple[type[StoreError], int], ...]] = (
    (MigrationFailed, FAILED),
    (PendingMigrations, PENDING),
    (HistoryError, HISTORY),
    (LockTimeout, LOCKED),
    (Unavailable, NO_CONNECTION),
    (DatabaseError, FAILED),
)


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run to the end and exit with the code that fits."""
    try:
        sys.exit(asyncio.run(until_terminated(work)))
    except KeyboardInterrupt:
        click.echo("interrupted; the migration that ran was rolled back", err=True)
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        click.echo("terminated; the migration that ran was rolled back", err=True)
        sys.exit(_TERMINATED)
    except StoreError as error:
        click.echo("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), err=True)
        sys.exit(next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), USAGE))


def configured(make: Callable[[], T]) -> T:
    """What it makes; a wrong setting is wrong usage."""
    try:
        return make()
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
