"""The conformance suite: every driver passes it unchanged."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ledger_store import Ledger


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, empty."""
    if request.param == "memory":
        return "sqlite://:memory:"
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    async with Ledger.open(database_url) as store:
        yield store
