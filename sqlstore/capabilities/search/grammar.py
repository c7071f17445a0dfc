"""What people type into a search box, and what it means.

    query := item*                      every item must be in the text
    item  := ['-'] (quoted | chunk)     a '-' right before an item: it must not be
    quoted := "…"  “…”  „…”  «…»        these very forms, one after the other; unclosed: to the end
    chunk  := anything up to a space or a quote

- A chunk of one word finds every word with its stem: `runs` finds run, runs, running.
- A chunk of one word and `*` finds every word that begins so: `invo*`.
- A chunk in Thai, Lao, Khmer, Myanmar, Korean, Japanese or Chinese is found anywhere inside a run
  of such characters, however short it is. A Korean chunk is looked for without its particle too.
- A chunk of several runs (`GPT-4`, `PDF파일`, `example.com/a`) finds them one after the other, in
  these very forms, whatever stands between them.

AND, OR, NOT and NEAR are plain words; any text is a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlstore.capabilities.search.korean import without_particle
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.segment import Run, has_stems, pairs, runs, spaced, stem, stem_forms
from sqlstore.engine.search_terms import (
    AllOf,
    AnyOf,
    Character,
    Item,
    Phrase,
    SearchQuery,
    SearchTerm,
    Without,
    Word,
)

QUERY_CHARACTERS: Final = 512
"""How much of a query is read."""
QUERY_ITEMS: Final = 16
"""How many of its items are looked for, or excluded."""

_ITEM: Final = re.compile(
    """
    (?P<excluded>-?)
    (?: "(?P<straight>[^"]*)"?
      | “(?P<curly>[^”"]*)[”"]?
      | „(?P<low>[^”“"]*)[”“"]?
      | «(?P<angle>[^»]*)»?
      | (?P<chunk>[^\\s"“„«]+)
    )
    """,
    re.VERBOSE,
)


def parse(text: str) -> SearchQuery:
    """Read a query; never raises. What is beyond 512 characters or 16 items is left out."""
    wanted: list[SearchTerm] = []
    excluded: list[SearchTerm] = []
    items: list[Item] = []
    for term, item in _items(text[:QUERY_CHARACTERS]):
        (excluded if item.excluded else wanted).append(term)
        items.append(item)
        if len(items) == QUERY_ITEMS:
            break
    if not wanted:
        return SearchQuery(None)
    tree = wanted[0] if len(wanted) == 1 else AllOf(tuple(wanted))
    for term in excluded:
        tree = Without(tree, term)
    return SearchQuery(tree, tuple(items))


def matches(query: SearchQuery, text: str) -> bool:
    """Whether a text is a hit of a query: what both databases must agree with.

    A word is found by its stem where a word of the text is that stem, or has it.
    """
    return not query.is_empty and matches_runs(query, spaced(normalize(text)))


def matches_runs(query: SearchQuery, runs_of_text: str) -> bool:
    """The same of a text's spaced runs, for a query that looks for something."""
    for item in query.items:
        found = item.text in runs_of_text or bool(item.stem and stem_forms(runs_of_text, item.stem))
        if found is item.excluded:
            return False
    return True


def _items(text: str) -> Iterator[tuple[SearchTerm, Item]]:
    for match in _ITEM.finditer(text):
        chunk = match["chunk"]
        excluded = bool(match["excluded"])
        if chunk is None:
            found = runs(normalize(match[match.lastgroup or 0]))
            if found:
                yield _phrase(found), Item(_spaced(found), excluded=excluded)
        elif made := _chunk(chunk, excluded=excluded):
            yield made


def _chunk(chunk: str, *, excluded: bool) -> tuple[SearchTerm, Item] | None:
    normalized = normalize(chunk.rstrip("*"))
    typed = runs(normalized)
    if not typed:
        return None
    if chunk.endswith("*") and not normalized.endswith(" "):
        text = _spaced(typed, prefix=True)
        return _phrase(typed, prefix=True), Item(text, typed=text, excluded=excluded)
    found = without_particle(typed)
    if len(found) > 1 or not has_stems(found[0].text):
        return _phrase(found), Item(_spaced(found), "", _spaced(typed), excluded)
    stemmed = stem(found[0].text)
    term = AnyOf((Word(stemmed, "stem"), Word(stemmed)))
    return term, Item(f" {stemmed} ", stemmed, _spaced(typed), excluded)


def _phrase(found: list[Run], *, prefix: bool = False) -> SearchTerm:
    """Runs one after the other. The last one, if of grams, may go on in the text."""
    words: list[Word | Character] = []
    for run in found[:-1]:
        words += map(Word, pairs(run.text) if run.is_gram else [run.text])
    last = found[-1]
    if not last.is_gram:
        words.append(Word(last.text, prefix=prefix))
    elif len(last.text) == 1:
        words.append(Character(last.text))
    else:
        words += map(Word, pairs(last.text)[:-1])
    return words[0] if len(words) == 1 else Phrase(tuple(words))


def _spaced(found: list[Run], *, prefix: bool = False) -> str:
    """Runs as `segment.spaced` would show them in a text: a run of grams may be part of a longer one."""
    before = "" if found[0].is_gram else " "
    after = "" if found[-1].is_gram or prefix else " "
    return before + " ".join(run.text for run in found) + after
