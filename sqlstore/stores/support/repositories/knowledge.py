"""Knowledge: questions and answers for the bot to look up."""

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

from msgspec import UNSET, UnsetType

from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.engine.clock import now
from sqlstore.engine.filters import Filter, FilteredList
from sqlstore.engine.values import checked, members, text
from sqlstore.stores.support.rows import KnowledgeEntry, KnowledgeSource

KNOWLEDGE: Final = FilteredList(
    "support.knowledge_entries.list",
    "knowledge_entries",
    KnowledgeEntry,
    {
        "source": Filter("source", "text", indexed=True, values=get_args(KnowledgeSource)),
        "validated_by": Filter("validated_by", "int", nullable=True, indexed=True),
        "embedding_id": Filter("embedding_id", "text", nullable=True),
        "since": Filter("created_at", "timestamp", ">="),
        "until": Filter("created_at", "timestamp", "<"),
    },
)


class KnowledgeRepository(SearchableRepository[KnowledgeEntry]):
    """What the desk knows."""

    table = "knowledge_entries"
    searchable = Searchable(
        "knowledge_entries",
        KnowledgeEntry,
        text=lambda entry: f"{entry.question}\n{entry.answer}",
        moment=lambda entry: entry.created_at,
        key=lambda entry: entry.id,
        scopes={},
    )

    async def add(
        self,
        question: str,
        answer: str,
        source: KnowledgeSource,
        *,
        validated_by: int | None = None,
        embedding_id: str | None = None,
    ) -> KnowledgeEntry:
        """Add an entry.

        - validated_by: the user that confirmed the answer; None while nobody has.
        - embedding_id: the point in Qdrant, at most 255 characters; None while there is none.

        Raises ForeignKeyViolation for an unknown user.
        """
        entry = await self._one(
            KnowledgeEntry, self._q.add, question, answer, source, validated_by, embedding_id, now()
        )
        assert entry is not None  # noqa: S101 - an INSERT gives its row
        return entry

    async def get(self, entry_id: int) -> KnowledgeEntry | None:
        """An entry, or None."""
        return await self._one(KnowledgeEntry, self._q.get, entry_id)

    async def change(self, entry_id: int, question: str, answer: str) -> KnowledgeEntry | None:
        """Give an entry other words, which are neither validated nor embedded yet; None for an unknown one."""
        return await self._one(KnowledgeEntry, self._q.change, entry_id, question, answer)

    async def validate(self, entry_id: int, user_id: int) -> KnowledgeEntry | None:
        """Keep that a user confirms the answer; None for an entry that is not known.

        Raises ForeignKeyViolation for an unknown user.
        """
        return await self._one(KnowledgeEntry, self._q.validate, entry_id, user_id)

    async def set_embedding(self, entry_id: int, embedding_id: str | None) -> KnowledgeEntry | None:
        """Keep which point in Qdrant stands for an entry; None for an entry that is not known."""
        return await self._one(KnowledgeEntry, self._q.set_embedding, entry_id, embedding_id)

    async def by_embedding_ids(self, embedding_ids: Sequence[str]) -> builtins.list[KnowledgeEntry]:
        """The entries of these points, in the given order, as a search in Qdrant ranks them.

        A point without an entry is left out; several entries of one come by their ids.
        """
        name, query = "embedding_ids", self._q.by_embedding_ids.name
        given = [checked(text, each, name, query) for each in checked(members, embedding_ids, name, query)]
        places = {embedding_id: place for place, embedding_id in reversed([*enumerate(given)])}
        entries = await self._many(KnowledgeEntry, self._q.by_embedding_ids, given)
        return sorted(entries, key=lambda entry: places[entry.embedding_id or ""])

    async def delete(self, entry_id: int) -> bool:
        """Forget an entry; False if there is none."""
        return await self._changed(self._q.delete, entry_id) > 0

    async def search(
        self, words: str, *, limit: int = 20, before: int | None = None, order: Order = "relevance"
    ) -> SearchResult[KnowledgeEntry]:
        """Find entries by words of their questions and answers; see docs/search.md for what words mean.

        - limit: at most 200. before: only entries with a smaller id.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(words, limit=limit, before=before, order=order)

    async def list(
        self,
        *,
        source: KnowledgeSource | UnsetType = UNSET,
        validated_by: int | UnsetType | None = UNSET,
        embedding_id: str | UnsetType | None = UNSET,
        since: datetime | UnsetType = UNSET,
        until: datetime | UnsetType = UNSET,
        after: int | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> builtins.list[KnowledgeEntry]:
        """A page of entries, by id; see `repositories` for the filters.

        since, until: of created_at, from since on and before until. None asks for
        entries that nobody has validated, or that have no point in Qdrant yet.
        """
        filters = {
            "source": source,
            "validated_by": validated_by,
            "embedding_id": embedding_id,
            "since": since,
            "until": until,
        }
        return await KNOWLEDGE.page(
            self._executor, filters, after=after, limit=limit, descending=newest_first
        )
