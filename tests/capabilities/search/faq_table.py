"""How often the right stored question is found, over faq_questions.json.

The questions of the shop were there when the threshold was chosen; those of the school were not.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlstore.capabilities.search.faq import FAQ_THRESHOLD, faq_scores, faq_terms
from sqlstore.capabilities.search.segment import segment
from tests.capabilities.search import oracle

QUESTIONS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("faq_questions.json").read_text(encoding="utf-8")
)
LANGUAGES = ("en", "ru", "th", "ko")


@dataclass
class Outcome:
    """Of paraphrases: answered rightly, wrongly, not at all. Of unrelated questions: answered."""

    right: int = 0
    wrong: int = 0
    none: int = 0
    unrelated: int = 0
    unrelated_answered: int = 0


def answer(question: str, stored: list[str]) -> str | None:
    """As a store does it: candidates from the index, the best of them if good enough."""
    terms = faq_terms(question)
    candidates = [text for text in stored if terms and oracle.holds(terms, segment(text))]
    scores = faq_scores(question, candidates, len(stored))
    best = max(scores, default=0.0)
    return candidates[scores.index(best)] if best >= FAQ_THRESHOLD else None


def outcome(subject: str, languages: tuple[str, ...] = LANGUAGES) -> Outcome:
    """Over one store that holds the stored questions of these languages."""
    tables = [QUESTIONS[subject][language] for language in languages]
    stored = [one["question"] for table in tables for one in table["stored"]]
    result = Outcome()
    for table in tables:
        for one in table["stored"]:
            for asked in one["asked"]:
                found = answer(asked, stored)
                result.right += found == one["question"]
                result.wrong += found not in (None, one["question"])
                result.none += found is None
        result.unrelated += len(table["unrelated"])
        result.unrelated_answered += sum(
            answer(question, stored) is not None for question in table["unrelated"]
        )
    return result
