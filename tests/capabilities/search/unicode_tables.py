"""Makes sqlstore/capabilities/search/unicode_ranges.py; run it with Python 3.11, whose Unicode is 14.0.

    python tests/capabilities/search/unicode_tables.py > sqlstore/capabilities/search/unicode_ranges.py

It says which characters of Unicode 14.0 words consist of, so that every Python makes the same words.
"""

import sys
import textwrap
import unicodedata
from collections.abc import Iterable

HEAD = '''"""Characters of Unicode 14.0, as ranges; made by tests/capabilities/search/unicode_tables.py.

A table of its own, so that Python 3.11, 3.12 and 3.13, whose Unicode tables differ, make the
same words of a text. Characters that Unicode got later are separators.
"""

from typing import Final
'''
TABLES = {
    "WORD_RANGES": "Letters, marks and numbers: what words consist of.",
    "IGNORED_RANGES": "Format characters and those that only change how another looks: left out of a text.",
    "COMPATIBLE_RANGES": "Other signs that stand for letters or digits, such as ㎏ and ™.",
}


def is_ignored(char: str) -> bool:
    """Format characters, variation selectors, fillers, enclosing marks (keycaps)."""
    name = unicodedata.name(char, "")
    return (
        unicodedata.category(char) in ("Cf", "Me")
        or "VARIATION SELECTOR" in name
        or char in "\u115f\u1160\u3164\uffa0\u17b4\u17b5"
    )


def is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN" and not is_ignored(char)


def is_compatible(char: str) -> bool:
    """Whether its compatible form has a letter or digit."""
    if is_word(char) or is_ignored(char) or unicodedata.category(char) in ("Cn", "Cs", "Co"):
        return False
    return any(
        is_word(part) and not "\u0300" <= part <= "\u036f" for part in unicodedata.normalize("NFKC", char)
    )


def ranges(codes: Iterable[int]) -> str:
    """`30-39 41-5A AA …`, hexadecimal."""
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return " ".join(f"{low:X}-{high:X}" if high > low else f"{low:X}" for low, high in found)


def table(test) -> str:
    return ranges(code for code in range(sys.maxunicode + 1) if test(chr(code)))


def module() -> str:
    parts = [HEAD]
    for (name, meaning), test in zip(TABLES.items(), (is_word, is_ignored, is_compatible), strict=True):
        lines = textwrap.fill(table(test), 106, break_on_hyphens=False)
        parts.append(f'{name}: Final = """\n{lines}\n"""\n"""{meaning}"""\n')
    return "\n".join(parts)


if __name__ == "__main__":
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}; run Python 3.11")
    sys.stdout.write(module())
