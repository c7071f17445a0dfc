"""FAQs of the chatbot store: questions, and the answers that helped."""

from __future__ import annotations

from sqlstore.capabilities.search import Order, Searchable, SearchableRepository, SearchResult
from sqlstore.capabilities.search.faq import FAQ_CANDIDATES, FAQ_THRESHOLD, faq_scores, faq_terms
from sqlstore.capabilities.search.holding import may_hold
from sqlstore.capabilities.search.segment import segment
from sqlstore.engine.clock import now
from sqlstore.stores.chatbot.rows import Faq


class FaqRepository(SearchableRepository[Faq]):
    """Frequent questions and their answers."""

    table = "faqs"
    searchable = Searchable(
        "faqs",
        Faq,
        text=lambda faq: f"{faq.question}\n{faq.answer}",
        moment=lambda faq: faq.created_at,
        key=lambda faq: faq.id,
        scopes={},
    )

    async def answer(self, question: str) -> Faq | None:
        """The answer to this question, its use counted as a hit; None where there is none.

        Where the question is not stored as it is, the stored one that is likest to it counts, if it
        is alike enough: from FAQ_THRESHOLD of `sqlstore.capabilities.search.faq` on. Of more than
        FAQ_CANDIDATES that have something in common with it the newest are compared. With search
        switched off only the question as it is stored is answered.
        """
        exact = await self._one(Faq, self._q.answer, question)
        return exact or await self._answer_in_other_words(question)

    async def _answer_in_other_words(self, question: str) -> Faq | None:
        terms = faq_terms(question)
        if terms is None:
            return None
        found = await self._candidates(terms, FAQ_CANDIDATES)
        stored = [faq for faq in found if may_hold(terms, segment(faq.question))]
        if not stored:
            return None
        total = await self._value(int, self._q.count)
        scores = faq_scores(question, [faq.question for faq in stored], max(total, len(stored)))
        score, older = max(zip(scores, (-faq.id for faq in stored), strict=True))  # of equals the oldest
        return await self.record_hit(-older) if score >= FAQ_THRESHOLD else None

    async def learn(
        self, question: str, answer: str, category: str | None = None, *, is_learned: bool = True
    ) -> Faq:
        """Keep an answer; one that is there is replaced, with its hits (and its category, for None) kept."""
        faq = await self._one(Faq, self._q.learn, question, answer, category, is_learned, now())
        assert faq is not None  # noqa: S101 - an upsert gives its row
        return faq

    async def get(self, faq_id: int) -> Faq | None:
        """One FAQ, or None."""
        return await self._one(Faq, self._q.get, faq_id)

    async def record_hit(self, faq_id: int) -> Faq | None:
        """Count a use of an answer that `answer` did not give; None if there is no such FAQ."""
        return await self._one(Faq, self._q.record_hit, faq_id)

    async def search(
        self, words: str, *, limit: int = 20, before: int | None = None, order: Order = "relevance"
    ) -> SearchResult[Faq]:
        """Find FAQs by words of their questions and answers; see docs/search.md for what words mean.

        - limit: at most 200. before: only FAQs with a smaller id.
        - order: "newest" first, or the best of the newest 200 that match.
        """
        return await self._search(words, limit=limit, before=before, order=order)

    async def top(self, limit: int = 10) -> list[Faq]:
        """The most used first."""
        return await self._many(Faq, self._q.top, limit)

    async def by_category(self, category: str, limit: int = 50) -> list[Faq]:
        """The answers of one category, the most used first."""
        return await self._many(Faq, self._q.by_category, category, limit)

    async def delete(self, faq_id: int) -> bool:
        """Forget an FAQ; False if there is none."""
        return await self._changed(self._q.delete, faq_id) > 0
