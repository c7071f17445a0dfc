"""Migration files: `0007_add_index.sql`, or twins `0007_add_index.sqlite.sql` / `.postgres.sql`.

Files are UTF-8; a byte order mark and CRLF line ends make no difference. What
stands in them: sqlstore.migrations.content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.sqltext import ScanError, line_and_column
from sqlstore.engine.values import Engine
from sqlstore.migrations.content import Content, parse, quick_checksum
from sqlstore.migrations.errors import MigrationFileError

_STORE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FILE_NAME = re.compile(r"(\d{4,})_([a-z0-9_]+)(?:\.(sqlite|postgres))?\.sql")
_LARGEST_VERSION = 2**63 - 1

OnProblem: TypeAlias = Callable[[MigrationFileError], None]
"""Told of what is wrong with the files; where it returns, the reading goes on without that file."""


@dataclass(frozen=True, slots=True)
class MigrationSource:
    """A store's migrations. folder: a Path, or a folder inside a package or zip file.

    Raises ConfigurationError for a store name other than `[a-z][a-z0-9_]*`.
    """

    store: str
    folder: Path

    def __post_init__(self) -> None:
        if not _STORE_NAME.fullmatch(self.store):
            raise ConfigurationError(
                f"{self.store!r} cannot be a store's name; use small letters, digits and _, a letter first"
            )


@dataclass(frozen=True)
class Migration:
    """A migration file as it was read; its content is taken apart when it is first asked for.

    path: where it is, for messages. text: without byte order mark, lines end with LF.
    """

    version: int
    name: str
    path: str
    text: str
    engine: Engine

    @cached_property
    def quick_checksum(self) -> str:
        """See sqlstore.migrations.content.quick_checksum."""
        return quick_checksum(self.text)

    @cached_property
    def content(self) -> Content:
        """Raises MigrationFileError with line and column."""
        try:
            return parse(self.text, self.engine)
        except ScanError as error:
            place = line_and_column(self.text, error.offset)
            raise MigrationFileError(self.path, error.problem, *place) from None


def load(source: MigrationSource, engine: Engine) -> list[Migration]:
    """All migrations of a store in order, every one checked. Raises MigrationFileError."""
    migrations = read_files(source, engine)
    check_contents(migrations)
    return migrations


def check_contents(migrations: Iterable[Migration]) -> None:
    """Take each apart, which checks it. Raises MigrationFileError."""
    for migration in migrations:
        migration.content  # noqa: B018 - asking for it is the check


def _refuse(error: MigrationFileError) -> None:
    raise error


def read_files(source: MigrationSource, engine: Engine, on_problem: OnProblem = _refuse) -> list[Migration]:
    """The migration files for one engine in order of version. Raises MigrationFileError."""
    return list(_of_engine(_by_version(source, on_problem), engine, on_problem))


def migration_versions(source: MigrationSource) -> list[int]:
    """The versions that any engine has. Raises MigrationFileError."""
    return list(_by_version(source, _refuse))


def _named_files(folder: Path, on_problem: OnProblem) -> list[Path]:
    """The files with names of migrations."""
    if not folder.is_dir():
        on_problem(MigrationFileError(str(folder), "there is no such folder of migrations"))
        return []
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    entries = [entry for entry in entries if entry.name.endswith(".sql") and not entry.name.startswith(".")]
    wrong = [entry.name for entry in entries if not _FILE_NAME.fullmatch(entry.name)]
    if wrong:
        on_problem(
            MigrationFileError(
                str(folder),
                f"these are no names of migrations: {', '.join(wrong)}; "
                "name them 0001_what_it_does.sql, or .sqlite.sql and .postgres.sql",
            )
        )
    return [entry for entry in entries if entry.name not in wrong]


def _of_engine(
    versions: dict[int, dict[str | None, Path]], engine: Engine, on_problem: OnProblem
) -> Iterator[Migration]:
    for version, candidates in sorted(versions.items()):
        for_us = candidates.get(engine) or candidates.get(None)
        if for_us is None:
            other = str(next(iter(candidates.values())))
            on_problem(
                MigrationFileError(other, f"its twin for {engine} is missing; write it beside this file")
            )
            continue
        match = _FILE_NAME.fullmatch(for_us.name)
        assert match is not None  # noqa: S101 - _named_files saw to it
        try:
            text = _read(for_us)
        except MigrationFileError as error:
            on_problem(error)
        else:
            yield Migration(version, match[2], str(for_us), text, engine)


def _by_version(source: MigrationSource, on_problem: OnProblem) -> dict[int, dict[str | None, Path]]:
    """By version, then by engine, None for a file that serves both."""
    versions: dict[int, dict[str | None, Path]] = {}
    names: dict[int, str] = {}
    for entry in _named_files(source.folder, on_problem):
        match = _FILE_NAME.fullmatch(entry.name)
        assert match is not None  # noqa: S101 - _named_files saw to it
        version, name, engine = int(match[1]), match[2], match[3]
        if not 1 <= version <= _LARGEST_VERSION:
            on_problem(
                MigrationFileError(str(entry), "versions start at 0001 and fit 64 bits; rename the file")
            )
            continue
        same = versions.setdefault(version, {})
        if same and (engine in same or None in same or engine is None or names[version] != name):
            other = next(iter(same.values()))
            on_problem(
                MigrationFileError(
                    str(entry),
                    f"its version {version} is that of {other} too; renumber one, or name them as twins "
                    "(the same name, .sqlite.sql and .postgres.sql)",
                )
            )
            continue
        same[engine] = entry
        names[version] = name
    return versions


def _read(entry: Path) -> str:
    data = entry.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the byte order mark, or not: the line is plain either way
        line = data[: error.start].count(b"\n") + 1
        raise MigrationFileError(
            str(entry), f"byte {error.start} is not UTF-8; save the file as UTF-8", line, 1
        ) from None
    if "\0" in text:
        place = line_and_column(text, text.index("\0"))
        raise MigrationFileError(str(entry), "a NUL character; remove it", *place)
    return text.replace("\r\n", "\n")
