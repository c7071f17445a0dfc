"""Making a backup, looking whether it is sound, and restoring it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from sqlstore.capabilities.backup.folder import Backup, look_at, rotate, sweep_manifests
from sqlstore.capabilities.backup.manifest import (
    Manifest,
    file_digest,
    manifest_path,
    publish_manifest,
    read_manifest,
    rewrite_manifest,
)
from sqlstore.engine.backup import BackupSource, backup_source, check_file, restore_target
from sqlstore.engine.clock import now
from sqlstore.engine.driver import Driver
from sqlstore.engine.errors import ConfigurationError, CorruptDatabase, DeadlineExceeded
from sqlstore.engine.files import cannot_make
from sqlstore.engine.partial_files import locked_folder, partial_file, publish, refuse_existing
from sqlstore.engine.resources import migrations_folder
from sqlstore.engine.version import VERSION
from sqlstore.engine.watch import OnStep, Watch
from sqlstore.migrations import MigrationSource
from sqlstore.migrations.errors import NewerDatabase
from sqlstore.migrations.files import read_files

DEFAULT_TIMEOUT_S: Final = 4 * 3600.0
"""How long a backup or a restore may take, in seconds, waiting included."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made. deleted: older ones that went because of `keep`."""

    file: Path
    manifest: Manifest
    deleted: tuple[Path, ...] = ()


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored, and where. drill: it was only tried, and nothing is there."""

    file: Path
    database: str
    drill: bool
    manifest: Manifest


async def backup(
    driver: Driver,
    target: Path | None = None,
    *,
    folder: Path | None = None,
    keep: int | None = None,
    verify: bool = False,
    on_progress: OnStep | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Made:
    """Copy an open database, while it is in use, into a file that is whole or not there at all.

    - target: None means NAME_YYYYmmdd_HHMMSS.db (or .dump), in UTC, in `folder`.
    - folder: None means `backups/` beside a SQLite file, or in the working folder for PostgreSQL.
    - keep: how many backups of this database stay in the folder, this one included;
      None deletes none. Only good ones count, and only those are deleted.
    - verify: read the backup back whole before it gets its name.

    It is checked as it is made: integrity (SQLite), the archive's list (PostgreSQL).
    Its manifest lies beside it. Raises ConfigurationError (a name that is taken, pg_dump is
    missing, …), StorageFull, ReadOnlyDatabase, CorruptDatabase, Unavailable, DeadlineExceeded;
    then there is no new backup and every old one is still there.
    """
    if keep is not None and keep < 1:
        raise ConfigurationError("keep must be 1 or more: a backup that is deleted at once is none")
    source = backup_source(driver)
    await driver.fetch("SELECT 1")  # raises where it is closed, away, or in a transaction of the caller's
    target = place_for(source, target, folder)
    watch = Watch(on_progress)
    async with limited(timeout_s, target), locked_folder(target.parent, watch):
        return await make(source, target, keep=keep, verify=verify, watch=watch)


async def make(source: BackupSource, target: Path, *, keep: int | None, verify: bool, watch: Watch) -> Made:
    """The work of `backup`, under the lock of the target's folder."""
    sweep_manifests(target.parent)
    refuse_existing(target)
    started = now()
    with partial_file(target) as partial:
        contents = await source.copy(partial, watch)
        manifest = Manifest(
            program=f"sqlstore {VERSION}",
            engine=source.engine,
            database=source.database,
            created_at=started,
            size=partial.stat().st_size,
            sha256=await watch.in_thread(file_digest, partial, watch),
            contents=contents,
        )
        if verify:
            await check_file(manifest.engine, partial, contents, watch)
            manifest = msgspec.structs.replace(manifest, verified_at=now())
        _publish(partial, target, manifest)
    deleted = rotate(target, source.database, keep) if keep else []
    return Made(file=target, manifest=manifest, deleted=tuple(deleted))


def _publish(partial: Path, target: Path, manifest: Manifest) -> None:
    """First the manifest: alone it is no backup, and a backup without one could not be checked."""
    refuse_existing(target)
    try:
        publish_manifest(target, manifest)
        publish(partial, target)
    except BaseException:
        if not target.exists():
            manifest_path(target).unlink(missing_ok=True)
        raise


async def verify(
    file: Path, *, on_progress: OnStep | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Backup:
    """Read a backup from end to end and compare it with its manifest, which notes the time.

    SQLite: every page and row. PostgreSQL: the archive and its checksum; only a restore,
    or a drill, counts its rows. Raises CorruptDatabase, ConfigurationError, DeadlineExceeded.
    """
    watch = Watch(on_progress)
    async with limited(timeout_s, file):
        manifest = await _checked(file, watch)
        await check_file(manifest.engine, file, manifest.contents, watch)
        manifest = msgspec.structs.replace(manifest, verified_at=now())
        with contextlib.suppress(OSError):  # such as a folder that is kept read-only
            rewrite_manifest(file, manifest)
    return Backup(file=file, size=manifest.size, state="verified", manifest=manifest)


async def restore(
    file: Path,
    url: str,
    *,
    drill: bool = False,
    sources: Iterable[MigrationSource] = (),
    on_progress: OnStep | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Restored:
    """Put a backup where no database is: a new file, or a schema that is missing or empty.

    - drill: only try it, beside the place that the URL means (a file in the same folder, a
      database of its own on the server), compare every row, and leave nothing.
    - sources: the migrations of stores of your own; those of the built-in ones are known.

    Before anything is written the file is compared with its manifest, and its newest
    migrations with those that this program knows; afterwards every table with what was
    backed up. Raises ConfigurationError (something is there already, …), CorruptDatabase,
    NewerDatabase, StorageFull, Unavailable, DeadlineExceeded; nothing is there then, unless
    the message says so.
    """
    watch = Watch(on_progress)
    async with limited(timeout_s, file):
        manifest = read_manifest(file)
        target = restore_target(url, manifest.engine)
        _check_known(manifest, {source.store: source for source in sources})
        manifest = await _checked(file, watch)
        work = target.drill if drill else target.restore
        await work(file, manifest.contents, watch)
    return Restored(file=file, database=target.database, drill=drill, manifest=manifest)


async def _checked(file: Path, watch: Watch) -> Manifest:
    """The manifest of a file that is what it says, byte by byte."""
    manifest = read_manifest(file)
    found = look_at(file)
    if found.state == "damaged":
        raise CorruptDatabase(f"{file} {found.problem}; use another backup")
    try:
        digest = await watch.in_thread(file_digest, file, watch)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    if digest != manifest.sha256:
        raise CorruptDatabase(f"{file} is damaged: its SHA-256 is not the manifest's; use another backup")
    return manifest


def _check_known(manifest: Manifest, sources: Mapping[str, MigrationSource]) -> None:
    for store, newest in manifest.contents.stores.items():
        source = sources.get(store) or MigrationSource(store, migrations_folder(store))
        if not source.folder.is_dir():
            continue  # a store of somebody's own: what opens it will look
        known = max((file.version for file in read_files(source, manifest.engine)), default=0)
        if newest > known:
            raise NewerDatabase(
                f"the backup has migration {newest:04} and this program knows {known:04} as the newest; "
                "update the program first",
                store=store,
                versions=(newest,),
            )


def place_for(source: BackupSource, target: Path | None, folder: Path | None) -> Path:
    """Where a backup goes; without a target it is named after the database and the time."""
    if target is not None:
        return target.absolute()
    name = f"{source.stem}_{now():%Y%m%d_%H%M%S_%f}{source.suffix}"
    return (folder or source.folder).absolute() / name


@asynccontextmanager
async def limited(timeout_s: float, file: Path) -> AsyncIterator[None]:
    """End what takes too long, and tell what the system refuses as one of our errors."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise DeadlineExceeded(f"{file}: not done after {timeout_s:.0f} s; nothing was written") from None
    except OSError as error:
        raise cannot_make(file, error) from error
