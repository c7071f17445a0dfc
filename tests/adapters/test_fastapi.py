"""`GET /health/database` over real HTTP."""

import asyncio
import logging
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from sqlstore.adapters.fastapi import health_router
from sqlstore.stores.support import Support
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
    told = [record for record in caplog.records if record.name == "sqlstore.adapters.fastapi"]
    assert len(told) == 1  # said once, not at each probe
    assert (told[0].store, told[0].error) == ("support", "CorruptDatabase")


async def test_a_network_that_stalls_is_503_in_time_and_200_when_it_is_back(postgres_url, caplog):
    caplog.set_level(logging.INFO, "sqlstore.adapters.fastapi")
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
    assert [record.levelname for record in caplog.records if record.name.endswith("fastapi")] == [
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
