"""What a task of ours ended with, kept out of its repr.

asyncio in debug mode writes down each step that takes long, with the task's repr, and
that quotes the result: rows, or a server's error that quotes one.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Generic, TypeVar

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
