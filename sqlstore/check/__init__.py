"""What verifies a store's SQL files against live databases; see docs/check.md.

targets = [Target("diary", sql, MigrationSource("diary", migrations), rows, code=(folder,))]
report = await check(targets, {"sqlite": ""}, lambda done, total: None)
"""

from sqlstore.check.findings import Finding, Report
from sqlstore.check.run import Target, check

__all__ = ["Finding", "Report", "Target", "check"]
