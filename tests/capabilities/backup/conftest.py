"""A chatbot store to back up, and a place for it where no database is, on each engine."""

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sqlstore.capabilities.backup import Made
from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.postgres_scratch import scratch_database
from sqlstore.stores.chatbot import Chatbot

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Chatbot]:
    """The store, with some rows."""
    async with Chatbot.open(url) as store:
        await talk(store, "web_1")
        yield store


async def talk(bot: Chatbot, session: str, turns: int = 3) -> None:
    """Two messages a turn, each turn in one transaction."""
    for turn in range(turns):
        history = [{"role": role, "parts": [{"text": f"สวัสดี {turn}"}]} for role in ("user", "model")]
        await bot.save_history(f"{session}_{turn}", history)


@pytest.fixture
async def made(bot: Chatbot, tmp_path: Path) -> Made:
    """A backup of the store, in a folder of its own."""
    return await bot.backup(folder=tmp_path / "backups")


@pytest.fixture
def sqlite_place(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'restored' / 'bot.db'}"


@pytest.fixture
async def postgres_place(postgres_url: str, postgres_server: str) -> AsyncIterator[str]:
    schema = schema_of(postgres_url)
    async with scratch_database(postgres_server) as address:
        server = urlsplit(postgres_server)
        options = f"{server.query}&" if server.query else ""
        place = server._replace(path=f"/{address.database}", query=f"{options}schema={schema}").geturl()
        assert parse(place) == replace(address, schema=schema)
        yield place


@pytest.fixture
def place(engine: str, request: pytest.FixtureRequest) -> str:
    """The URL of a place that a backup of `url` can be restored to: no file, no schema."""
    return request.getfixturevalue(f"{engine}_place")


def schema_of(url: str) -> str:
    address = parse(url)
    assert isinstance(address, PostgresAddress)
    return address.schema


def program(*arguments: object) -> list[str]:
    """A command line of `python -m sqlstore`."""
    return [sys.executable, "-m", "sqlstore", *map(str, arguments)]


def environment() -> dict[str, str]:
    """For programs: they import the sqlstore that is tested."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def visible(folder: Path) -> list[str]:
    """The names in a folder but for backups' manifests and the lock."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith((".json", ".lock")))
