"""For FastAPI: the extra `sqlstore[fastapi]`.

    app = FastAPI(lifespan=…)                      # opens the store: app.state.desk = …
    app.include_router(health_router(lambda: getattr(app.state, "desk", None)))

`GET /health/database` answers 200 where the database is healthy, 503 where it is not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from sqlstore.capabilities.health import Health, OpenStore, database_health_check

try:
    from fastapi import APIRouter, Response
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.fastapi needs the package fastapi: pip install 'sqlstore[fastapi]'"
    ) from None

ROUTER_TIMEOUT_S: Final = 2.0
"""How long an answer may take, in seconds: less than probes wait that are set to 3 s or more."""
_OK, _AWAY = 200, 503

_log = logging.getLogger(__name__)


def health_router(
    store: OpenStore | Callable[[], OpenStore | None], *, timeout_s: float = ROUTER_TIMEOUT_S
) -> APIRouter:
    """A router with `GET /health/database`.

    - store: an open store, or a function that gives it, for one that is opened later; while
      it gives None the answer is 503.
    - timeout_s: how long the database may take to answer, in seconds.

    The answer is a `Health` without `problem`, which may name hosts and paths: that goes
    to the log, as a warning, when it changes.
    """
    router = APIRouter(tags=["health"])
    told: list[str | None] = [None]

    @router.get(
        "/health/database",
        summary="Whether the database answers, takes writes and has its tables",
        responses={_OK: {"description": "healthy"}, _AWAY: {"description": "unhealthy, or away"}},
    )
    async def health_database() -> Response:
        found = store() if callable(store) else store
        if found is None:
            return _answer(b'{"status":"away","error":"NotOpen"}', _AWAY)
        health = await database_health_check(found, timeout_s=timeout_s)
        if health.problem != told[0]:
            told[0] = health.problem
            _tell(health)
        shown = msgspec.json.encode(msgspec.structs.replace(health, problem=None))
        return _answer(shown, _OK if health.status == "healthy" else _AWAY)

    return router


def _answer(body: bytes, status: int) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


def _tell(health: Health) -> None:
    extra = {"store": health.store, "error": health.error}
    if health.problem is None:
        _log.info("the database of %s is healthy again", health.store, extra=extra)
    else:
        _log.warning("the database of %s is %s: %s", health.store, health.status, health.problem, extra=extra)
