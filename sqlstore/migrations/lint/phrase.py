"""A run of tokens, read as words: a statement, or a part of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlstore.engine.sqltext import Token
from sqlstore.migrations.statements import plain_name


class Phrase:
    """Significant tokens. words: upper-case; anything but a plain word stands as its own text."""

    __slots__ = ("tokens", "words")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tuple(tokens)
        self.words = tuple(
            token.text.upper() if token.kind == "word" else token.text for token in self.tokens
        )

    def __bool__(self) -> bool:
        return bool(self.tokens)

    @property
    def first(self) -> Token:
        """The first token."""
        return self.tokens[0]

    def starts(self, *texts: str) -> bool:
        """Whether it starts with the words of one of the texts."""
        return any(self.words[: len(text.split())] == tuple(text.split()) for text in texts)

    def after(self, *texts: str) -> Phrase:
        """Without those of the texts with which it starts, one after the other."""
        rest = self
        for text in texts:
            if rest.starts(text):
                rest = rest.skip(len(text.split()))
        return rest

    def skip(self, count: int) -> Phrase:
        """Without its first tokens."""
        return Phrase(self.tokens[count:])

    def name(self) -> tuple[str, Phrase]:
        """The name at its start, in small letters and without a schema, and what follows it."""
        at = 2 if self.words[1:2] == (".",) else 0
        return plain_name(self.tokens[at]) if len(self.tokens) > at else "", self.skip(at + 1)

    def names(self) -> frozenset[str]:
        """All words and quoted names, in small letters."""
        return frozenset(plain_name(token) for token in self.tokens if token.kind in ("word", "identifier"))

    def find(self, text: str) -> Phrase:
        """From the first place outside of parentheses where these words stand; nothing if nowhere."""
        wanted = tuple(text.split())
        for place in self._outside():
            if self.words[place : place + len(wanted)] == wanted:
                return self.skip(place)
        return Phrase(())

    def has(self, text: str) -> bool:
        """Whether these words stand outside of parentheses."""
        return bool(self.find(text))

    def inside(self) -> Phrase:
        """What its first parentheses hold."""
        if "(" not in self.words:
            return Phrase(())
        opening = self.words.index("(")
        depth = 0
        for place in range(opening, len(self.words)):
            depth += (self.words[place] == "(") - (self.words[place] == ")")
            if depth == 0:
                return Phrase(self.tokens[opening + 1 : place])
        return self.skip(opening + 1)

    def parts(self) -> list[Phrase]:
        """Cut at the commas outside of parentheses; the semicolon at the end belongs to none."""
        cuts = [place for place in self._outside() if self.words[place] in (",", ";")]
        starts = [0, *(cut + 1 for cut in cuts)]
        parts = [
            Phrase(self.tokens[start:end])
            for start, end in zip(starts, [*cuts, len(self.tokens)], strict=True)
        ]
        return [part for part in parts if part]

    def until(self, stops: frozenset[str]) -> Phrase:
        """What stands before the first of these words outside of parentheses."""
        end = next((place for place in self._outside() if self.words[place] in stops), len(self.tokens))
        return Phrase(self.tokens[:end])

    def _outside(self) -> Iterator[int]:
        """The places outside of parentheses."""
        depth = 0
        for place, word in enumerate(self.words):
            if word == ")":
                depth -= 1
            if depth == 0:
                yield place
            if word == "(":
                depth += 1
