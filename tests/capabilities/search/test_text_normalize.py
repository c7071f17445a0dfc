"""One spelling for what reads the same, on every Python."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqlstore.capabilities.search import unicode_ranges
from sqlstore.capabilities.search.normalize import _clusters, normalize, normalize_with_origins
from tests.capabilities.search import unicode_tables

# Over normalize() of every code point; a change of it needs a new INDEX_VERSION.
DIGEST = "6a788874a005c22a81027db8478619402265eb56655f42d4d4c243b68b986d81"
DIGEST_PROGRAM = """
import hashlib, sys, types
for name in ("sqlstore", "sqlstore.capabilities", "sqlstore.capabilities.search"):
    package = sys.modules[name] = types.ModuleType(name)  # without what the real ones import
    package.__path__ = [name.replace(".", "/")]
from sqlstore.capabilities.search.normalize import normalize
digest = hashlib.sha256()
for code in range(sys.maxunicode + 1):
    digest.update(normalize(chr(code)).encode() + b"|")
print(digest.hexdigest())
"""
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("Ёлка, ЙОД и и\u0306", "елка  йод и й"),
        ("CAFÉ Straße ΣΊΣΥΦΟΣ", "cafe strasse σισυφοσ"),
        ("ＡＢＣ１ ｶﾞｯｺｳ ㎏ ™ ﬁ", "abc1 ガッコウ kg tm fi"),
        ("เเม่ แม่", "แม่ แม่"),
        ("น้ำ นำ้ นํ้า", " ".join(["น\u0e49\u0e4d\u0e32"] * 3)),
        ("1\ufe0f\u20e3 ❤\ufe0f a\u200bb co\u00adop", "1   ab coop"),
        ("\u1112\u1161\u11ab 한", "한 한"),
        ("a_b-c\0d\ud800e\U0001f600f", "a b c d e f"),
        ("\u0306\u0301 x\u0306", " x"),
    ],
)
def test_what_reads_the_same_is_spelt_the_same(text, normalized):
    assert normalize(text) == normalized


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_canonically_equal_texts_are_equal_and_nothing_changes_twice(text):
    normalized = normalize(text)
    assert normalized == normalize(unicodedata.normalize("NFD", text))
    assert normalized == normalize(unicodedata.normalize("NFC", text))
    assert normalized == normalize(normalized)


@settings(max_examples=300, deadline=None)
@example("\u1112\u1161\u11ab ｶﾞ เเเก \u0906\u0947 x\u0301\u0327y и\u0306 ก\u0e49\u0e34")
@given(st.text(st.one_of(st.characters(), st.sampled_from("เเแ้ํ\u0306иИйe\u0301\u1112\u1161\u11abｶﾞ한\u200d"))))
def test_origins_lead_back_to_the_text(text):
    normalized, origins = normalize_with_origins(text)
    assert normalized == normalize(text)
    assert len(origins) == len(normalized)
    assert origins == sorted(origins)
    for start, end in zip(origins, [*origins[1:], len(text)], strict=False):
        if start < end:  # the piece of text that a character, or several, came from
            assert normalize(text[start:end])


@settings(max_examples=300, deadline=None)
@example("\u200cمى\u200cگفت \ufb01n ㎏ \u0e19\u0e49\u0e4d \u0301a \u0906\u0947")
@given(st.text(st.sampled_from("aя\u200c\u0301\ufb01㎏ \u0906\u0947\u0e19\u0e49\u0e4d한ﷺ")))
def test_characters_that_become_none_or_several_lead_back_to_themselves(text):
    assert normalize_with_origins(text)[1] == [start for start, folded in _clusters(text) for _ in folded]


def test_the_table_is_unicode_14():
    if unicodedata.unidata_version != "14.0.0":
        pytest.skip("the table is made by Python 3.11")
    assert unicode_tables.module() == Path(unicode_ranges.__file__).read_text()


def pythons() -> list[str]:
    """This Python, and those of other versions that pyenv has on this machine."""
    others = Path.home().glob(".pyenv/versions/3.1[1-9].*/bin/python")
    return [sys.executable, *sorted(map(str, others))]


@pytest.mark.slow
@pytest.mark.parametrize("python", pythons())
def test_every_python_normalizes_alike(python):
    printed = subprocess.run(
        [python, "-c", DIGEST_PROGRAM], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert printed.stdout.strip() == DIGEST
