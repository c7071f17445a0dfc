"""Makes sqlstore/capabilities/search/thai_words.txt out of pythainlp's word lists (CC0).

    python tests/capabilities/search/thai_word_list.py > sqlstore/capabilities/search/thai_words.txt

Of the dictionary's words that are in the Thai Textbook Corpus, or ten times in the Thai National Corpus,
those that hide a shorter word: one of two characters is in them, at a place where a word might begin and
end, and no shorter word of the list lies over it.
"""

import sys

from pythainlp.corpus import thai_words, tnc, ttc

from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.thai import LONGEST_SHORT_WORD, THAI, _begins, _ends

LONGEST = 15
OFTEN = 10
SARA_AM = normalize("ำ")


def short_words(dictionary: set[str]) -> set[str]:
    """Those of two characters as they are typed; ำ becomes two."""
    return {word for word in dictionary if len(word.replace(SARA_AM, "ำ")) == 2}


def hides(word: str, short: set[str], kept: set[str]) -> bool:
    for start in range(len(word)):
        for end in range(start + 2, min(len(word), start + LONGEST_SHORT_WORD) + 1):
            if word[start:end] in short and _begins(word, start) and _ends(word, end):
                covers = (
                    word[first:last] in kept
                    for first in range(start + 1)
                    for last in range(end, len(word) + 1)
                    if last - first > end - start
                )
                if not any(covers):
                    return True
    return False


def hiding_words() -> list[str]:
    dictionary = {normalize(word) for word in thai_words()}
    dictionary = {word for word in dictionary if THAI.fullmatch(word)}
    frequent = {normalize(word) for word, _ in ttc.word_freqs()}
    frequent |= {normalize(word) for word, count in tnc.word_freqs() if int(count) >= OFTEN}
    short = short_words(dictionary)
    kept: set[str] = set()
    for word in sorted(dictionary & frequent, key=lambda word: (len(word), word)):
        if 2 < len(word) <= LONGEST and hides(word, short, kept):
            kept.add(word)
    return sorted(kept)


if __name__ == "__main__":
    sys.stdout.write("\n".join(hiding_words()) + "\n")
