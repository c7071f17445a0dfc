"""Calls of a framework from elsewhere than the store's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlstore.engine.outcome import Outcome

T = TypeVar("T")


async def in_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Run it in the loop of an open store, whichever loop its caller is in.

    Raises RuntimeError where that loop does not run any more.
    """
    if asyncio.get_running_loop() is loop:
        return await work
    if not loop.is_running():
        work.close()
        raise RuntimeError("the event loop in which the store was opened does not run any more")
    answer = asyncio.run_coroutine_threadsafe(Outcome.of(work), loop)
    return (await asyncio.wrap_future(answer)).get()


def from_thread(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], instead: str) -> T:
    """Run it in the loop of an open store and wait, from a thread that has no part in that loop.

    instead: the method to await inside the loop. Raises asyncio.InvalidStateError there, where
    waiting would never end, and RuntimeError where that loop does not run any more.
    """
    try:
        inside = asyncio.get_running_loop() is loop
    except RuntimeError:
        inside = False
    if inside or not loop.is_running():
        work.close()
        if inside:
            raise asyncio.InvalidStateError(
                f"this call would block the event loop of its own database; use `await {instead}`, "
                "or call from another thread, such as with `asyncio.to_thread`"
            )
        raise RuntimeError(f"the event loop in which the store was opened has ended; use `await {instead}`")
    return asyncio.run_coroutine_threadsafe(Outcome.of(work), loop).result().get()
