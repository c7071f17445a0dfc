"""What the migration runner raises; each tells what to do next.

    MigrationError
    ├── MigrationFileError     a migration file or folder that cannot be used: path, line, column
    ├── MigrationFailed        the database refused a migration; it was rolled back whole
    ├── HistoryError           the files and the recorded history contradict each other
    │   └── NewerDatabase      the database was migrated by newer code that this code must not follow
    ├── PendingMigrations      the database lacks migrations, and this call only checks
    └── LockTimeout            somebody else held the database for all of `lock_wait_s`

After every one of them a migration is either applied whole and recorded, or it left no trace.
"""

from __future__ import annotations

from sqlstore.engine.errors import MigrationError

__all__ = [
    "HistoryError",
    "LockTimeout",
    "MigrationError",
    "MigrationFailed",
    "MigrationFileError",
    "NewerDatabase",
    "PendingMigrations",
]


class MigrationFileError(MigrationError):
    """A migration file that cannot be used. Nothing was run.

    Attributes: path (str), line and column (int from 1, or None where the whole file or
    folder is meant), problem (str).
    """

    def __init__(self, path: str, problem: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(f"{_place(path, line, column)}: {problem}")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem


class MigrationFailed(MigrationError):
    """The database refused a migration. It was rolled back; the ones before it stay.

    What a migration outside transactions (or one that ended ours) did before it failed stays too.

    Attributes: store, version, name, path (str); line and column (int from 1, or None where
    the database does not tell the place); statement (str, the SQL that failed, or None);
    code (SQLSTATE or SQLite result name, or None); problem (str); rolled_back (bool).
    """

    def __init__(
        self,
        problem: str,
        *,
        store: str,
        version: int,
        name: str,
        path: str,
        line: int | None = None,
        column: int | None = None,
        statement: str | None = None,
        code: str | None = None,
        rolled_back: bool = True,
    ) -> None:
        detail = f" ({code})" if code else ""
        outcome = "rolled back" if rolled_back else "NOT rolled back: look at what it did before it failed"
        super().__init__(f"{_place(path, line, column)}: {problem}{detail}; {outcome}")
        self.store = store
        self.version = version
        self.name = name
        self.path = path
        self.line = line
        self.column = column
        self.statement = statement
        self.code = code
        self.problem = problem
        self.rolled_back = rolled_back


class HistoryError(MigrationError):
    """The files and the history recorded in the database contradict each other. Nothing was run.

    Attributes: store (str), versions (the migrations concerned), diff (unified diff of an
    edited file against what was applied, else "").
    """

    def __init__(self, problem: str, *, store: str, versions: tuple[int, ...] = (), diff: str = "") -> None:
        super().__init__(f"{store}: {problem}" + (f"\n{diff}" if diff else ""))
        self.store = store
        self.versions = versions
        self.diff = diff


class NewerDatabase(HistoryError):
    """A newer version migrated this database and says that older code must not use it."""


class PendingMigrations(MigrationError):
    """The database lacks migrations. Attributes: store (str), versions (in order)."""

    def __init__(self, store: str, versions: tuple[int, ...]) -> None:
        super().__init__(
            f"{store}: {len(versions)} migrations are not applied, the first is {versions[0]:04}; "
            f"run `python -m sqlstore.migrate up --store {store}`"
        )
        self.store = store
        self.versions = versions


class LockTimeout(MigrationError):
    """Somebody else held the database too long. Nothing was changed by the migration.

    Attributes: waited_s (float), holder (str, who holds it as far as the database tells).
    """

    def __init__(self, waited_s: float, holder: str) -> None:
        super().__init__(
            f"waited {waited_s:.0f} s for the database, which is held by {holder}; "
            "try again, or wait longer with --lock-wait (lock_wait_s)"
        )
        self.waited_s = waited_s
        self.holder = holder


def _place(path: str, line: int | None, column: int | None) -> str:
    return path if line is None else f"{path}:{line}:{column}"
