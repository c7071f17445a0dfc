"""Where a query stands in its file, and how a place in the SQL that a database sees leads back there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from sqlstore.check.findings import Code, Finding, shown_path
from sqlstore.engine.errors import QueryFileError
from sqlstore.engine.inspection import Question
from sqlstore.engine.query_file import Block, read_blocks
from sqlstore.engine.query_folder import folder_label, read_folder
from sqlstore.engine.query_sql import translate
from sqlstore.engine.sqltext import ScanError, line_and_column
from sqlstore.engine.values import Engine

_CHECK_LINE = re.compile(r"check:\s*(?P<code>[\w-]*)\s*(?:,\s*(?P<reason>\S.*))?")
DECLARABLE: Final = ("full-scan", "unused")
"""What a line `-- check: CODE, REASON` can say is meant so."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A query as its file has it, for one engine.

    path: see Finding. text: the whole file's. shared: both engines use this file.
    """

    path: str
    text: str
    block: Block
    engine: Engine
    shared: bool

    @property
    def question(self) -> Question:
        """What the database is asked."""
        typed, untyped = (
            translate(self.block.tokens, self.block.header, self.block.offset, self.engine, casts=casts)
            for casts in (True, False)
        )
        return Question(typed.sql, untyped.sql, self.block.header.parameters)

    def finding(self, code: Code, problem: str, offset: int | None = None) -> Finding:
        """A finding at an offset of the file, by default the header's."""
        line, column = line_and_column(self.text, self.block.offset if offset is None else offset)
        return Finding(self.path, line, column, code, problem)

    def offset_of_sql(self, offset: int) -> int:
        """Where in the file a place in the translated SQL comes from."""
        header = self.block.header
        texts = translate(self.block.tokens, header, self.block.offset, self.engine).texts
        starts = list(accumulate(map(len, texts), initial=0))
        for token, text, start in zip(self.block.tokens, texts, starts, strict=False):
            if offset < start + len(text):
                return token.start + (offset - start if text == token.text else 0)
        return self.block.tokens[-1].end

    def offset_of_parameter(self, name: str) -> int:
        """Where the header declares a parameter."""
        return self._in_header(rf"(?<=[(,\s]){name}\s*:(?!.*\()")

    def offset_of_result(self) -> int:
        """Where the header says what comes back."""
        return self._in_header(r"(?<=\)):|(?<=\)\s):")

    def offset_of_word(self, word: str) -> int:
        """Where the statement first names a table."""
        named = (token for token in self.block.tokens if token.text.strip('"`[]').lower() == word.lower())
        return next((token.start for token in named), self.block.offset)

    def check_lines(self) -> Iterator[tuple[int, str, str]]:
        """The lines `-- check: CODE, REASON` of the comment: offset, code, reason ("" where missing)."""
        offset = self.block.offset
        for line in self.block.doc.split("\n") if self.block.doc else ():
            offset = self.text.index("\n", offset) + 1
            found = _CHECK_LINE.fullmatch(line.strip())
            if found:
                yield offset, found["code"], found["reason"] or ""

    def declares(self, code: Code) -> bool:
        """Whether a line of the comment says that this is meant so."""
        return any(declared == code and reason for _, declared, reason in self.check_lines())

    def _in_header(self, pattern: str) -> int:
        end = self.text.find("\n", self.block.offset)
        found = re.compile(pattern).search(self.text, self.block.offset, end if end >= 0 else len(self.text))
        return found.start() if found else self.block.offset


def read_sources(folder: Path, engine: Engine) -> dict[str, Source]:
    """The queries of one engine, `users.get`, of all files that can be read."""
    sources = {}
    for table, files in read_folder(folder, lambda _: None).items():
        for file in files:
            if file.engine not in (None, engine):
                continue
            path = _path(folder, file.path)
            try:
                blocks = read_blocks(file.text, engine)
            except ScanError:
                continue
            for block in blocks:
                sources[f"{table}.{block.header.name}"] = Source(
                    path, file.text, block, engine, file.engine is None
                )
    return sources


def load_finding(folder: Path, problem: QueryFileError) -> Finding:
    """What the loader refuses, with a path that opens."""
    return Finding(_path(folder, problem.path), problem.line, problem.column, "load", problem.problem)


def _path(folder: Path, path: str) -> str:
    """The path of messages as one that opens."""
    return shown_path(Path(str(folder), path.removeprefix(f"{folder_label(folder)}/")))


def check_line_findings(source: Source) -> Iterator[Finding]:
    """Lines `-- check: …` that are not understood."""
    for offset, code, reason in source.check_lines():
        if code not in DECLARABLE or not reason:
            known = " or ".join(DECLARABLE)
            problem = f"write `-- check: CODE, REASON`, where CODE is {known}"
            yield source.finding("check-line", problem, offset)
