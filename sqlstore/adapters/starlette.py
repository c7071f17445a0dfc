"""For Starlette, and what stands on it: the extra `sqlstore[starlette]`; FastAPI has one of its own.

    desk = StoreProvider(Support.open("sqlite:///data/support.db"))  # opens nothing yet
    app = Starlette(
        routes=[Route("/health/database", health_endpoint(desk))],
        lifespan=lifespan(desk),  # opens at start-up, closes at shutdown
    )
    … await desk.store.tickets.get(7) …

Each process that serves the application opens the store for itself.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, overload

import msgspec

from sqlstore.capabilities.health import Health, OpenStore, database_health_check
from sqlstore.engine.errors import UsageError
from sqlstore.open_options import Opening
from sqlstore.store import Store

try:
    from starlette.requests import Request
    from starlette.responses import Response
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.starlette needs the package starlette: pip install 'sqlstore[starlette]'"
    ) from None

HEALTH_TIMEOUT_S: Final = 2.0
"""How long an answer may take, in seconds: less than probes wait that are set to 3 s or more."""
OK: Final = 200
AWAY: Final = 503

S = TypeVar("S", bound=Store)
App_contra = TypeVar("App_contra", contravariant=True)
Own_co = TypeVar("Own_co", covariant=True)
_log = logging.getLogger(__name__)


class StoreProvider(Generic[S]):
    """A store that is open while an application runs; `async with` it, or give it to `lifespan`.

    - opening: what `Store.open(…)` gives. Nothing is opened before the application starts, so a
      provider may be made where the module is imported, and forked with it.

    Awaited as a function it gives the open store: `Depends(provider)`.
    """

    def __init__(self, opening: Opening[S]) -> None:
        self._opening = opening
        self._entered = False
        self._store: S | None = None

    @property
    def opened(self) -> S | None:
        """The open store; None before the application has started, and after it has ended."""
        return self._store

    @property
    def store(self) -> S:
        """The open store. Raises UsageError where it is not open."""
        if self._store is None:
            raise UsageError(
                "the store is not open, because the application's lifespan did not run: give the outermost "
                "application `lifespan=lifespan(provider)`, and in tests use `with TestClient(app)` or "
                "`async with provider`"
            )
        return self._store

    async def __call__(self) -> S:
        """The open store, for `Depends`. Raises UsageError where it is not open."""
        return self.store

    async def __aenter__(self) -> S:
        """Open it. Raises UsageError where it is open, and what `Store.open` raises."""
        if self._entered:
            raise UsageError("this provider's store is open already; make one for each application")
        self._entered = True
        try:
            self._store = await self._opening
        except BaseException:
            self._entered = False
            raise
        return self._store

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        store, self._store, self._entered = self._store, None, False
        if store is not None:
            await store.close()


StoreSource: TypeAlias = OpenStore | StoreProvider[Any] | Callable[[], OpenStore | None]
"""A store, or where to find it once it is open."""


class Lifespan(Protocol[App_contra, Own_co]):
    """What Starlette and FastAPI take as `lifespan=`."""

    def __call__(self, app: App_contra, /) -> AbstractAsyncContextManager[Own_co]:
        """A block in which the application runs."""


@overload
def lifespan(*providers: StoreProvider[Any]) -> Lifespan[object, None]: ...


@overload
def lifespan(
    *providers: StoreProvider[Any], own: Lifespan[App_contra, Own_co]
) -> Lifespan[App_contra, Own_co]: ...


def lifespan(
    *providers: StoreProvider[Any], own: Lifespan[App_contra, Any] | None = None
) -> Lifespan[App_contra, Any]:
    """A lifespan that opens these stores one after the other, and closes them in the opposite order.

    - own: a lifespan of yours, for which they are open from its first line to its last; what it
      yields goes on to the requests.

    Where a store cannot be opened, those before it are closed, and the application does not start.
    """

    @asynccontextmanager
    async def run(app: App_contra) -> AsyncGenerator[Any, None]:
        async with AsyncExitStack() as opened:
            for provider in providers:
                await opened.enter_async_context(provider)
            yield None if own is None else await opened.enter_async_context(own(app))

    return run


def health_endpoint(
    store: StoreSource, *, timeout_s: float = HEALTH_TIMEOUT_S
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that says whether the database is well: 200, or 503 where it is not.

    - store: an open store, a provider, or a function that gives one; while there is none the
      answer is 503.
    - timeout_s: how long the database may take to answer, in seconds.

    The answer is a `Health` without `problem`, which may name hosts and paths: that goes
    to the log, as a warning, when it changes.
    """
    told: list[str | None] = [None]

    async def health_database(_request: Request) -> Response:
        found = _found(store)
        if found is None:
            return _answer(b'{"status":"away","error":"NotOpen"}', AWAY)
        health = await database_health_check(found, timeout_s=timeout_s)
        if health.problem != told[0]:
            told[0] = health.problem
            _tell(health)
        shown = msgspec.json.encode(msgspec.structs.replace(health, problem=None))
        return _answer(shown, OK if health.status == "healthy" else AWAY)

    return health_database


def _found(store: StoreSource) -> OpenStore | None:
    if isinstance(store, StoreProvider):
        return store.opened
    return store() if callable(store) else store


def _answer(body: bytes, status: int) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


def _tell(health: Health) -> None:
    extra = {"store": health.store, "error": health.error}
    if health.problem is None:
        _log.info("the database of %s is healthy again", health.store, extra=extra)
    else:
        _log.warning("the database of %s is %s: %s", health.store, health.status, health.problem, extra=extra)
