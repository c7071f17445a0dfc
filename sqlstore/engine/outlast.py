"""Work that is finished once it has begun, whatever happens to the task that waits for it.

A task of its own would do that too, at the price of two more rounds of the event loop a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _End:
    """The end of a future, waited for as a future itself: cancelling that does nothing to the other.

    Anything with `_asyncio_future_blocking` is a future to asyncio:
    https://docs.python.org/3/library/asyncio-future.html#asyncio.isfuture
    """

    __slots__ = ("_asyncio_future_blocking", "_future")

    def __init__(self, future: asyncio.Future[object]) -> None:
        self._asyncio_future_blocking = True  # as `await` leaves it; the task that waits takes it back
        self._future = future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._future.get_loop()

    def add_done_callback(self, callback: Callable[[_End], object], **options: Any) -> None:
        self._future.add_done_callback(lambda _: callback(self), **options)

    def result(self) -> None:
        """Nothing: how the other ended is told to those who wait for it."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - as a future has it
        """False: the task hears of its cancellation when it goes on."""
        return False


@coroutine
def outlast(work: Coroutine[asyncio.Future[object], None, T]) -> Generator[_End, None, T]:
    """Finish work that has begun, even when the caller is cancelled meanwhile, any number of times.

    Raises CancelledError then, once the work has ended, with a note of how it ended. The work
    must not set a timeout of its own: that would be such a cancellation.
    """
    interruption: asyncio.CancelledError | None = None
    try:
        while True:
            waited = work.send(None)
            try:
                yield _End(waited)
            except asyncio.CancelledError as error:
                interruption = error
    except StopIteration as end:
        if interruption is None:
            return end.value  # type: ignore[no-any-return]
        how = "was completed before this cancellation was passed on"
    except asyncio.CancelledError:
        if interruption is None:
            raise
        how = "was cancelled too: it is written, or it is not"
    except Exception as error:
        if interruption is None:
            raise
        how = f"had failed by then: {type(error).__name__}"
    interruption.add_note(f"what was under way {how}")
    raise interruption
