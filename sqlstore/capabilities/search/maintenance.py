"""What is done to an index as a whole: brought up to date, made anew, compared with the texts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from sqlstore.capabilities.search.indexing import (
    BATCH_ROWS,
    entry_words,
    extend,
    index_pending,
    index_queries,
    restart,
    states,
    waiting,
)
from sqlstore.capabilities.search.rows import SearchText, SearchWord
from sqlstore.engine.driver import Driver
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.values import Engine

_PAGE_ROWS: Final = 500
_COUNTED_EVERY_S: Final = 1.0


class Verdict(msgspec.Struct, frozen=True):
    """What `verify` found of a table's index.

    - rows: how many rows the index should know; words: how many different words they have.
    - missing: words that stand in fewer rows than they should; superfluous: in more.
    - pending: rows that are written and not indexed yet: with any, what differs may be theirs.
    """

    table: str
    rows: int
    words: int
    missing: int
    superfluous: int
    pending: int

    @property
    def agrees(self) -> bool:
        """Whether the index holds exactly the words of the texts."""
        return not self.missing and not self.superfluous


async def catch_up(driver: Driver, table: str) -> bool:
    """Do the next part of the work on a table's index; False where nothing was left to do."""
    if await index_pending(driver, table) == BATCH_ROWS:
        return True
    return await extend(driver, table)


async def complete(driver: Driver, tables: Sequence[str], on_progress: OnProgress) -> None:
    """Index everything that is not indexed yet.

    on_progress: called with how many rows are done, and of how many.
    """
    total = await _left(driver, tables)
    counted = time.monotonic()
    for table in tables:
        while await catch_up(driver, table):
            if time.monotonic() - counted > _COUNTED_EVERY_S:  # counting reads all that is left
                left = await _left(driver, tables)
                total = max(total, left)
                on_progress(total - left, total)
                counted = time.monotonic()
    on_progress(total, total)


async def rebuild(driver: Driver, tables: Sequence[str], on_progress: OnProgress) -> None:
    """Empty the indexes of these tables and make them anew; searches go on, and may miss older rows meanwhile."""
    for state in await states(driver):
        if state.source in tables:
            await restart(driver, state.source, state.version)
    await complete(driver, tables, on_progress)


async def verify(driver: Driver, table: str) -> Verdict:
    """Compare an index with the texts: in how many rows does each word stand?

    Reads every text, and keeps every word in memory. Rows written meanwhile count as
    differences; `pending` tells.
    """
    query = index_queries(driver.engine)
    expected: Counter[tuple[str, str]] = Counter()
    rows, after = 0, None
    while True:
        page = cast("list[SearchText]", await driver.call(query.texts, table, after, _PAGE_ROWS))
        expected.update(await asyncio.to_thread(_words_of, page, driver.engine))
        rows += len(page)
        if len(page) < _PAGE_ROWS:
            break
        after = page[-1].id
    found = cast("list[SearchWord]", await driver.call(query.words, table))
    actual = Counter({(word.column, word.word): word.number for word in found})
    pending = [row for row in await waiting(driver, table, 1) if row.id is not None]
    return Verdict(table, rows, len(expected), len(expected - actual), len(actual - expected), len(pending))


def _words_of(page: Sequence[SearchText], engine: Engine) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    for row in page:
        if not row.text:
            continue  # nothing of it is indexed, nor whose it is
        body, stem = entry_words(row.text.encode(errors="surrogatepass"), engine)
        for column, words in (("body", body), ("stem", stem), ("scope", row.scope)):
            counted.update((column, word) for word in words.split())
    return counted


async def _left(driver: Driver, tables: Sequence[str]) -> int:
    query = index_queries(driver.engine).left
    return sum([cast("int", await driver.call(query, table)) for table in tables])
