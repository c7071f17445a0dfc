"""What happens in an open database, told to the log and to whoever observes it.

An `Observer` is given to `Store.open(url, observers=[…])`. It is called in the event
loop, after the fact, with names and numbers, never with a value: it must not block.

Who observes nothing pays nothing: only an executor that is watched has a `call` of its
own, which hides its class's. Drivers report what takes time anyway: a connection that
is made, a wait, a second try.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

import msgspec

from sqlstore.engine.vitals import Backlog

if TYPE_CHECKING:
    from sqlstore.engine.driver import Driver, Executor, Statement

T = TypeVar("T")

_log = logging.getLogger(__name__)
_MANY: Final = ("many", "stream")

CacheOutcome = Literal["hit", "miss", "error", "skipped"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a named query that has ended.

    - store, query: `support` and `messages.append`; source: `sql/support/messages.sql:12`.
    - seconds: from the call to its answer. waiting_s: how much of that went by before it
      ran: for the writer, a lock, or a connection to be free or made.
    - rows: what it gave, or how many it changed (`:changed`); 0 after an error.
    - error: name of the error's class, such as "UniqueViolation"; None where all went well.
    - retries: how often it was sent again because the first time certainly did nothing.
    """

    store: str
    query: str
    source: str
    seconds: float
    waiting_s: float
    rows: int
    error: str | None = None
    retries: int = 0


class CacheUse(msgspec.Struct, frozen=True, kw_only=True):
    """A call that looked into the cache and has ended.

    - outcome: "hit", the cache had the answer; "miss", it had none that is still true; "error", it
      failed, or took too long; "skipped", it was not asked because it failed before.
    - seconds: how long it was waited for, all in all. error: name of the error's class.
    """

    outcome: CacheOutcome
    seconds: float
    error: str | None = None


class Outbox(Protocol):
    """What an observer may ask of an outbox, from any thread."""

    def backlog(self) -> Backlog:
        """How much waits."""


class Observer:
    """Is told what happens. Override what you want to know; the rest does nothing.

    What an observer raises is logged and goes no further.
    """

    def opened(self, store: str, driver: Driver) -> None:
        """A store was opened. Hold the driver by a weak reference; ask for its `load()` when you like."""

    def connected(self, store: str) -> None:
        """A connection to the database was made."""

    def called(self, call: Call) -> None:
        """A call of a named query has ended."""

    def spooling(self, store: str, outbox: Outbox) -> None:
        """A store was opened with an outbox. Hold it by a weak reference."""

    def transaction_retried(self, store: str, error: str) -> None:
        """`run` begins again after an error of this class."""

    def cache_used(self, store: str, use: CacheUse) -> None:
        """A call looked into the cache."""


class _Timing:
    """What the driver adds to the call that runs now."""

    __slots__ = ("retries", "waiting_s")

    def __init__(self) -> None:
        self.waiting_s = 0.0
        self.retries = 0


_timing: ContextVar[_Timing | None] = ContextVar("sqlstore_timing", default=None)


def note_waiting(seconds: float) -> None:
    """The call that runs now waited that long."""
    timing = _timing.get()
    if timing is not None:
        timing.waiting_s += seconds


class Reporter:
    """Tells the log, and the observers of one store, what happens in its database.

    store: its name; None for a driver that no store uses.
    """

    def __init__(self, store: str | None = None, observers: Sequence[Observer] = ()) -> None:
        self.store = store
        self.observers = tuple(observers)

    def watch(self, executor: Executor) -> None:
        """Measure each call of a driver or transaction, if anybody observes."""
        if self.observers:
            executor.__dict__.update(
                call=self._watched(executor.call, _rows_of),
                call_many=self._watched(executor.call_many, _rows_changed),
            )

    def opened(self, driver: Driver) -> None:
        """The store was opened."""
        self._tell(lambda observer: observer.opened(self.store or "", driver))

    def spooling(self, outbox: Outbox) -> None:
        """The store has an outbox."""
        self._tell(lambda observer: observer.spooling(self.store or "", outbox))

    def connected(self, place: str, seconds: float) -> None:
        """A connection was made. place: which server or file."""
        extra = {"store": self.store, "database": place, "duration_ms": milliseconds(seconds)}
        _log.debug("connected to %s in %.1f ms", place, seconds * 1000, extra=extra)
        self._tell(lambda observer: observer.connected(self.store or ""))

    def lost(self, error: Exception) -> None:
        """The server is gone, or takes no more writes: every connection will be made anew."""
        kind = type(error).__name__
        extra = error_fields(self.store, error)
        _log.warning("connections to the database are dropped and made anew (%s)", kind, extra=extra)

    def call_retried(self, error: Exception) -> None:
        """A call runs again on another connection, because it certainly did nothing on this one."""
        kind = type(error).__name__
        _log.debug("a call runs again (%s)", kind, extra=error_fields(self.store, error))
        timing = _timing.get()
        if timing is not None:
            timing.retries += 1

    def transaction_retried(self, attempt: int, error: Exception) -> None:
        """A whole transaction runs again. attempt: how often it has run."""
        kind = type(error).__name__
        extra = {**error_fields(self.store, error), "attempt": attempt}
        _log.debug("the transaction runs again after try %d (%s)", attempt, kind, extra=extra)
        self._tell(lambda observer: observer.transaction_retried(self.store or "", kind))

    def cache_used(self, use: CacheUse) -> None:
        """A call looked into the cache."""
        self._tell(lambda observer: observer.cache_used(self.store or "", use))

    def _watched(
        self, call: Callable[..., Awaitable[T]], count: Callable[[Statement[Any], Any], int]
    ) -> Callable[..., Awaitable[T]]:
        @functools.wraps(call)
        async def watched(statement: Statement[Any], *arguments: object) -> T:
            timing = _Timing()
            token = _timing.set(timing)
            rows, error = 0, None
            started = time.perf_counter()
            try:
                answer = await call(statement, *arguments)
                rows = count(statement, answer)
            except BaseException as raised:
                error = type(raised).__name__
                raise
            else:
                return answer
            finally:
                seconds = time.perf_counter() - started
                _timing.reset(token)
                self._tell_call(statement, timing, seconds, rows, error)

        return watched

    def _tell_call(
        self, statement: Statement[Any], timing: _Timing, seconds: float, rows: int, error: str | None
    ) -> None:
        store, _, query = statement.name.partition(".")
        call = Call(
            store=self.store or store,
            query=query,
            source=statement.source,
            seconds=seconds,
            waiting_s=min(timing.waiting_s, seconds),
            rows=rows,
            error=error,
            retries=timing.retries,
        )
        self._tell(lambda observer: observer.called(call))

    def _tell(self, what: Callable[[Observer], None]) -> None:
        for observer in self.observers:
            try:
                what(observer)
            except Exception as error:  # noqa: BLE001 - whoever looks on must not break what is looked at
                extra = error_fields(self.store, error)
                kind = type(observer).__name__
                _log.error("the observer %s failed: %s", kind, extra["error"], extra=extra)


NOBODY: Final = Reporter()
"""For a driver that no store uses, and nobody observes."""


def error_fields(store: str | None, error: Exception | None) -> dict[str, str | None]:
    """The fields of a log record about an error: store, query (`support.messages.append`), error."""
    return {
        "store": store,
        "query": getattr(error, "query", None),
        "error": None if error is None else type(error).__name__,
    }


def milliseconds(seconds: float) -> float:
    """As log records have it: `duration_ms`, to the microsecond."""
    return round(seconds * 1000, 3)


def _rows_of(statement: Statement[Any], answer: Any) -> int:
    if statement.kind in _MANY:
        return len(answer)
    if statement.kind == "changed":
        return int(answer)
    return 0 if answer is None else 1


def _rows_changed(_: Statement[Any], changed: Any) -> int:
    return int(changed)
