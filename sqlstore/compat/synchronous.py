"""Calls without `await` into code that needs one: a thread with an event loop of its own.

    portal = SynchronousPortal(Service, name="…")
    rows = portal.call(lambda service: service.load(), timeout_s=30)

Any number of threads may call. The thread starts at the first call and again
after `stop`. It is stopped before a fork, so that parent and child both begin
anew and no open database is carried over, and when the interpreter exits.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlstore.engine import unclosed  # noqa: F401 - what it does at the exit comes after what is done here
from sqlstore.engine.errors import OutcomeUnknown, Unavailable

T = TypeVar("T")
STOP_S: Final = 2.0
"""How long `stop` waits for what runs, in seconds."""
EXIT_S: Final = 0.8
"""How long the interpreter's exit waits for what runs, in seconds."""


class Service(Protocol):
    """What lives in the thread."""

    async def close(self) -> None:
        """Let go of everything; called once, in the thread."""


ServiceType = TypeVar("ServiceType", bound=Service)


class SynchronousPortal(Generic[ServiceType]):
    """The way into the thread. Made once, at import: it stays registered until the exit.

    make_service: called at each start of the thread; does no I/O and does not fail.
    """

    def __init__(self, make_service: Callable[[], ServiceType], *, name: str) -> None:
        self._make_service = make_service
        self._name = name
        self._lock = threading.Lock()
        self._running: _LoopThread[ServiceType] | None = None
        self._exiting = False
        atexit.register(self._exit)
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork,
            after_in_child=self._after_fork,
        )

    def call(self, work: Callable[[ServiceType], Awaitable[T]], *, timeout_s: float) -> T:
        """Run `work` in the thread, wait, and give its answer or raise its error.

        Raises OutcomeUnknown when there is no answer after timeout_s seconds or the
        thread is stopped meanwhile (the work is cancelled), Unavailable when the
        interpreter exits, RuntimeError when called from the thread itself.
        """
        future = self._submit(work)
        try:
            error = future.exception(timeout_s)
        except TimeoutError:
            future.cancel()
            raise OutcomeUnknown(f"no answer within {timeout_s:g} s; the call was cancelled") from None
        except concurrent.futures.CancelledError:
            raise OutcomeUnknown("the database was closed while the call was running") from None
        except BaseException:  # Ctrl-C
            future.cancel()
            raise
        if error is not None:
            raise error
        return future.result()

    def stop(self, *, timeout_s: float = STOP_S) -> None:
        """Finish what runs and end the thread; the next call starts it again."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop(timeout_s)

    def _submit(self, work: Callable[[ServiceType], Awaitable[T]]) -> concurrent.futures.Future[T]:
        if self._running is not None and self._running.is_current():
            raise RuntimeError(f"called from the thread {self._name!r} itself, which would wait for ever")
        with self._lock:
            if self._exiting:
                raise Unavailable("the interpreter is exiting; the database is closed")
            if self._running is None:
                self._running = _LoopThread(self._make_service(), self._name)
            return self._running.submit(work)

    def _exit(self) -> None:
        with self._lock:
            self._exiting = True
        self.stop(timeout_s=EXIT_S)

    def _before_fork(self) -> None:
        self._lock.acquire()
        running, self._running = self._running, None
        if running is not None:
            running.stop(STOP_S)

    def _after_fork(self) -> None:
        self._lock.release()


class _LoopThread(Generic[ServiceType]):
    """One life of the thread. A daemon: it never keeps the interpreter from exiting."""

    def __init__(self, service: ServiceType, name: str) -> None:
        self._service = service
        self._calls: set[concurrent.futures.Future[Any]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[ServiceType], Awaitable[T]]) -> concurrent.futures.Future[T]:
        async def answer() -> T:
            return await work(self._service)

        future = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return future

    def stop(self, timeout_s: float) -> None:
        """Half of the time is for the calls that run, the rest for the service and the thread."""
        until = time.monotonic() + timeout_s
        concurrent.futures.wait(self._calls.copy(), timeout_s / 2)
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        asyncio.run(self._serve())  # at the end it cancels the calls that still run

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()
        await self._stopping.wait()
        await self._service.close()
