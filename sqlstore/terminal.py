"""What the commands share: a progress bar, and where the database is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from sqlstore.engine.watch import OnProgress, Step

Progress = Callable[[int, int], None]

url_option = click.option(
    "--url",
    envvar="SQLSTORE_URL",
    metavar="URL",
    help="sqlite:///FILE or postgresql://…  [default: SQLSTORE_URL, .env, sqlite:///data/bot.db]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A bar on standard error if that is a terminal, nothing otherwise.

    Gives a function that takes how many are done, and of how many.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than most commands to run
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def step_bar() -> Iterator[OnProgress | None]:
    """A bar on standard error if that is a terminal, for work of several steps; None otherwise."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than most commands to run
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(step: Step, done: int, total: int | None) -> None:
            bar.update(task, description=step.capitalize(), completed=done, total=total)

        yield show
