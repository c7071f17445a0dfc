"""A folder of backups: what is in it, how it stands, and which ones are old enough to go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from sqlstore.capabilities.backup.manifest import SUFFIX, Manifest, manifest_path, read_manifest
from sqlstore.engine.errors import ConfigurationError, StoreError

_BACKUP_SUFFIXES: Final = (".db", ".dump")
State = Literal["verified", "complete", "damaged", "unknown"]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a folder of backups.

    - state: "verified" was read back whole once; "complete" was checked as it was made;
      "damaged" is not what the manifest says; "unknown" has none, or one that cannot be used.
    - size: in bytes. problem: what is wrong, "" for nothing.
    - manifest: None where it cannot be read.
    """

    file: Path
    size: int
    state: State
    problem: str = ""
    manifest: Manifest | None = None


def list_backups(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first, those without a time last; [] where it is missing.

    Only names, sizes and manifests are looked at: `verify` reads the files. Raises
    ConfigurationError where the folder cannot be read.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error.strerror}") from error
    found = list(_look_at_each(path for path in paths if _is_backup(path)))
    dated = sorted((each for each in found if each.manifest), key=_age, reverse=True)
    return dated + [each for each in found if each.manifest is None]


def _is_backup(path: Path) -> bool:
    if path.name.startswith(".") or path.name.endswith(SUFFIX) or not path.is_file():
        return False
    return path.suffix in _BACKUP_SUFFIXES or manifest_path(path).exists()


def _look_at_each(paths: Iterable[Path]) -> Iterator[Backup]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # another process rotates
            yield look_at(path)


def look_at(file: Path) -> Backup:
    """One file, without reading it. Raises OSError."""
    size = file.stat().st_size
    try:
        manifest = read_manifest(file)
    except StoreError as error:
        return Backup(file=file, size=size, state="unknown", problem=str(error))
    if size != manifest.size:
        problem = f"has {size} bytes instead of {manifest.size}"
        return Backup(file=file, size=size, state="damaged", problem=problem, manifest=manifest)
    state: State = "verified" if manifest.verified_at else "complete"
    return Backup(file=file, size=size, state=state, manifest=manifest)


def good_backups(folder: Path, database: str) -> list[tuple[Path, Manifest]]:
    """Those of one database that are as large as they should be, newest first."""
    return [
        (each.file, each.manifest)
        for each in list_backups(folder)
        if each.manifest and each.state != "damaged" and each.manifest.database == database
    ]


def rotate(newest: Path, database: str, keep: int) -> list[Path]:
    """Delete the good backups of one database but `newest`, just made, and `keep - 1` others; gives those that went.

    Files of other databases, without a manifest, or damaged are left alone. The folder's
    lock is held by the caller.
    """
    others = [file for file, _ in good_backups(newest.parent, database) if file != newest]
    old = others[keep - 1 :]
    for file in old:
        file.unlink(missing_ok=True)
        manifest_path(file).unlink(missing_ok=True)  # last: what is left of a kill is swept up by its name
    return old


def sweep_manifests(folder: Path) -> None:
    """Delete manifests whose backup is not there: a killed process left them. The lock is held."""
    for manifest in folder.glob(f"*{SUFFIX}"):
        if not manifest.with_name(manifest.name.removesuffix(SUFFIX)).exists():
            manifest.unlink(missing_ok=True)


def _age(backup: Backup) -> datetime:
    assert backup.manifest is not None  # noqa: S101 - sorted out before
    return backup.manifest.created_at
