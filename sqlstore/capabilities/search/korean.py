"""Korean particles: what is put behind a noun (파일을, 파일에서), and is not what people look for."""

from __future__ import annotations

import re
from typing import Final

from sqlstore.capabilities.search.segment import Run

_NOUN_SYLLABLES: Final = 2
_LIST: Final = """
은 는 이 가 을 를 의 에 도 만 로 와 과 랑 께
으로 에서 에게 한테 께서 까지 부터 처럼 보다 마다 조차 마저 밖에 하고 이랑 이나
에는 에도 에만 로는 로도 와는 과는 만은 만을
에서는 에서도 에게는 에게서 한테는 한테서 으로는 으로도 까지는 까지도 부터는 이라도
"""
_PARTICLES: Final = frozenset(_LIST.split())
_LONGEST: Final = max(map(len, _PARTICLES))
_SYLLABLES: Final = re.compile("[가-힣]+")


def without_particle(found: list[Run]) -> list[Run]:
    """The runs of a chunk without the particle that its last one ends in, if it does.

    Two syllables must be left; behind another run, as in PDF를, nothing has to be.
    """
    last = found[-1]
    if not _SYLLABLES.fullmatch(last.text):
        return found
    if len(found) > 1 and last.text in _PARTICLES:
        return found[:-1]
    for length in range(min(_LONGEST, len(last.text) - _NOUN_SYLLABLES), 0, -1):
        if last.text[-length:] in _PARTICLES:
            return [*found[:-1], Run(last.text[:-length], True)]
    return found
