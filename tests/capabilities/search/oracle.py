"""What a search means, said a second time: slow, plain, sharing nothing with the search but the stemmer.

A query here is a list of wishes, each with the runs that must be in a text; `written` types it.
"""

import unicodedata
from dataclasses import dataclass

from sqlstore.capabilities.search.segment import Tokens, stem
from sqlstore.engine.search_terms import AllOf, AnyOf, Character, Phrase, SearchTerm, Without, Word

GRAM_NAMES = (
    "THAI ", "LAO ", "MYANMAR ", "KHMER ", "HANGUL ", "KATAKANA", "HIRAGANA", "BOPOMOFO ", "CJK ",
    "IDEOGRAPHIC ", "COMBINING KATAKANA",
)  # fmt: skip


INVISIBLE = "\u115f\u1160\u3164\uffa0\u17b4\u17b5\u180b\u180c\u180d\u180f"
"""Fillers and variation selectors that Unicode calls letters or marks, and shows as nothing."""


@dataclass
class Wish:
    """kind: word (its stem), prefix, or form (these very runs one after the other)."""

    kind: str
    runs: list[str]
    excluded: bool = False
    between: str = " "
    quotes: tuple[str, str] | None = None


def plain(text: str) -> str:
    """Folded character by character, then put together."""
    folded = ""
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.category(char) in ("Cf", "Me") or 0xFE00 <= ord(char) <= 0xFE0F or char in INVISIBLE:
            continue
        for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold()):
            if part == "\u0306" and folded.endswith("и"):
                folded += part
            elif not 0x300 <= ord(part) <= 0x36F:
                folded += part if unicodedata.category(part)[0] in "LMN" else " "
    folded = unicodedata.normalize("NFC", folded).replace("เเ", "แ")
    for tone in "\u0e48\u0e49\u0e4a\u0e4b":
        for typed in (f"\u0e4d{tone}\u0e32", f"\u0e4d\u0e32{tone}"):
            folded = folded.replace(typed, f"{tone}\u0e4d\u0e32")
    return folded


def is_gram(char: str) -> bool:
    return unicodedata.name(char, "").startswith(GRAM_NAMES)


def runs(text: str) -> list[str]:
    found = [""]
    for char in plain(text):
        if char == " ":
            found.append("")
        elif found[-1] and is_gram(found[-1][-1]) != is_gram(char):
            found.append(char)
        else:
            found[-1] += char
    return [run if is_gram(run[0]) else run[:64] for run in found if run]


def has(text_runs: list[str], wish: Wish) -> bool:
    wanted = [run if is_gram(run[0]) else run[:64] for run in wish.runs]
    if wish.kind == "word":
        stemmed = stem(wanted[0])
        return any(run == stemmed or stem(run) == stemmed for run in text_runs)
    starts = range(len(text_runs) - len(wanted) + 1)
    return any(row_fits(text_runs[start : start + len(wanted)], wanted, wish.kind) for start in starts)


def row_fits(row: list[str], wanted: list[str], kind: str) -> bool:
    if len(row) == 1 and is_gram(wanted[0][0]):
        return wanted[0] in row[0]
    for place, (run, want) in enumerate(zip(row, wanted, strict=True)):
        last = place == len(wanted) - 1
        if is_gram(want[0]):
            fits = run.startswith(want) if last else run.endswith(want) if place == 0 else run == want
        else:
            fits = run.startswith(want) if last and kind == "prefix" else run == want
        if not fits:
            return False
    return True


def is_hit(wishes: list[Wish], text: str) -> bool:
    text_runs = runs(text)
    return any(not wish.excluded for wish in wishes) and all(
        has(text_runs, wish) is not wish.excluded for wish in wishes
    )


def written(wishes: list[Wish]) -> str:
    """The query as a person types it."""
    items = []
    for wish in wishes:
        opening, closing = wish.quotes or ("", "*" if wish.kind == "prefix" else "")
        items.append("-" * wish.excluded + opening + wish.between.join(wish.runs) + closing)
    return " ".join(items)


def holds(term: SearchTerm, tokens: Tokens, *, positions: bool = True) -> bool:
    """The tree of a query on the words of an index; positions: whether it knows their order."""
    match term:
        case Word(column="stem"):
            return any(fits(term, token) for token in tokens.stems)
        case Word() | Character():
            return any(fits(term, token) for token in tokens.body)
        case Phrase(words) if positions:
            starts = range(len(tokens.body) - len(words) + 1)
            return any(
                all(fits(word, tokens.body[start + place]) for place, word in enumerate(words))
                for start in starts
            )
        case Phrase(parts) | AllOf(parts):
            return all(holds(part, tokens, positions=positions) for part in parts)
        case AnyOf(parts):
            return any(holds(part, tokens, positions=positions) for part in parts)
        case Without(kept, excluded):
            return holds(kept, tokens, positions=positions) and not holds(excluded, tokens)


def fits(word: Word | Character, token: str) -> bool:
    begins = isinstance(word, Character) or word.prefix
    return token.startswith(word.text) if begins else token == word.text
