r"""The grammar of the scanner: what SQL text is made of, on each engine.

It knows what is string, identifier, comment and parameter on each engine, and
no more of SQL than that. The grammar, both engines where none is named; first
match wins, letters are ASCII letters, `_` and everything beyond ASCII:

    space       blank, tab, line feed, carriage return, form feed (PostgreSQL: vertical tab)
    comment     -- to the end of the line (SQLite: LF; PostgreSQL: LF or CR)
                /* to */ (PostgreSQL: nested)
    string      'text'; a quote inside is doubled; a backslash is a backslash; X'00'
                PostgreSQL: B'01', U&'text', E'text' (\ escapes, also in the literals
                joined to it by a newline), $tag$ to $tag$
    identifier  "name", a quote inside is doubled; PostgreSQL: U&"name"
                SQLite: `name`, [name]
    word        a letter, then letters, digits and $
    number      digits with point and exponent, or 0x and hexadecimal digits
    parameter   : and an ASCII word without $, not followed by a point
    symbol      any other character; PostgreSQL: `::` and `:=` are one symbol each

On PostgreSQL, directly inside [ ], a colon that touches the operand before it
(arr[1:n]) or the number after it (arr[:2]) is that of a slice: symbol and word.
Write blanks to be plain: arr[:low : :high] has two parameters, arr[: n] a column.

Refused, because no engine or only the other one would take it as meant: anything
unclosed, placeholders of other kinds ($1; on SQLite also ? ?1 @a $a; :1 outside
slices), `::` on SQLite (which reads `:a::int` as one parameter), a lone $ or \, NUL.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Literal, NamedTuple

from sqlstore.engine.values import Engine

TokenKind = Literal["space", "comment", "string", "identifier", "word", "number", "parameter", "symbol"]


class Token(NamedTuple):
    """A piece of SQL text; the texts of all tokens, joined, are the text scanned.

    kind: "identifier" is a quoted name, "parameter" is `:name` with its colon.
    start: offset of the first character, from 0.
    """

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.start + len(self.text)


class ScanError(Exception):
    """SQL text that cannot be read. Attributes: offset (int, from 0), problem (str)."""

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(f"at character {offset + 1}: {problem}")
        self.offset = offset
        self.problem = problem


# By what they are not: a class that names everything beyond ASCII takes 20 ms to compile.
_LETTER = r"[^\x00-@\[-^`{-\x7F]"
_LETTER_OR_DIGIT = r"[^\x00-/:-@\[-^`{-\x7F]"
_WORD = rf"{_LETTER}(?:{_LETTER_OR_DIGIT}|\$)*+"
_NUMBER = r"(?:0[xX][0-9A-Fa-f_]++|[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9_]++)?"
_STRING = r"'[^']*+(?:''[^']*+)*+'"
_IDENTIFIER = r'"[^"]*+(?:""[^"]*+)*+"'
_ESCAPED = r"'(?:[^'\\]++|''|\\.)*+'"
_JOINED = r"(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+"
_DOLLAR_QUOTE = rf"\$(?:{_LETTER}{_LETTER_OR_DIGIT}*+)?\$"


_GRAMMARS: Final[dict[Engine, dict[str, str]]] = {
    "sqlite": {
        "space": r"[ \t\n\r\f]++",
        "comment": r"--[^\n]*+",
        "string": rf"[xX]?{_STRING}",
        "identifier": rf"{_IDENTIFIER}|`[^`]*+(?:``[^`]*+)*+`|\[[^\]]*+\]",
        "word": _WORD,
        "number": _NUMBER,
        "parameter": rf":{_WORD}",
        "symbol": r"""/(?!\*)|:(?!:)|[^'"`\[$\\/?@:]""",
    },
    "postgres": {
        "space": r"[ \t\n\r\f\v]++",
        "comment": r"--[^\n\r]*+",
        "string": rf"(?:[xXbB]|[uU]&)?{_STRING}"
        rf"|[eE]{_ESCAPED}(?>{_JOINED}{_ESCAPED})*+"
        rf"|(?P<quote>{_DOLLAR_QUOTE}).*?(?P=quote)",
        "identifier": rf"(?:[uU]&)?{_IDENTIFIER}",
        "word": rf"(?![eE]'){_WORD}",
        "number": _NUMBER,
        "parameter": rf":{_WORD}",
        "symbol": r"""::|:=|/(?!\*)|[^'"$\\/eE]""",
    },
}
COMMENT_MARK = re.compile(r"/\*|\*/")
PARAMETER = re.compile(r":[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\$[A-Za-z0-9_]+|\?[0-9]*|@\w+")
_OPEN_DOLLAR_QUOTE = re.compile(_DOLLAR_QUOTE)
_OPEN_STRING = "this string is not closed; end it with ' and write a quote inside it as ''"
_OPEN_IDENTIFIER = "this quoted identifier is not closed; end it with "
_PROBLEMS: Final = {
    "'": _OPEN_STRING,
    "e": _OPEN_STRING,
    "E": _OPEN_STRING,
    '"': _OPEN_IDENTIFIER + '"',
    "`": _OPEN_IDENTIFIER + "`",
    "[": _OPEN_IDENTIFIER + "]",
    "\\": "a backslash outside of strings means nothing in SQL; remove it",
    ":": "SQLite has no casts with ::, it reads them as part of a parameter; write CAST(x AS type)",
}


@cache
def token_pattern(engine: Engine) -> re.Pattern[str]:
    """One pattern, a group for each kind; `rest` is where nothing else matches."""
    groups = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _GRAMMARS[engine].items())
    return re.compile(f"{groups}|(?P<rest>.)", re.DOTALL)


def placeholder_at(sql: str, start: int, engine: Engine) -> str | None:
    """The placeholder of another kind that stands there, if one does."""
    placeholder = _PLACEHOLDER.match(sql, start)
    if placeholder is None or (engine == "postgres" and _OPEN_DOLLAR_QUOTE.match(sql, start)):
        return None
    return placeholder[0]


def problem_at(sql: str, start: int, engine: Engine) -> str:
    """What is wrong where the grammar has no match, and what to do."""
    character = sql[start]
    if character in _PROBLEMS:
        return _PROBLEMS[character]
    if placeholder := placeholder_at(sql, start, engine):
        return f"{placeholder} is not a parameter here; write parameters as :name"
    if engine == "postgres" and (quote := _OPEN_DOLLAR_QUOTE.match(sql, start)):
        return f"this dollar quote is not closed; end it with {quote[0]}"
    return f"a lone {character} means nothing here; write parameters as :name, strings as 'text'"
