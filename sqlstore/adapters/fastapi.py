"""For FastAPI: the extra `sqlstore[fastapi]`.

    provider = StoreProvider(Support.open("sqlite:///data/support.db"))  # opens nothing yet
    app = FastAPI(lifespan=lifespan(provider))  # opens at start-up, closes at shutdown
    app.include_router(health_router(provider))

    @app.get("/tickets/{ticket_id}")
    async def ticket(ticket_id: int, desk: Annotated[Support, Depends(provider)]) -> dict[str, str]:
        …

`GET /health/database` answers 200 where the database is healthy, 503 where it is not.
"""

from __future__ import annotations

from typing import Final

try:
    from fastapi import APIRouter
except ModuleNotFoundError:
    raise ImportError(
        "sqlstore.adapters.fastapi needs the package fastapi: pip install 'sqlstore[fastapi]'"
    ) from None

from sqlstore.adapters.starlette import (
    AWAY,
    HEALTH_TIMEOUT_S,
    OK,
    StoreProvider,
    StoreSource,
    health_endpoint,
    lifespan,
)

__all__ = ["ROUTER_TIMEOUT_S", "StoreProvider", "health_router", "lifespan"]

ROUTER_TIMEOUT_S: Final = HEALTH_TIMEOUT_S
"""How long an answer may take, in seconds."""


def health_router(store: StoreSource, *, timeout_s: float = ROUTER_TIMEOUT_S) -> APIRouter:
    """A router with `GET /health/database`. See health_endpoint for the parameters and the answer."""
    router = APIRouter(tags=["health"])
    router.add_api_route(
        "/health/database",
        health_endpoint(store, timeout_s=timeout_s),
        response_model=None,
        summary="Whether the database answers, takes writes and has its tables",
        responses={OK: {"description": "healthy"}, AWAY: {"description": "unhealthy, or away"}},
    )
    return router
