"""Values that somebody hostile, or careless, would hand over."""

import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

CANARY = "c4n4ry"
"""In what is refused, so that a message that quotes it is found."""
MIB = 1024 * 1024


class Text(str):
    """One that looks like another when it is shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Whole(int):
    def __str__(self) -> str:
        return "another"


class Word(enum.StrEnum):
    WORD = "user"


class Plain(enum.Enum):
    USER = "user"


class Number(enum.IntEnum):
    SEVEN = 7


class Real(float):
    pass


class Listed(list):
    pass


class Mapped(dict):
    pass


class Mute:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


class Elsewhere(tzinfo):
    """A time zone without an offset."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None

    dst = tzname = utcoffset


def deep(levels: int, inner: Any = 0, *, mapped: bool = False) -> Any:
    for _ in range(levels):
        inner = {"a": inner} if mapped else [inner]
    return inner


def circular() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


_SQL = [
    "'", "''", '"', "`", ";", "--", "/*", "*/", "\\", "\\'", "';--", "' OR '1'='1", "' OR 1=1 --", '" OR ""="', "') OR ('1'='1",
    "'; DROP TABLE messages; --", "'; DELETE FROM users; --", "1; UPDATE users SET name = 'x'", "x'); DELETE FROM messages; --",
    "' UNION SELECT * FROM sqlite_schema --", "' UNION SELECT version() --", "'||(SELECT group_concat(name) FROM users)||'",
    "' AND pg_sleep(5) --", "'; COPY users TO PROGRAM 'id'; --", "$$; DROP TABLE users; $$", "$tag$x$tag$", "E'\\x27'", "U&'\\0027'",
    "\uff07 OR 1=1", "\u02bc OR 1=1", "'; ATTACH DATABASE '/tmp/x' AS y; --", "'; PRAGMA writable_schema=1; --", "COMMIT", "ROLLBACK",
    "BEGIN IMMEDIATE", "id; --", "id DESC", "1=1", "(SELECT 1)", "CAST('x' AS int)", "0x27", "CHAR(39)", "NULL", "null", "None", "DEFAULT",
]  # fmt: skip
_PATTERNS = [
    "%", "_", "%%", "a%", "%a%", "\\%", "\\_", "100%", "[a-z]*", "?", "*", ".*", "^$", "(a+)+$", "%" * 1000, "_" * 1000, "*" * 100, "a*",
    '"', '""', '"a', 'a"', '"a b"', "a AND b", "a OR b", "a NOT b", "NOT a", "AND", "OR", "NOT", "NEAR(a b)", "NEAR(a b, 5)", "a NEAR b",
    "content:a", "{a b}:c", "-a", "- a", "--a", "^a", "a^", "a + b", "+a", "(a", "a)", "((a))", "()", "a:b", "a & b", "a | b", "!a", "a <-> b",
    "a:*", "'a'", "a \\ b", ":", "&", "|", "!", "<->", "\u201ca\u201d", "-", '-"a"', "a -b -c", "*a", "a**",
]  # fmt: skip
_FORMATS = [
    "%s", "%d", "%n", "%x" * 20, "%(a)s", "{}", "{0}", "{a}", "{0.__class__}", "${a}", "${jndi:ldap://x}", "$1", "$2::text", ":id", ":id::int",
    "?", "?1", "@p", "<script>alert(1)</script>", "{{7*7}}", "#{7*7}", "\\u0000", "\\x00", "\\N", "\\.", "\\copy", "a\tb", "a,b", "=cmd()", "`id`", "$(id)",
]  # fmt: skip
_PATHS = [
    "../../etc/passwd", "/etc/passwd", "..", ".", "/", "//", "a/../../x", "..\\..\\x", "C:\\x", "file:///etc/passwd", "~", "~root", "a/b",
    "CON", "NUL", "x" * 300, "a" * 5000, ":memory:", "bot.db-wal", "-rf", "--help", "\u2025/\u2025", "%2e%2e%2f", "a\u2044b",
]  # fmt: skip
_UNICODE = [
    "\ufffe", "\uffff", "\ufdd0", "\U0010ffff", "\U0001fffe", "\ue000", "\ufeff", "\ufeffa", "\u200b", "\u200d", "\u200e", "\u202e" + "abc",
    "\u202a\u202b\u202c\u202d", "\u2066a\u2069", "\u061c", "\u00ad", "\u0085", "\u2028", "\u2029", "\u00a0", "\u3000", "\u180e", "\u0301",
    "a" + "\u0301" * 5000, "Z\u0351\u036b" * 500, "e\u0301", "\u00e9", "\ufb01", "\u1e9e", "\u00df", "\u0130", "\u0131", "\u017f", "\u212a",
    "\u03c2\u03c3\u03a3", "\u01c5", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1f9\U0001f1ed", "\U000e0041", "\u0e33" * 100, "\u0e40\u0e01",
    "\u1100\u1161\u11a8", "\uac01", "\u30ab\u3099", "\uff76\uff9e", "\u4e00" * 1000, "\U00020000", "\u0627\u0644", "\u05d0\u05b0", "\u0915\u094d\u0937",
    "Aa", "aA", "I", "i", "\u0406", "\u0410", "A", "1\u20e3", "\u00b2", "\u2460", "\u0660", "\U0001d7d8", "a\u034fb", "\u115f", "\u3164", "\ufff9\ufffa\ufffb",
]  # fmt: skip
_BLANK = [
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x01",
    "\x1b[31m",
    "\x7f",
    "\x08",
    "\x1a",
    " a",
    "a ",
    "\na\n",
    "a\rb",
]
_LONG = [
    "x" * 100_000,
    "ab " * 50_000,
    "\u0e01" * 30_000,
    "\U0001f600" * 20_000,
    "\n" * 10_000,
    "a\n" * 20_000,
]
_REFUSED_TEXTS = [
    "\0", f"{CANARY}\0", f"\0{CANARY}", f"{CANARY}\0; DROP TABLE users", "\ud800", "\udfff", f"{CANARY}\ud800", f"\udc80{CANARY}", "\ud83d\ud83d",
    "\ude00\ud83d", f"{CANARY}" * 100 + "\0", Text(f"{CANARY}\0"),
]  # fmt: skip
_NUMBERS = [
    0, 1, -1, 2, 7, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64,
    2**128, -(10**40), 10**400, 10**5000, True, False, Whole(7), Number.SEVEN, 0.0, -0.0, 0.1, 1.0, 7.0, 1e16, 1e22, 1e308, -1e308, 5e-324,
    math.nan, -math.nan, math.inf, -math.inf, Real(7), Real("nan"), Decimal(7), Decimal("NaN"), Fraction(1, 3), 1j,
]  # fmt: skip
_TIMES = [
    datetime(2031, 7, 19, 3, 14, 15, 926535, UTC), datetime(2031, 7, 19), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1582, 10, 10, tzinfo=UTC), datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=23, minutes=59))),
    datetime(2, 1, 1, tzinfo=timezone(timedelta(hours=23))), datetime(2031, 7, 19, tzinfo=Elsewhere()), date(2031, 7, 19), time(3, 14), timedelta(1),
    "2031-07-19T03:14:15Z", "infinity", "-infinity", "now", "0000-00-00", "2031-02-30", 1_900_000_000, "24:00",
]  # fmt: skip
_DOCUMENTS = [
    {}, [], {"a": 1}, [1, 2], {"": ""}, {"a": {"b": [None]}}, deep(99), deep(100), deep(101), deep(5_000), deep(99, mapped=True), deep(200, mapped=True),
    circular(), {1: 2}, {None: 1}, {True: 1}, {("a",): 1}, {"a": math.nan}, [math.inf], {"a": 2**64}, {"a": 1e22}, {f"{CANARY}\0": 1}, {"a": f"{CANARY}\0"},
    {"\ud800": CANARY}, {"a": b"x"}, {"a": {1, 2}}, {"a": datetime(2031, 7, 19)}, {"a": UUID(int=7)}, {"a": Decimal(1)}, ["x"] * 5_000, {str(n): n for n in range(5_000)},
    Listed([1]), Mapped(a=1), (1, 2), {1, 2}, frozenset({"a"}), range(3), {"__proto__": 1}, {"$ne": None}, {"a": Text("b")}, {Text("a"): 1}, {"a": Word.WORD},
    ["a"], ["%"], ["'; DROP TABLE users; --"], [f"{CANARY}\0"], [None], [["a"]], [1, "a"], [object()], '{"a": 1, "a": 2}', "[1", "{", "NaN", '"\\ud800"',
]  # fmt: skip
_OBJECTS = [
    None, b"", b"\0", b"\xff", CANARY.encode(), bytearray(b"a"), memoryview(b"a"), object(), object, len, Mute(), UUID(int=0), UUID(int=2**128 - 1),
    str(UUID(int=7)), Path("/etc/passwd"), Word.WORD, Plain.USER, Text("user"), ..., Exception(CANARY), iter([1]), (n for n in [1]), slice(1), type,
]  # fmt: skip
_WORDS = [
    "user",
    "USER",
    "user ",
    "us\u0435r",
    "admin",
    "system",
    "assistant",
    "web",
    "ended",
    "open",
    "private",
    "manual",
    "en",
    "id",
    "rowid",
    "oid",
    "ctid",
    "_rowid_",
]

HOSTILE: list[Any] = [
    *_SQL, *_PATTERNS, *_FORMATS, *_PATHS, *_UNICODE, *_BLANK, *_LONG, *_REFUSED_TEXTS, *_NUMBERS, *_TIMES, *_DOCUMENTS, *_OBJECTS, *_WORDS,
]  # fmt: skip
HUGE: list[Any] = ["x" * (10 * MIB), "ab \u0e01" * (2 * MIB), {"a": "x" * (10 * MIB)}, "x" * (64 * MIB + 1)]
"""They take long, and are tried in a few places only."""


def named(value: Any) -> str:
    """Short and without what would break a terminal."""
    try:
        shown = ascii(value)
    except Exception:
        shown = type(value).__name__
    return shown if len(shown) <= 60 else f"{shown[:50]}… ({len(shown)})"
