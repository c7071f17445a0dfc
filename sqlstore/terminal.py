"""What the commands share: a progress bar, and where the database is."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sqlstore.engine.durations import parse_duration
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.watch import OnStep, Step

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

T = TypeVar("T")

url_option = click.option(
    "--url",
    envvar="SQLSTORE_URL",
    metavar="URL",
    help="sqlite:///FILE or postgresql://…  [default: SQLSTORE_URL, .env, sqlite:///data/bot.db]",
)
timezone_option = click.option(
    "--timezone",
    metavar="NAME",
    help="Whose days to count, such as Asia/Bangkok.  [default: SQLSTORE_TIMEZONE, .env, UTC]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")


class Duration(click.ParamType[timedelta]):
    """`30s`, `15m`, `12h`, `7d`, `2w`; the unit must be said."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """A number and its unit."""
        if isinstance(value, timedelta):
            return value
        seconds = parse_duration(value) if value[-1:].isalpha() else None
        if seconds is None:
            self.fail("is no duration; write it like 30s, 15m, 12h or 7d", param, ctx)
        try:
            return timedelta(seconds=seconds)
        except OverflowError:
            self.fail("is longer than there ever was", param, ctx)


@contextmanager
def progress_bar(title: str) -> Iterator[OnProgress]:
    """A bar on standard error if that is a terminal, nothing otherwise.

    Gives a function that takes how many are done, and of how many.
    """
    with _bar() as bar:
        if bar is None:
            yield lambda _done, _total: None
            return
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def step_bar() -> Iterator[OnStep | None]:
    """The same for work of several steps, whose names it shows; None where there is no terminal."""
    with _bar() as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task("", total=None)

        def show(step: Step, done: int, total: int | None) -> None:
            bar.update(task, description=step.capitalize(), completed=done, total=total)

        yield show


@contextmanager
def _bar() -> Iterator[Bar | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than most commands to run
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        yield bar


async def until_terminated(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM cancels, as Ctrl-C does by itself; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def terminate() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows
        loop.add_signal_handler(signal.SIGTERM, terminate)
    return await task
