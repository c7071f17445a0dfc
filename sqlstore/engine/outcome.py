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


async def settled(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a task of its own, however often the caller is cancelled.

    CancelledError is raised afterwards, with the failure of the work as its cause if there was one.
    """
    task = asyncio.get_running_loop().create_task(Outcome.of(work))
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    outcome = None if task.cancelled() else task.result()
    if interruption is not None:
        raise interruption from (None if outcome is None else outcome.error)
    assert outcome is not None  # noqa: S101 - whoever cancels it is the caller
    return outcome.get()
