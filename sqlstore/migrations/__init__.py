"""The migration runner: brings a store's tables to the state its files describe.

source = MigrationSource("support", Path("migrations_sql/support"))
report = await migrate(driver, source)
"""

from sqlstore.migrations.create import create
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
from sqlstore.migrations.preview import Plan, Planned, plan_up, rows_to_drop, sql_script
from sqlstore.migrations.repair import accept, baseline, resolve
from sqlstore.migrations.report import Event, Report, Status, StatusLine, Step
from sqlstore.migrations.run import Reversal
from sqlstore.migrations.runner import down, ensure_current, migrate, plan_down, redo, status
from sqlstore.migrations.validate import FileProblem, Validation, validate

__all__ = [
    "Event",
    "FileProblem",
    "HistoryError",
    "LockTimeout",
    "Migration",
    "MigrationError",
    "MigrationFailed",
    "MigrationFileError",
    "MigrationSource",
    "NewerDatabase",
    "PendingMigrations",
    "Plan",
    "Planned",
    "Report",
    "Reversal",
    "Status",
    "StatusLine",
    "Step",
    "Validation",
    "accept",
    "baseline",
    "create",
    "down",
    "ensure_current",
    "load",
    "migrate",
    "plan_down",
    "plan_up",
    "redo",
    "resolve",
    "rows_to_drop",
    "sql_script",
    "status",
    "validate",
]
