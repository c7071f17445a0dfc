"""The table `outbox_applied` of a store: which writes it has already."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Final

from sqlstore.engine import queries as named_queries
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.queries import Table
from sqlstore.engine.resources import sql_folder
from sqlstore.engine.values import Engine

_BATCH: Final = 1_000


@cache
def applied_queries(engine: Engine) -> Table:
    """The queries of sql/outbox_applied."""
    return named_queries.load(sql_folder("outbox_applied"), engine, {}, store="outbox").table("applied")


async def remember(executor: Executor, record_id: str) -> bool:
    """Note a write in the transaction that makes it; False where it was made before."""
    noted: int = await executor.call(applied_queries(executor.engine).remember, record_id, now())
    return noted > 0


async def forget(driver: Driver, days: float) -> int:
    """Forget the writes of so many days ago; how many."""
    before, total = now() - timedelta(days=days), 0
    while (forgotten := await driver.call(applied_queries(driver.engine).forget, before, _BATCH)) > 0:
        total += forgotten
    return total
