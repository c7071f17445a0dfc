"""Searching a table: what the index gives, what is still pending, ranked and highlighted.

    MESSAGES = Searchable("messages", Message, text=..., moment=..., scopes={"chat_id": "c"})

The index gives candidates, the newest first, and may give too many: it knows which words a
text has, not their order. Each is compared with the query itself, so both databases give the
same answer. Rows that are not indexed yet are compared as they are; a search writes nothing
unless many are pending, and nothing at all inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar, cast
from uuid import UUID

import msgspec

from sqlstore.capabilities.search.grammar import matches, matches_runs, parse
from sqlstore.capabilities.search.indexing import (
    BATCH_ROWS,
    OFF,
    index_pending,
    indexed_part,
    is_current,
    waiting,
)
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.ranking import score_runs, snippet
from sqlstore.capabilities.search.rows import EVERYTHING, Found, Waiting
from sqlstore.capabilities.search.segment import spaced
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver, Executor
from sqlstore.engine.errors import DatabaseError, InvalidValue, UsageError
from sqlstore.engine.queries import Table
from sqlstore.engine.repository import Repository
from sqlstore.engine.search_terms import SearchQuery, SearchTerm, is_exact
from sqlstore.engine.values import checked, integer, text

R = TypeVar("R", bound=msgspec.Struct)
Order = Literal["relevance", "newest"]
Owner = int | str | UUID
_Match: TypeAlias = tuple[R, str]
"""A row and its text's spaced runs (`segment.spaced`)."""

RANKED_ROWS: Final = 200
"""How many hits are ranked: the newest."""
MOST_HITS: Final = 200
"""The most hits that a search gives; `before` gives older ones."""
MOST_PENDING: Final = 100
"""How many pending rows a search compares by itself; with more, they are indexed first."""
MOST_PENDING_HELD: Final = 5_000
"""The same inside a transaction, where a search writes nothing."""
MOST_CANDIDATES: Final = 20_000
"""How many rows of the index a search looks at."""
_LONGEST_OWNER: Final = 1_022
"""Longest id of an owner, in bytes: a word of the index has two letters for each, and PostgreSQL takes 2046."""
_CATCH_UP_BATCHES: Final = 25
_LAST: Final = 2**63 - 1


class SearchIsOff(UsageError):
    """The database keeps no index; see `Store.open`."""


class SearchHit(msgspec.Struct, Generic[R], frozen=True):
    """A row that a search found.

    - score: how well it fits, the higher the better; only compared within one answer.
    - snippet: the part of its text around what was found.
    - highlights: where in the snippet the words are, as (start, end), for snippet[start:end].
    - cut: whether the text is longer than what is searched, its first INDEXED_BYTES bytes.
    """

    row: R
    score: float
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    cut: bool = False


class SearchResult(msgspec.Struct, Generic[R], frozen=True):
    """What a search found, the best or the newest first.

    complete: False while older rows are still being indexed, or where more is pending than
    a search looks at: then there may be hits that are not here.
    """

    hits: tuple[SearchHit[R], ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Searchable(Generic[R]):
    """A table that is searched.

    - table: its name; row: the row type that its query `by_keys` gives.
    - text: what of a row is searched, as in the view search_texts. moment: when it was written.
    - key: the row's integer that orders the table.
    - scopes: the letter before the owner's id in the index, by parameter name.
    """

    table: str
    row: type[R]
    text: Callable[[R], str | None]
    moment: Callable[[R], datetime | None]
    key: Callable[[R], int]
    scopes: Mapping[str, str]


class SearchableRepository(Repository, Generic[R]):
    """A repository whose table is searched; its queries are `hits` and `by_keys`."""

    searchable: ClassVar[Searchable[Any]]

    async def _search(
        self, words: str, *, limit: int, before: int | None, order: Order, **owners: Owner | None
    ) -> SearchResult[R]:
        """Search the table, or what belongs to the owners that are not None."""
        self._check_search(words, limit, before, order)
        given = {name: owner for name, owner in owners.items() if owner is not None}
        for name, owner in given.items():
            checked(_owner, owner, name, self._q.hits.name)
        search = Search(self._executor, self._q, self.searchable, parse(words), given)
        return await search.run(min(limit, MOST_HITS), _LAST if before is None else before, order)

    def _check_search(self, words: object, limit: object, before: object, order: object) -> None:
        """Raise InvalidValue, naming the parameter, before any I/O."""
        query = self._q.hits.name
        _check(isinstance(words, str), "must be text", "words", query)
        _check(order in ("relevance", "newest"), "must be relevance or newest", "order", query)
        _check(type(limit) is int and limit > 0, "must be an integer, at least 1", "limit", query)
        if before is not None:
            checked(integer, before, "before", query)

    async def _candidates(self, terms: SearchTerm, most: int) -> list[R]:
        """The newest rows of whose text the terms may hold: what the index gives, and all that are pending.

        [] where search is switched off.
        """
        search: Search[R] = Search(self._executor, self._q, self.searchable, SearchQuery(terms), {})
        return await search.candidates(most)


def _check(holds: bool, reason: str, parameter: str, query: str) -> None:
    if not holds:
        raise InvalidValue(reason, parameter=parameter, query=query)


def _owner(value: object) -> Owner:
    """An owner's id, as a column can hold it."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        if len(text(value).encode()) > _LONGEST_OWNER:
            raise InvalidValue(f"is longer than {_LONGEST_OWNER} bytes, which no id is")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return integer(value)
    raise InvalidValue("must be an id")


def owner_word(letter: str, owner: Owner) -> str:
    """How the index knows an owner: letters and digits only, as the view search_texts makes them."""
    if isinstance(owner, UUID):
        return letter + owner.hex
    if isinstance(owner, str):
        return letter + owner.encode(errors="surrogatepass").hex()
    return letter + str(int(owner)).replace("-", "n")


class Search(Generic[R]):
    """One search, run once."""

    def __init__(
        self,
        executor: Executor,
        queries: Table,
        source: Searchable[R],
        query: SearchQuery,
        owners: Mapping[str, Owner],
    ) -> None:
        self._executor = executor
        self._queries = queries
        self._source = source
        self._query = query
        self._owners = owners
        self._scope = [owner_word(source.scopes[name], owner) for name, owner in owners.items()]

    async def run(self, limit: int, before: int, order: Order) -> SearchResult[R]:
        """The best or the newest hits, and whether they are all there can be."""
        if self._query.terms is None:
            return SearchResult(())
        wanted = limit if order == "newest" else max(limit, RANKED_ROWS)
        rows, complete = await self._rows(self._query.terms, wanted, before)
        moment = now()
        scored = [(self._score(row, runs, moment), self._source.key(row), row) for row, runs in rows]
        if order == "relevance":
            scored.sort(reverse=True)  # no two rows have the same key
        return SearchResult(tuple(self._hit(row, score) for score, _, row in scored[:limit]), complete)

    async def candidates(self, most: int) -> list[R]:
        """The newest rows that the index gives, and those that are pending, compared with nothing."""
        assert self._query.terms is not None  # noqa: S101 - for the type checker
        try:
            pending, _ = await self._pending()
        except SearchIsOff:
            return []
        match = self._executor.match_text(self._query.terms, self._scope)
        found: list[Found] = await self._executor.call(self._queries.hits, match, _LAST, most)
        keys = {hit.id for hit in found} | {cast("int", row.id) for row in pending if row.text is not None}
        return await self._read(keys)

    async def _rows(self, terms: SearchTerm, wanted: int, before: int) -> tuple[list[_Match[R]], bool]:
        """The newest rows that match, newest first, and whether none can be missing among them."""
        pending, complete = await self._pending()
        trusted = complete and is_exact(terms)
        fresh = sorted((key for key in self._fresh(pending) if key < before), reverse=True)
        known = {row.id for row in pending}
        match = self._executor.match_text(terms, self._scope)
        rows: list[_Match[R]] = []
        looked_at = 0
        page = wanted
        while True:
            found: list[Found] = await self._executor.call(self._queries.hits, match, before, page)
            last = len(found) < page
            end = -(2**63) if last else found[-1].id
            keys = {hit.id for hit in found if hit.id not in known}
            keys.update(key for key in fresh if end <= key < before)
            rows += await self._matching(keys, trusted=trusted)
            looked_at += page
            if last or len(rows) >= wanted:
                return rows[:wanted], complete
            if looked_at >= MOST_CANDIDATES:
                return rows, False
            before, page = end, min(2 * page, 1_000)

    async def _pending(self) -> tuple[list[Waiting], bool]:
        """Rows that the index does not know as they are now, and whether it knows all others."""
        held = not isinstance(self._executor, Driver)
        most = MOST_PENDING_HELD if held else MOST_PENDING
        pending = await waiting(self._executor, self._source.table, most + 1)
        if not pending or pending[0].version == OFF:
            raise SearchIsOff("search is switched off in this database; open the store with search=True")
        if len(pending) > most and not held:
            await self._catch_up()
            pending = await waiting(self._executor, self._source.table, most + 1)
        state = pending[0]
        complete = is_current(state.version) and state.indexed_from == EVERYTHING and len(pending) <= most
        return [row for row in pending if row.id is not None], complete

    async def _catch_up(self) -> None:
        """Index what is pending, up to a bound; where that cannot be done, the answer says what it lacks."""
        with suppress(DatabaseError):
            for _ in range(_CATCH_UP_BATCHES):
                if await index_pending(self._executor, self._source.table) < BATCH_ROWS:
                    break

    def _fresh(self, pending: Iterable[Waiting]) -> Iterable[int]:
        """The pending rows that match as they are now."""
        for row in pending:
            owners = (row.scope or "").split()
            if (
                row.text is not None
                and all(owner in owners for owner in self._scope)
                and matches(self._query, indexed_part(row.text))
            ):
                yield cast("int", row.id)

    async def _matching(self, keys: Iterable[int], *, trusted: bool) -> list[_Match[R]]:
        """Of these rows those that match, newest first; trusted: the index could tell by itself."""
        found = [(row, spaced(normalize(self._text(row)))) for row in await self._read(keys)]
        return found if trusted else [match for match in found if matches_runs(self._query, match[1])]

    async def _read(self, keys: Iterable[int]) -> list[R]:
        """These rows as far as they are there and their owner's, newest first."""
        wanted = sorted(keys, reverse=True)
        if not wanted:
            return []
        rows: list[R] = await self._executor.call(self._queries.by_keys, wanted)
        rows.sort(key=self._source.key, reverse=True)
        return [row for row in rows if self._belongs(row)]

    def _belongs(self, row: R) -> bool:
        """Whether a row is its owner's still, as far as the row says: the index may be behind."""
        return all(getattr(row, name, owner) == owner for name, owner in self._owners.items())

    def _text(self, row: R) -> str:
        return indexed_part(self._source.text(row) or "")

    def _score(self, row: R, runs: str, moment: datetime) -> float:
        written = self._source.moment(row)
        age_s = 0.0 if written is None else max(0.0, (moment - written).total_seconds())
        return score_runs(self._query, runs, age_s)

    def _hit(self, row: R, score: float) -> SearchHit[R]:
        text = self._text(row)
        made = snippet(self._query, text)
        cut = len(text) < len(self._source.text(row) or "")
        return SearchHit(row, score, made.text, made.highlights, cut)
