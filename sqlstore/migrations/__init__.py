"""The migration runner: brings a store's tables to the state its files describe.

source = MigrationSource("support", Path("migrations_sql/support"))
report = await migrate(driver, source)
"""

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from sqlstore.migrations.schema_drift import Drift, drift
    from sqlstore.migrations.verification import Verification, verify

__all__ = [
    "Drift",
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
    "Verification",
    "accept",
    "baseline",
    "create",
    "down",
    "drift",
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
    "verify",
]

_RARELY_NEEDED = {
    "Drift": "schema_drift",
    "Verification": "verification",
    "drift": "schema_drift",
    "verify": "verification",
}
"""Where they are: imported when they are first asked for, because every store imports this package."""


def __getattr__(name: str) -> object:
    if name not in _RARELY_NEEDED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_RARELY_NEEDED[name]}"), name)
