"""An open state store on each engine."""

from collections.abc import AsyncIterator

import pytest

from sqlstore.stores.state import State


@pytest.fixture
async def state(url: str) -> AsyncIterator[State]:
    """The store, on each engine in turn."""
    async with State.open(url) as store:
        yield store
