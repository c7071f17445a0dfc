"""Stores as dependencies of an application, and `GET /health/database` over real HTTP."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import anyio.from_thread
import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse

from sqlstore.adapters.fastapi import StoreProvider, health_router, lifespan
from sqlstore.engine.errors import Unavailable
from sqlstore.stores.support import Support
from tests.adapters.clients import TestClient
from tests.adapters.programs import ROOT, run_program
from tests.engine.postgres_support import postgres_address
from tests.engine.proxy import proxy

SECRET = "s3cr3t-canary"


@asynccontextmanager
async def served(router):
    """An HTTP client of an application with this router."""
    application = FastAPI()
    application.include_router(router)
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await serving


async def test_a_healthy_database_is_200(url, engine):
    async with Support.open(url) as desk, served(health_router(desk)) as client:
        answer = await client.get("/health/database")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()
    assert (shown["status"], shown["engine"], shown["store"]) == ("healthy", engine, "support")
    assert shown["pending"] == []
    assert shown["pool"]["limit"] >= 1


async def test_a_store_that_is_not_open_yet_is_503():
    async with served(health_router(lambda: None)) as client:
        answer = await client.get("/health/database")
    assert answer.status_code == 503
    assert answer.json()["status"] == "away"


async def test_a_file_that_is_gone_is_503_without_its_path(sqlite_url, caplog):
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    async with Support.open(sqlite_url) as desk, served(health_router(lambda: desk)) as client:
        for file in folder.glob("bot.db*"):
            file.unlink()
        answers = [await client.get("/health/database") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].json()["error"] == "CorruptDatabase"
    assert str(folder) not in answers[0].text
    told = [record for record in caplog.records if record.name == "sqlstore.adapters.starlette"]
    assert len(told) == 1  # said once, not at each probe
    assert (told[0].store, told[0].error) == ("support", "CorruptDatabase")


async def test_a_network_that_stalls_is_503_in_time_and_200_when_it_is_back(postgres_url, caplog):
    caplog.set_level(logging.INFO, "sqlstore.adapters.starlette")
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as network:
        url = (
            f"postgresql://{address.user}:{SECRET}@127.0.0.1:{network.port}/{address.database}"
            f"?schema={address.schema}&sslmode=disable"
        )
        async with Support.open(url) as desk, served(health_router(desk, timeout_s=0.6)) as client:
            assert (await client.get("/health/database")).status_code == 200
            network.stall()
            started = time.monotonic()
            away = await client.get("/health/database")
            assert time.monotonic() - started < 0.6 + 1.0  # a busy machine
            network.flow()
            back = await client.get("/health/database")
            await network.refuse()
            refused = await client.get("/health/database")
    assert (away.status_code, back.status_code, refused.status_code) == (503, 200, 503)
    for secret in (SECRET, "127.0.0.1", str(network.port), f"{address.user}@"):
        assert secret not in away.text + refused.text
    assert SECRET not in caplog.text
    assert [record.levelname for record in caplog.records if record.name.endswith("starlette")] == [
        "WARNING",
        "INFO",
        "WARNING",
    ]


async def test_the_documentation_of_the_application_names_both_answers():
    async with served(health_router(lambda: None)) as client:
        document = (await client.get("/openapi.json")).json()
    assert {"200", "503"} <= document["paths"]["/health/database"]["get"]["responses"].keys()


def test_without_fastapi_the_import_says_what_to_install():
    code = "import sys; sys.modules['fastapi'] = None; import sqlstore.adapters.fastapi"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: sqlstore.adapters.fastapi needs" in done.stderr
    assert "pip install 'sqlstore[fastapi]'" in done.stderr


def desk_application(provider):
    app = FastAPI(lifespan=lifespan(provider))
    app.include_router(health_router(provider))
    desk_of = Annotated[Support, Depends(provider)]

    @app.put("/users/{user_id}")
    async def save(user_id: int, name: str, desk: desk_of) -> str:
        return (await desk.users.save(user_id, name)).first_name

    @app.get("/users/{user_id}")
    async def user(user_id: int, desk: desk_of) -> str | None:
        found = await desk.users.get(user_id)
        return None if found is None else found.first_name

    @app.get("/in-a-thread")
    def in_a_thread(desk: desk_of) -> str:
        return anyio.from_thread.run(desk.users.get, 7).first_name

    @app.websocket("/live")
    async def live(socket: WebSocket, desk: desk_of) -> None:
        await socket.accept()
        await socket.send_text((await desk.users.get(7)).first_name)
        await socket.close()

    @app.exception_handler(Unavailable)
    async def away(_: Request, error: Unavailable) -> JSONResponse:
        return JSONResponse({"detail": "the database is away"}, 503, {"Retry-After": "5"})

    return app


def test_endpoints_are_given_the_open_store(url):
    with TestClient(desk_application(StoreProvider(Support.open(url)))) as client:
        assert client.put("/users/7", params={"name": "Ann"}).json() == "Ann"
        assert client.get("/users/7").json() == "Ann"
        assert client.get("/users/8").json() is None
        assert client.get("/health/database").json()["status"] == "healthy"
        assert client.get("/in-a-thread").json() == "Ann"
        with client.websocket_connect("/live") as socket:
            assert socket.receive_text() == "Ann"
        assert client.get("/openapi.json").json()["paths"]["/users/{user_id}"]["get"]["parameters"] == [
            {
                "name": "user_id",
                "in": "path",
                "required": True,
                "schema": {"type": "integer", "title": "User Id"},
            }
        ]  # the store is no parameter of a request


def test_a_test_may_give_another_store(sqlite_url, tmp_path):
    provider = StoreProvider(Support.open(f"sqlite:///{tmp_path}/production.db"))
    other = StoreProvider(Support.open(sqlite_url))
    app = desk_application(provider)
    app.dependency_overrides[provider] = other
    app.router.lifespan_context = lifespan(other)
    with TestClient(app) as client:
        assert client.put("/users/7", params={"name": "Ann"}).json() == "Ann"
    assert not (tmp_path / "production.db").exists()


async def test_a_database_that_goes_away_is_answered_and_comes_back(postgres_url):
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as network:
        url = (
            f"postgresql://{address.user}@127.0.0.1:{network.port}/{address.database}"
            f"?schema={address.schema}&sslmode=disable"
        )
        provider = StoreProvider(Support.open(url, timeout_s=2))
        transport = httpx.ASGITransport(desk_application(provider))
        async with provider, httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            assert (await client.put("/users/7", params={"name": "Ann"})).status_code == 200
            await network.refuse()
            away = await client.get("/users/7")
            assert (away.status_code, away.headers["retry-after"]) == (503, "5")
            await network.start()
            assert (await client.get("/users/7")).json() == "Ann"


TYPED = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.applications import Starlette

from sqlstore.adapters.fastapi import StoreProvider, health_router, lifespan
from sqlstore.stores.support import Support

provider = StoreProvider(Support.open("sqlite:///support.db"))


@asynccontextmanager
async def own(app: FastAPI) -> AsyncIterator[dict[str, int]]:
    yield {"answer": len(app.title)}


app = FastAPI(lifespan=lifespan(provider))
with_own = FastAPI(lifespan=lifespan(provider, own=own))
plain = Starlette(lifespan=lifespan(provider))
app.include_router(health_router(provider))


@app.get("/")
async def first(desk: Annotated[Support, Depends(provider)]) -> int:
    right: Support = await provider()
    wrong: int = await provider()
    provider.store.tockets
    return wrong if right is desk else 0
"""
WRONG_LINES = {
    line for line, text in enumerate(TYPED.splitlines(), 1) if "wrong:" in text or "tockets" in text
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_the_types_are_known(checker, tmp_path):
    (tmp_path / "served.py").write_text(TYPED)
    settings = {"include": ["served.py"], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    arguments = {
        "mypy": ["--strict", "--follow-imports", "silent", "--cache-dir", "cache", "served.py"],
        "basedpyright": ["--pythonpath", sys.executable],
    }
    done = subprocess.run(
        [sys.executable, "-m", checker, *arguments[checker]],
        cwd=tmp_path, env=os.environ | {"MYPYPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    wrong = {
        int(line.split(":")[1])
        for line in done.stdout.splitlines()
        if " error: " in line or " - error" in line
    }
    assert wrong == WRONG_LINES, done.stdout + done.stderr


@pytest.mark.slow
async def test_the_example_runs(url, tmp_path):
    shown = await run_program(str(ROOT / "examples" / "fastapi_app.py"), folder=tmp_path, url=url)
    assert shown.splitlines() == ["When are you open?", "404", "healthy"]
