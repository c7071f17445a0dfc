"""Writers that go on through any fault, and what must be true of what they were told.

Each writes entry after entry, see `diary`. An entry whose outcome is not known is written again
under its own key until it is; one that was refused is left, and must not be there afterwards.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlstore.engine.errors import Conflict, DatabaseError, OutcomeUnknown, Unavailable
from sqlstore.stores.conversations import Conversations
from tests.engine.postgres_support import until_true

from .diary import SHARED, begin, read_entries, write_entry

WRITERS = 6
AWAY: tuple[type[DatabaseError], ...] = (Unavailable, Conflict)
"""What a call may be refused with while a server goes and comes."""
_PAUSE_S = 0.02
_AGAIN_S = 30.0
"""How long writing may take to go on by itself, in the tests that measure nothing."""


@dataclass
class Load:
    """What the writers were told.

    acknowledged: when, on time.monotonic()'s clock. refused: nothing was written of these. errors: by class.
    """

    acknowledged: dict[str, float] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)

    async def goes_on(self, limit_s: float = _AGAIN_S) -> float:
        """Wait until something that is written from now on is acknowledged; how long that took, in seconds."""
        started = time.monotonic()
        async with asyncio.timeout(limit_s):
            while not self.acknowledged or max(self.acknowledged.values()) < started:
                await asyncio.sleep(0.002)
        return time.monotonic() - started

    def gap(self, since: float) -> tuple[float, float]:
        """Begin and end of the longest time without an acknowledgement since then."""
        moments = [since, *sorted(at for at in self.acknowledged.values() if at > since)]
        return max(itertools.pairwise(moments), key=lambda pair: pair[1] - pair[0])

    async def check(self, store: Conversations, *, lost: int = 0) -> set[str]:
        """See that what is stored is what was said; the keys that are there. lost: how many may be."""
        entries = await read_entries(store)
        assert len(self.acknowledged.keys() - entries) <= lost, "acknowledged, and not there"
        assert not self.refused & entries, "refused, and there"
        return entries

    def __str__(self) -> str:
        errors = ", ".join(f"{number} {name}" for name, number in sorted(self.errors.items())) or "no errors"
        return f"{len(self.acknowledged)} acknowledged, {errors}"


@asynccontextmanager
async def under_load(
    store: Conversations, *, name: str = "w", refusals: tuple[type[DatabaseError], ...] = AWAY
) -> AsyncIterator[Load]:
    """Writers run for the block, and must have gone on by themselves before they are stopped.

    refusals: what a call may raise besides OutcomeUnknown; any other error fails the test.
    """
    await begin(store)
    load = Load()
    tasks = [
        asyncio.create_task(_keep_writing(store, f"{name}{number}", load, refusals))
        for number in range(WRITERS)
    ]
    try:
        await load.goes_on()
        yield load
        await load.goes_on()
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def finds_new_words(store: Conversations, word: str) -> None:
    """What the store does by itself, the index of its search, goes on too."""
    message = await store.messages.append(SHARED, "user", word)

    async def found() -> bool:
        return [hit.row.id for hit in (await store.messages.search(word)).hits] == [message.id]

    await until_true(found, _AGAIN_S)


async def _keep_writing(
    store: Conversations, prefix: str, load: Load, refusals: tuple[type[DatabaseError], ...]
) -> None:
    for number in itertools.count(1):
        key = f"{prefix}.{number}"
        is_known = True
        while True:
            try:
                await write_entry(store, key, number)
            except OutcomeUnknown:
                load.errors["OutcomeUnknown"] += 1
                is_known = False
            except refusals as error:
                load.errors[type(error).__name__] += 1
                if is_known:
                    load.refused.add(key)
                    await asyncio.sleep(_PAUSE_S)
                    break
            else:
                load.acknowledged[key] = time.monotonic()
                break
            await asyncio.sleep(_PAUSE_S)
