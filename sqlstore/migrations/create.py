"""New migration files: the next number, a name that will do, a text to fill in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sqlstore.engine.values import Engine
from sqlstore.migrations.errors import MigrationError, MigrationFileError
from sqlstore.migrations.files import MigrationSource, migration_versions

ENGINES: Final[tuple[Engine, ...]] = ("sqlite", "postgres")
_NAME = re.compile(r"[a-z0-9_]+")
_TEMPLATE = """\
-- {title}: what it is for, in a sentence.
-- migrate: up

-- migrate: down
"""


def create(source: MigrationSource, name: str, *, common: bool = False) -> tuple[Path, ...]:
    """Write the files of the next migration, to be filled in, and give their paths.

    common: one file for both engines, instead of a twin for each. The folder is made if only
    its last part is missing. Raises MigrationFileError, and MigrationError for a name that
    will not do, with one that will.
    """
    if not _NAME.fullmatch(name):
        raise MigrationError(
            f"{name!r} cannot be a migration's name; use small letters, digits and _, such as {_suggestion(name)}"
        )
    folder = source.folder
    if not isinstance(folder, Path):
        raise MigrationFileError(str(folder), "files cannot be written into a package; give a folder")
    try:
        folder.mkdir(exist_ok=True)
        version = max(migration_versions(source), default=0) + 1
        suffixes = [""] if common else [f".{engine}" for engine in ENGINES]
        return tuple(_write(folder, f"{version:04}_{name}{suffix}.sql", name) for suffix in suffixes)
    except OSError as error:
        raise MigrationFileError(str(folder), f"cannot be written to: {error.strerror}") from error


def _write(folder: Path, file_name: str, name: str) -> Path:
    """A file that is there already is an error, never replaced."""
    path = folder / file_name
    with path.open("x", encoding="utf-8") as file:
        file.write(_TEMPLATE.format(title=name.replace("_", " ").capitalize()))
    return path


def _suggestion(name: str) -> str:
    words: Iterable[str] = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return "_".join(words) or "add_language"
