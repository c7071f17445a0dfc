"""Files and history side by side: what is applied, what is to do, what contradicts.

Everything here is computed from what was read; nothing asks the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlstore.engine.migration_book import Applied, History
from sqlstore.migrations.errors import HistoryError, MigrationError
from sqlstore.migrations.files import Migration

Mark = Literal[
    "applied", "pending", "cosmetic", "edited", "missing", "newer", "unfinished", "baseline", "accepted"
]
"""
- cosmetic: applied; comments or white space of the file changed since.
- edited: applied; the file's SQL changed since.
- missing: applied; the file is gone.
- newer: applied by newer code: above all files.
- unfinished: a migration outside transactions that was started and not finished.
- baseline: not run; what it makes was there before.
- accepted: applied; its file was edited since, or is gone, and somebody said that this is well.
"""


_UNFINISHED = (
    "a migration outside transactions was started and not finished; look whether it took effect, "
    "then run `resolve VERSION --applied` or `--not-applied`"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version: its file, its row in the book, or both."""

    version: int
    name: str
    mark: Mark
    file: Migration | None
    row: Applied | None


def compare(files: Sequence[Migration], history: History) -> list[Entry]:
    """An entry for each version, in order. Raises MigrationFileError for a changed file that is wrong."""
    by_version = {file.version: file for file in files}
    rows = {row.version: row for row in history.applied}
    newest = max(by_version, default=0)
    return [
        _entry(version, by_version.get(version), rows.get(version), newest)
        for version in sorted(by_version.keys() | rows.keys())
    ]


def _entry(version: int, file: Migration | None, row: Applied | None, newest_file: int) -> Entry:
    if row is not None:
        mark: Mark = "unfinished" if row.state == "started" else _applied_mark(file, row, newest_file)
        return Entry(version, row.name, mark, file, row)
    if file is None:
        raise AssertionError("a version comes from a file or a row")
    return Entry(version, file.name, "pending", file, None)


def _applied_mark(file: Migration | None, row: Applied, newest_file: int) -> Mark:
    if file is None:
        if row.version > newest_file:
            return "newer"
        return "accepted" if row.accepted == "missing" else "missing"
    if row.checksum == file.quick_checksum or row.checksum == file.content.checksum:  # noqa: PLR1714 - scans only if needed
        if row.state == "baseline":
            return "baseline"
        return "accepted" if row.accepted == "edited" else "applied"
    return "cosmetic" if row.fingerprint == file.content.fingerprint else "edited"


def pending(entries: Iterable[Entry]) -> list[Migration]:
    """What is to do, in order.

    One that is not finished is in it: somebody may be running it, which only the lock tells.
    """
    return [
        entry.file for entry in entries if entry.mark in ("pending", "unfinished") and entry.file is not None
    ]


def marked(entries: Iterable[Entry], mark: Mark) -> tuple[int, ...]:
    """The versions with that mark, in order."""
    return tuple(entry.version for entry in entries if entry.mark == mark)


def check(store: str, entries: Sequence[Entry], history: History, *, locked: bool) -> None:
    """Raise HistoryError where files and history contradict each other.

    locked: whether the lock is held, so that nobody can be running an unfinished migration.
    """
    check_book(store, history)
    for problem, versions in _problems(entries, locked=locked):
        if versions:
            raise HistoryError(f"{problem}: {numbers(versions)}", store=store, versions=versions)
    _check_tables(store, entries, history)


def check_finished(store: str, entries: Iterable[Entry]) -> None:
    """Raise HistoryError for a migration that was started, and of which nobody knows how it ended."""
    versions = marked(entries, "unfinished")
    if versions:
        raise HistoryError(f"{_UNFINISHED}: {numbers(versions)}", store=store, versions=versions)


def check_book(store: str, history: History) -> None:
    """Raise HistoryError where the table `migrations` is somebody else's."""
    if history.foreign_book:
        raise HistoryError(
            "the database has a table `migrations` that is not ours (it has no column checksum); "
            "rename that table, or use another database",
            store=store,
        )


def _problems(entries: Sequence[Entry], *, locked: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Sentences, and the versions to which they apply, perhaps none."""
    if locked:
        yield _UNFINISHED, marked(entries, "unfinished")
    edited = (
        "applied migrations whose files were edited; undo that and write a new migration "
        "(or, where the tables are as the file has them now, `accept --edited VERSION`)"
    )
    yield edited, marked(entries, "edited")
    missing = "applied migrations whose files are gone; put the files back (or `accept --missing VERSION`)"
    yield missing, marked(entries, "missing")
    newest = max((entry.version for entry in entries if entry.row), default=0)
    late = f"not applied although {newest:04} is; give them numbers after that"
    yield late, tuple(version for version in marked(entries, "pending") if version < newest)


def _check_tables(store: str, entries: Sequence[Entry], history: History) -> None:
    """The first migration must not find its tables there: made by another store, or by other means."""
    if history.applied:
        return
    present = {table.lower() for table in history.tables}
    clashing = sorted(
        present & frozenset().union(*(migration.content.tables for migration in pending(entries)))
    )
    if clashing:
        raise HistoryError(
            f"the database has no migrations of this store, but tables of these names: {', '.join(clashing)}; "
            "give each store a database of its own (on PostgreSQL a schema: add ?schema=... to the URL), or, "
            "where these are this store's tables, say which migration they are at: `baseline VERSION`",
            store=store,
        )


def select(pending_migrations: Sequence[Migration], to: int | None, steps: int | None) -> list[Migration]:
    """Those up to and including version `to`, at most `steps` of them; None means all."""
    _check_steps(steps)
    chosen = [migration for migration in pending_migrations if to is None or migration.version <= to]
    return chosen[:steps]


def select_down(rows: Sequence[Applied], to: int | None, steps: int | None) -> list[Applied]:
    """Those above version `to`, or the `steps` newest, newest first; one where both are None."""
    _check_steps(steps)
    if to is None and steps is None:
        steps = 1
    newest_first = sorted(rows, key=lambda row: row.version, reverse=True)
    return [row for row in newest_first if to is None or row.version > to][:steps]


def check_target(entries: Iterable[Entry], to: int | None) -> None:
    """Raise MigrationError for a version that neither a file nor the book has; 0 is always there."""
    if to and to not in {entry.version for entry in entries}:
        raise MigrationError(f"there is no migration {to:04}; name one that `status` lists")


def title(version: int, name: str) -> str:
    """`0003_add_index`."""
    return f"{version:04}_{name}"


def numbers(versions: Iterable[int]) -> str:
    """`0003, 0007`."""
    return ", ".join(f"{version:04}" for version in versions)


def _check_steps(steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise MigrationError("steps must be 1 or more")
