"""A store's folder of query files: which files it holds, and their text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeAlias, cast

from sqlstore.engine.errors import ConfigurationError, QueryFileError
from sqlstore.engine.sqltext import ScanError, line_and_column
from sqlstore.engine.values import Engine

TWIN: Final[dict[Engine, Engine]] = {"sqlite": "postgres", "postgres": "sqlite"}
OnProblem: TypeAlias = Callable[[QueryFileError], None]
"""Told what is wrong with a file; where it returns, reading goes on without that file."""
_FILE_NAME = re.compile(r"(?P<table>[a-z][a-z0-9_]*)(\.(?P<engine>sqlite|postgres))?\.sql")


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A file of named queries. path: for messages, `sql/chatbot/users.sql`; engine: None for both."""

    path: str
    table: str
    engine: Engine | None
    text: str

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """A block whose ScanErrors become QueryFileErrors of this file."""
        try:
            yield
        except ScanError as error:
            line, column = line_and_column(self.text, error.offset)
            raise QueryFileError(self.path, line, column, error.problem) from None


def refuse(problem: QueryFileError) -> NoReturn:
    """The OnProblem that raises what it is told."""
    raise problem


def folder_label(folder: Path) -> str:
    """What the paths of a folder's files begin with in messages: `sql/chatbot`."""
    return "/".join(part for part in str(folder).replace("\\", "/").split("/")[-2:] if part)


def read_folder(folder: Path, on_problem: OnProblem = refuse) -> dict[str, list[QueryFile]]:
    """The query files of a folder by table, sorted by name.

    Raises ConfigurationError where the folder is missing or holds no .sql file,
    and tells on_problem of a file that has no place in it, cannot be read, or lacks its twin.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder of queries at {folder}; give the folder of .sql files")
    label = folder_label(folder)
    tables: dict[str, list[QueryFile]] = {}
    problems = 0
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        try:
            if not entry.name.startswith(".") and _holds_queries(entry, f"{label}/{entry.name}"):
                file = _read(entry, f"{label}/{entry.name}")
                tables.setdefault(file.table, []).append(file)
        except QueryFileError as problem:
            problems += 1
            on_problem(problem)
    if not tables and not problems:
        raise ConfigurationError(f"the folder {label} holds no .sql file; write one for each table")
    return {table: files for table, files in tables.items() if _twins_exist(files, on_problem)}


def _holds_queries(entry: Path, path: str) -> bool:
    if not entry.is_dir():
        return entry.name.lower().endswith(".sql")
    for inner in entry.iterdir():
        if inner.name.endswith(".sql"):
            problem = "query files lie in the store's own folder, not in one below it; move it up"
            raise QueryFileError(f"{path}/{inner.name}", 1, 1, problem)
    return False


def _read(entry: Path, path: str) -> QueryFile:
    name = _FILE_NAME.fullmatch(entry.name)
    if name is None:
        problem = "name it table.sql, or table.sqlite.sql and table.postgres.sql; table is [a-z][a-z0-9_]*"
        raise QueryFileError(path, 1, 1, problem)
    try:
        content = entry.read_bytes()
    except OSError as error:
        raise QueryFileError(path, 1, 1, f"cannot be read: {error.strerror}") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        problem = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        raise QueryFileError(path, *line_and_column(before, len(before)), problem) from None
    return QueryFile(path, name["table"], cast("Engine | None", name["engine"]), text)


def _twins_exist(files: list[QueryFile], on_problem: OnProblem) -> bool:
    engines = {file.engine for file in files}
    for file in files:
        if file.engine is not None and TWIN[file.engine] not in engines:
            twin = f"{file.table}.{TWIN[file.engine]}.sql"
            problem = f"has no twin {twin}; write it, or rename this to .sql"
            on_problem(QueryFileError(file.path, 1, 1, problem))
            return False
    return True
