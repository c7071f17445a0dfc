"""Everything that is wrong with a store's migration files; no database is asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sqlstore.engine.values import Engine
from sqlstore.migrations.create import ENGINES
from sqlstore.migrations.errors import MigrationFileError
from sqlstore.migrations.files import MigrationSource, read_files


class FileProblem(msgspec.Struct, frozen=True):
    """Something wrong. line and column: from 1; None where a whole file or folder is meant."""

    path: str
    line: int | None
    column: int | None
    problem: str


class Validation(msgspec.Struct, frozen=True):
    """What was looked at, and what is wrong with it. migrations: how many versions there are."""

    store: str
    migrations: int
    problems: tuple[FileProblem, ...]


def validate(source: MigrationSource, engines: Iterable[Engine] = ENGINES) -> Validation:
    """Read and check all files of these engines; of one file its first problem is told."""
    found: dict[str, MigrationFileError] = {}  # by its text: a common file is read for each engine

    def note(error: MigrationFileError) -> None:
        found.setdefault(str(error), error)

    versions = set()
    for engine in engines:
        for migration in read_files(source, engine, note):
            versions.add(migration.version)
            try:
                migration.content  # noqa: B018 - asking for it is the check
            except MigrationFileError as error:
                note(error)
    problems = (FileProblem(error.path, error.line, error.column, error.problem) for error in found.values())
    return Validation(source.store, len(versions), tuple(sorted(problems, key=_place)))


def _place(problem: FileProblem) -> tuple[str, int]:
    return problem.path, problem.line or 0
