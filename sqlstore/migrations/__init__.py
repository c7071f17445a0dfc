"""The migration runner: brings a store's tables to the state its files describe.

source = MigrationSource("support", Path("migrations_sql/support"))
report = await migrate(driver, source)
"""

from sqlstore.migrations.errors import (
    HistoryError,
    LockTimeout,
    MigrationError,
    MigrationFailed,
    MigrationFileError,
    NewerDatabase,
    PendingMigrations,
)
from sqlstore.migrations.files import Migration, MigrationSource, load
from sqlstore.migrations.report import Event, Report, Status, StatusLine, Step
from sqlstore.migrations.run import Reversal
from sqlstore.migrations.runner import (
    down,
    ensure_current,
    migrate,
    plan_down,
    status,
    status_without_database,
)

__all__ = [
    "Event",
    "HistoryError",
    "LockTimeout",
    "Migration",
    "MigrationError",
    "MigrationFailed",
    "MigrationFileError",
    "MigrationSource",
    "NewerDatabase",
    "PendingMigrations",
    "Report",
    "Reversal",
    "Status",
    "StatusLine",
    "Step",
    "down",
    "ensure_current",
    "load",
    "migrate",
    "plan_down",
    "status",
    "status_without_database",
]
