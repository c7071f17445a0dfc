"""Long work: how far it is, for whoever looks on, and how it is stopped when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Literal, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Step = Literal[
    "waiting", "copying", "counting", "checking", "restoring", "indexing", "vacuuming", "analyzing"
]
OnStep: TypeAlias = Callable[[Step, int, int | None], None]
"""Told the step, how much of it is done, and of how much (None where nobody knows).

It may be called from another thread, and must not take long."""


class Stopped(Exception):
    """The caller was cancelled; the work ends here."""


class Watch:
    """Over one piece of work. on_progress: None tells nobody."""

    def __init__(self, on_progress: OnStep | None = None) -> None:
        self._on_progress = on_progress
        self._stopped = threading.Event()

    def tell(self, step: Step, done: int = 0, total: int | None = None) -> None:
        """Say how far it is. Raises Stopped when the work is to end."""
        if self._stopped.is_set():
            raise Stopped
        if self._on_progress is not None:
            self._on_progress(step, done, total)

    def is_stopped(self) -> bool:
        """Whether the work is to end; for SQLite's progress handler."""
        return self._stopped.is_set()

    async def in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do blocking work in a thread. A cancelled caller stops it, and hears so once it has ended."""
        task = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
        interruption: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError as error:
                interruption = error
                self._stopped.set()
            except Exception:  # noqa: BLE001, S110 - it is the task's, and given below
                pass
        if interruption is not None:
            task.exception()  # looked at, or asyncio complains that nobody did
            raise interruption
        return task.result()
