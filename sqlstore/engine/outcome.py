"""What a task of ours ended with, kept out of its repr.

asyncio in debug mode writes down each step that takes long, with the task's repr, and
that quotes the result: rows, or a server's error that quotes one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Outcome(Generic[T]):
    """A value, or the error that came instead."""

    __slots__ = ("_error", "_value")
    _value: T

    def __init__(self) -> None:
        self._error: Exception | None = None

    @classmethod
    async def of(cls, work: Awaitable[T]) -> Outcome[T]:
        """Await it. CancelledError and their like go on."""
        outcome = cls()
        try:
            outcome._value = await work
        except Exception as error:  # noqa: BLE001 - raised by `get`
            outcome._error = error
        return outcome

    @property
    def error(self) -> Exception | None:
        """What went wrong, if anything."""
        return self._error

    def get(self) -> T:
        """The value; raises the error."""
        error = self._error
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del self, error  # the error's traceback must not lead back to it


async def run_to_its_end(
    work: Coroutine[Any, Any, T],
) -> tuple[Outcome[T] | None, asyncio.CancelledError | None]:
    """Finish work that has begun, however often the caller is cancelled meanwhile.

    Gives how it ended, None where it was cancelled itself; and the cancellation that is to be
    raised now, if there was one.
    """
    task = asyncio.get_running_loop().create_task(Outcome.of(work))
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    return None if task.cancelled() else task.result(), interruption
