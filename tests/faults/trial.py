"""One call with something going wrong in it, and what must be true afterwards."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlstore.engine.errors import OutcomeUnknown, StoreError
from sqlstore.store import Store
from sqlstore.stores import load_store
from tests.people import by_hand, contents

from .calls import Call, Known, prepare

Rows = dict[str, list[tuple[Any, ...]]]
Change = dict[str, tuple[Any, ...]]
_BUSY = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE application_name = 'sqlstore' AND state <> 'idle' AND pid <> pg_backend_pid()"
)
_MADE_ANEW = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+|'[0-9A-Fa-f]{32,64}'|\d+")
"""Numbers, times, ids and hashes: they differ between two calls that do the same."""

SEVERAL_TRANSACTIONS = {
    "chatbot.get_or_create_history": "keeps that the user came by, then reads",
}
"""What may have written although it raises: the write is a whole one of its own."""


@dataclass
class Trial:
    """A call that is about to be made, and the rows that are there before.

    good: what the call changes when nothing goes wrong.
    """

    call: Call
    store: Store
    known: Known
    before: Rows

    @classmethod
    async def begin(cls, call: Call, store: Store) -> "Trial":
        known = await prepare(store)
        return cls(call, store, call.arguments(known), await stored(store))

    async def run(self) -> Any:
        return await self.call.run(self.store, self.known)

    async def change(self, reader: Store) -> Change:
        """What is different now, as far as two runs can be compared."""
        return difference(self.before, await stored(reader))


async def stored(store: Store) -> Rows:
    """Every row but those of the search index, which follows by itself."""
    return {table: rows for table, rows in (await contents(store)).items() if "search" not in table}


def difference(before: Rows, after: Rows) -> Change:
    """Rows that went and rows that came, table by table, without what is made anew each time."""
    change = {}
    for table in before:
        gone, come = Counter(before[table]), Counter(after[table])
        rows = (
            sorted(map(masked, (gone - come).elements())),
            sorted(map(masked, (come - gone).elements())),
        )
        if any(rows):
            change[table] = rows
    return change


def masked(row: object) -> str:
    return _MADE_ANEW.sub("#", str(row))


def judge(call: Call, where: str, outcome: object, change: Change, good: Change) -> None:
    """The rules: what returns is written, what raises is not, and nothing is ever written by half."""
    name = f"{call}, {where}: {outcome!r}"
    assert change in ({}, good), f"{name} left neither the rows of before nor those of after: {change}"
    if not isinstance(outcome, BaseException):
        assert change == good, f"{name} returned, and wrote nothing"
        return
    assert isinstance(outcome, StoreError), f"{name} is not one of our errors"
    if not isinstance(outcome, OutcomeUnknown) and str(call) not in SEVERAL_TRANSACTIONS:
        assert change == {}, f"{name} said that nothing was written: {change}"


@asynccontextmanager
async def quiet_store(name: str, url: str, **options: Any) -> AsyncIterator[Store]:
    """A store that does nothing by itself."""
    async with load_store(name).open(url, **options) as store:
        if store._keeper is not None:  # `state` has nothing to search
            await store._keeper.stop()
            store._keeper = None
        yield store


async def nothing_runs(store: Store) -> bool:
    """Whether no session of ours is busy, or in a transaction, on the PostgreSQL server."""
    return not await store.driver.fetch(_BUSY)


async def empty(store: Store) -> None:
    """Delete every row, children first."""
    for table in reversed([*store.tables]):
        await by_hand(store, f"DELETE FROM {table}")
