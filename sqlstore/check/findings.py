"""What a check finds, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from rich.cells import cell_len

from sqlstore.engine.values import Engine

Code = Literal[
    "load", "sql", "columns", "result-type", "result-null", "engines", "parameter-type", "parameter-null",
    "full-scan", "unused", "check-line", "migration",
]  # fmt: skip
"""See docs/check.md for what each means. A rule for migrations brings a code of its own."""


class Finding(msgspec.Struct, frozen=True, order=True):
    """Something wrong with a file.

    - path: relative to the working folder where it lies below it.
    - line, column: from 1, columns in characters.
    - code: a Code; problem: what is wrong and what to do.
    """

    path: str
    line: int
    column: int
    code: str
    problem: str


class Checked(msgspec.Struct, frozen=True):
    """How many queries of a store were looked at, and on which databases."""

    store: str
    engines: tuple[Engine, ...]
    queries: int


class Report(msgspec.Struct, frozen=True):
    """findings: sorted by place, none twice. not_checked: what was left out, in words."""

    findings: tuple[Finding, ...]
    checked: tuple[Checked, ...]
    not_checked: tuple[str, ...]


def shown_path(file: Path) -> str:
    """A path that opens from the working folder."""
    path = Path(str(file))
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else os.fspath(path)


def lines_of(finding: Finding) -> Iterator[str]:
    """A finding as compilers show theirs: the place, the problem, the line and a caret below it."""
    yield f"{finding.path}:{finding.line}:{finding.column}: [{finding.code}] {finding.problem}"
    source = _source_line(finding)
    if source.strip():
        number = f"{finding.line:>6}"
        yield f"{number} | {source}"
        yield f"{' ' * len(number)} | {_blank(source[: finding.column - 1])}^"


def _source_line(finding: Finding) -> str:
    try:
        text = Path(finding.path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = text.split("\n")
    return lines[finding.line - 1].rstrip("\r") if finding.line <= len(lines) else ""


def _blank(text: str) -> str:
    """Blanks as wide as a text; Thai and Chinese letters are not all one cell wide."""
    return "".join("\t" if letter == "\t" else " " * cell_len(letter) for letter in text)
