"""The index follows the tables: rows that were changed are noted by triggers, and indexed here.

Words are made in Python, the same for both databases, and handed to one statement
that puts a batch in. Nothing here needs a transaction of its own: each change of a row
has a mark, words of a text that was changed meanwhile are not taken, and so any number
of processes may do the same at once.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Sequence
from functools import cache
from typing import Final, cast

import msgspec

from sqlstore.capabilities.search import rows
from sqlstore.capabilities.search.rows import SearchState, Waiting
from sqlstore.capabilities.search.segment import INDEX_VERSION, segment
from sqlstore.engine import queries as named_queries
from sqlstore.engine.driver import Executor
from sqlstore.engine.queries import Table
from sqlstore.engine.resources import sql_folder
from sqlstore.engine.values import Engine

INDEXED_BYTES: Final = 256 * 1024
"""How much of a text is searched, in bytes of UTF-8: PostgreSQL takes 1 MB of words a row."""
BATCH_ROWS: Final = 200
"""Pending rows that are read and indexed together."""
EXTENDED_ROWS: Final = 1000
"""Older rows that are let in at once."""
OFF: Final = ""
"""The version of an index that is switched off."""
_Utf8Decoder: Final = codecs.getincrementaldecoder("utf-8")
_LARGEST_ENTRY_BYTES: Final = 900_000
_STATEMENT_BYTES: Final = 1_000_000


@cache
def index_queries(engine: Engine) -> Table:
    """The queries of sql/search."""
    kinds = {name: kind for name, kind in vars(rows).items() if isinstance(kind, type)}
    return named_queries.load(sql_folder("search"), engine, kinds, store="search").table("index")


def is_current(version: str) -> bool:
    """Whether the words of an index are those that this process makes."""
    return version == INDEX_VERSION


def is_older(version: str) -> bool:
    """Whether an index is of an older version than this process's: its numbers are smaller, from the left."""
    return _numbers(version) < _numbers(INDEX_VERSION)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def indexed_part(text: str | bytes) -> str:
    """What of a text is searched: the first INDEXED_BYTES, of bytes that are no UTF-8 a substitute."""
    if isinstance(text, str) and len(text) <= INDEXED_BYTES // 4:
        return text
    data = text.encode(errors="replace") if isinstance(text, str) else text
    return _Utf8Decoder("replace").decode(data[:INDEXED_BYTES])  # leaves out a character that is cut


async def states(executor: Executor) -> list[SearchState]:
    """How far the index of each table is."""
    return cast("list[SearchState]", await executor.call(index_queries(executor.engine).states))


async def restart(executor: Executor, source: str, seen: str, *, off: bool = False) -> bool:
    """Empty the index of a table, to be made anew or to be off; False where another process was first.

    seen: its version until now.
    """
    query = index_queries(executor.engine).restart
    return bool(await executor.call(query, source, seen, OFF if off else INDEX_VERSION))


async def extend(executor: Executor, source: str) -> bool:
    """Let the next older rows of a table in; False where none is left."""
    query = index_queries(executor.engine).extend
    return bool(await executor.call(query, source, INDEX_VERSION, EXTENDED_ROWS))


async def waiting(executor: Executor, source: str, limit: int) -> list[Waiting]:
    """Rows of a table that are pending, the newest first; one without an id where none is."""
    query = index_queries(executor.engine).waiting
    return cast("list[Waiting]", await executor.call(query, source, INDEXED_BYTES, limit))


async def index_pending(executor: Executor, source: str) -> int:
    """Index the newest of the rows that are pending; gives how many were read.

    0 too where search is switched off, or the index is of another version.
    """
    pending = await waiting(executor, source, BATCH_ROWS)
    if not pending or pending[0].id is None or not is_current(pending[0].version):
        return 0
    query = index_queries(executor.engine).enter
    for entries in await asyncio.to_thread(_entries, pending, executor.engine):
        await executor.call(query, source, INDEX_VERSION, entries)
    return len(pending)


def _entries(pending: Sequence[Waiting], engine: Engine) -> list[str]:
    """What is put into the index: JSON arrays that are not too large for one statement."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for row in pending:
        if size > _STATEMENT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(_entry(row, engine))
        size += len(parts[-1][-1])
    return [f"[{b','.join(part).decode()}]" for part in parts]


def _entry(row: Waiting, engine: Engine) -> bytes:
    body, stem = entry_words(row.text, engine) if row.text else (None, None)
    old_body, old_stem = entry_words(row.old_text, engine) if row.old_text else (None, None)
    return msgspec.json.encode(
        {
            "id": row.id, "mark": row.mark, "body": body, "stem": stem, "scope": row.scope,
            "old_body": old_body, "old_stem": old_stem, "old_scope": row.old_scope,
        }
    )  # fmt: skip


def entry_words(text: bytes, engine: Engine) -> tuple[str, str]:
    """The words of a text and their stems, each once, with spaces between."""
    tokens = segment(indexed_part(text))
    # See sqlite_search; on PostgreSQL a prefix costs less than what these would add to each row.
    characters = tokens.characters if engine == "sqlite" else []
    body, stems = dict.fromkeys(tokens.body + characters), dict.fromkeys(tokens.stems)
    if len(text) > INDEXED_BYTES // 2:
        return _joined([*body], _LARGEST_ENTRY_BYTES // 2), _joined([*stems], _LARGEST_ENTRY_BYTES // 2)
    return " ".join(body), " ".join(stems)


def _joined(words: Sequence[str], limit: int) -> str:
    """Words with spaces between, of at most so many bytes together."""
    joined = " ".join(words)
    if len(joined.encode()) <= limit:
        return joined
    return joined.encode()[:limit].decode(errors="ignore").rpartition(" ")[0]
