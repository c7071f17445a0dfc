"""What an adoption raises besides the errors of the database; nothing was changed then.

MigrationError
└── AdoptionError
    ├── NotRecognised   not a database of the old system
    └── RowsRefused     rows that the store's tables would refuse; all are in the report
"""

from __future__ import annotations

from sqlstore.capabilities.adopt.report import Report
from sqlstore.engine.errors import MigrationError


class AdoptionError(MigrationError):
    """The database cannot be adopted. Nothing was changed."""


class NotRecognised(AdoptionError):
    """The database is not one that the store's old system made. Nothing was changed."""


class RowsRefused(AdoptionError):
    """Rows that the store's tables would refuse. Nothing was changed. Attribute: report."""

    def __init__(self, report: Report) -> None:
        first = report.problems[0]
        super().__init__(
            f"{report.store}: {report.problem_count} values are refused, the first in table {first.table}, "
            f"row {first.row}; nothing was changed; mend or delete these rows and try again"
        )
        self.report = report
