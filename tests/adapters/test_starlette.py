"""Stores that are open while an application of Starlette runs, and what is said where they are not."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from sqlstore.adapters.starlette import StoreProvider, health_endpoint, lifespan
from sqlstore.engine.errors import ConfigurationError, StoreError, UsageError
from sqlstore.stores.lessons import Lessons, SessionState
from sqlstore.stores.support import Support
from tests.adapters.clients import TestClient
from tests.adapters.programs import ROOT, import_error


async def people(desk):
    """How many of Ann there are."""
    return int(await desk.users.get(7) is not None)


def application(desk, **options):
    async def endpoint(request):
        return JSONResponse({"count": await people(desk.store), "own": request.state._state})

    return Starlette(routes=[Route("/", endpoint), Route("/health", health_endpoint(desk))], **options)


def test_a_store_is_open_from_start_up_to_shutdown(url):
    desk = StoreProvider(Support.open(url))
    for _ in range(2):  # it may start again
        assert desk.opened is None
        with TestClient(application(desk, lifespan=lifespan(desk))) as client:
            assert client.get("/").json() == {"count": 0, "own": {}}
            assert client.get("/health").json()["status"] == "healthy"
            store = desk.store
        assert desk.opened is None
        with pytest.raises(StoreError, match="closed"):
            asyncio.run(store.users.get(7))


def test_a_lifespan_of_ones_own_runs_inside_and_its_state_goes_on(url):
    desk, order = StoreProvider(Support.open(url)), []

    @asynccontextmanager
    async def own(app):
        assert isinstance(app, Starlette)
        await desk.store.users.save(7, "Ann")
        order.append("started")
        yield {"greeting": "hello"}
        order.append(f"{await people(desk.store)} at the end")

    with TestClient(application(desk, lifespan=lifespan(desk, own=own))) as client:
        assert client.get("/").json() == {"count": 1, "own": {"greeting": "hello"}}
    assert order == ["started", "1 at the end"]


def test_a_lifespan_of_ones_own_may_open_it_too(url):
    desk = StoreProvider(Support.open(url))

    @asynccontextmanager
    async def own(_app):
        async with desk as opened:
            assert opened is desk.store
            yield

    with TestClient(application(desk, lifespan=own)) as client:
        assert client.get("/").json()["count"] == 0
    assert desk.opened is None


async def test_several_stores_in_one_application(url, tmp_path):
    desk = StoreProvider(Support.open(url))
    school = StoreProvider(Lessons.open(f"sqlite:///{tmp_path}/lessons.db"))
    async with lifespan(desk, school)(object()):
        await school.store.save_session(SessionState("7"))
        assert await school.store.load_session("7") is not None
        assert await desk.store.users.get(7) is None
    assert desk.opened is school.opened is None


async def test_where_one_cannot_be_opened_those_before_it_are_closed(sqlite_url):
    desk = StoreProvider(Support.open(sqlite_url))
    missing = StoreProvider(Lessons.open(sqlite_url + "2", create=False))
    with pytest.raises(ConfigurationError):
        async with lifespan(desk, missing)(object()):
            pytest.fail("it started")
    assert desk.opened is missing.opened is None
    async with desk:  # it may be tried again
        assert desk.opened is not None


async def test_without_its_lifespan_it_says_what_to_do(sqlite_url):
    desk = StoreProvider(Support.open(sqlite_url))
    app = application(desk, lifespan=lifespan(desk))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
        with pytest.raises(UsageError, match=r"lifespan=lifespan\(provider\).*async with provider"):
            await client.get("/")
        away = await client.get("/health")
        assert (away.status_code, away.json()) == (503, {"status": "away", "error": "NotOpen"})
        async with desk:
            assert (await client.get("/")).json()["count"] == 0
    with pytest.raises(UsageError, match="lifespan did not run"):
        await desk()


async def test_it_is_open_once(sqlite_url):
    desk = StoreProvider(Support.open(sqlite_url))
    async with desk:
        with pytest.raises(UsageError, match="make one for each application"):
            await desk.__aenter__()
        assert await desk.store.users.get(7) is None


def test_a_mounted_application_uses_the_store_of_the_outermost(sqlite_url):
    desk = StoreProvider(Support.open(sqlite_url))
    outermost = Starlette(routes=[Mount("/inside", application(desk))], lifespan=lifespan(desk))
    with TestClient(outermost) as client:
        assert client.get("/inside/").json()["count"] == 0


PROGRAM = """
import os
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from sqlstore.adapters.starlette import StoreProvider, lifespan
from sqlstore.stores.support import Support

desk = StoreProvider(Support.open(os.environ["SQLSTORE_URL"], timeout_s=5))


async def count(request):
    await desk.store.users.save(os.getpid(), "worker")
    parent = await desk.store.users.get(int(request.query_params.get("other", 0)))
    return JSONResponse({"pid": os.getpid(), "knows_other": parent is not None})


app = Starlette(routes=[Route("/", count)], lifespan=lifespan(desk))
"""


def uvicorn(folder, url, *options):
    (folder / "served.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "served:app", "--log-level", "warning", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SQLSTORE_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
def test_each_worker_of_uvicorn_opens_the_store_and_closes_it(url, tmp_path):
    port = free_port()
    server = uvicorn(tmp_path, url, "--port", str(port), "--workers", "2")
    try:
        seen, until = {}, time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < until:
            try:  # a connection each, for the workers to take turns
                other = next(iter(seen), 0)
                answer = httpx.get(f"http://127.0.0.1:{port}/?other={other}", timeout=10).json()
                seen[answer["pid"]] = answer["knows_other"]
            except httpx.TransportError:
                time.sleep(0.1)
        assert len(seen) == 2
        assert list(seen.values())[1]  # they share the database
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert "Traceback" not in errors, errors
    assert "never closed" not in errors


@pytest.mark.slow
def test_a_database_that_is_away_ends_the_start_and_says_so(tmp_path):
    port = free_port()
    url = f"postgresql://bot:s3cr3t-canary@127.0.0.1:{port}/bots"
    server = uvicorn(tmp_path, url, "--port", str(free_port()))
    _, errors = server.communicate(timeout=60)
    assert server.returncode == 3
    assert re.search(r"Unavailable: .*127\.0\.0\.1", errors), errors
    assert "Application startup failed" in errors
    assert "s3cr3t-canary" not in errors


async def test_without_starlette_it_says_what_to_install():
    shown = await import_error("sqlstore.adapters.starlette", "starlette")
    assert "needs the package starlette: pip install 'sqlstore[starlette]'" in shown
