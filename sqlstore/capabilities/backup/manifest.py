"""What lies beside a backup and says what must be in it: `bot_20260102_020000.db.manifest.json`."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from sqlstore.engine.backup import Contents
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase
from sqlstore.engine.files import sync, write_whole
from sqlstore.engine.partial_files import partial_file
from sqlstore.engine.values import Engine
from sqlstore.engine.watch import Watch

FORMAT: Final = 1
"""Of the manifest; a program refuses a newer one than it knows."""
SUFFIX: Final = ".manifest.json"
_CHUNK_BYTES: Final = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """About one backup.

    - database: where it comes from, without user and password. created_at: when the copying began.
    - size: in bytes. sha256: of the file. program: that made it, `sqlstore 0.1.0`.
    - verified_at: when it was last read back whole and found to hold `contents`; None for never.
    """

    format: int = FORMAT
    program: str
    engine: Engine
    database: str
    created_at: datetime
    size: int
    sha256: str
    contents: Contents
    verified_at: datetime | None = None


class _Version(msgspec.Struct):
    format: int


def manifest_path(backup: Path) -> Path:
    """Where the manifest of a backup is."""
    return backup.with_name(backup.name + SUFFIX)


def publish_manifest(backup: Path, manifest: Manifest) -> None:
    """Put the manifest of a new backup in place, whole and on disk. The folder's lock is held."""
    with partial_file(manifest_path(backup)) as partial:
        partial.write_bytes(_encoded(manifest))
        sync(partial)
        partial.replace(manifest_path(backup))
    sync(backup.parent)


def rewrite_manifest(backup: Path, manifest: Manifest) -> None:
    """Replace the manifest of a backup; nobody else's lock is needed."""
    write_whole(manifest_path(backup), _encoded(manifest))


def _encoded(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest))


def read_manifest(backup: Path) -> Manifest:
    """What lies beside a backup.

    Raises ConfigurationError where there is no backup or no manifest, or it is of a newer
    program; CorruptDatabase where it cannot be understood.
    """
    path = manifest_path(backup)
    if not backup.is_file():
        raise ConfigurationError(f"there is no backup {backup}")
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{backup} has no manifest, so nothing says what must be in it; "
            f"put {path.name} beside it, as it was when the backup was made"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    try:
        if msgspec.json.decode(text, type=_Version).format > FORMAT:
            raise ConfigurationError(
                f"{backup} was made by a newer version of sqlstore; update the program first"
            )
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CorruptDatabase(f"{path} is damaged; use another backup") from None


def file_digest(file: Path, watch: Watch) -> str:
    """The SHA-256 of a file. Blocks."""
    digest, total = hashlib.sha256(), file.stat().st_size
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            watch.tell("checking", source.tell(), total)
    return digest.hexdigest()
