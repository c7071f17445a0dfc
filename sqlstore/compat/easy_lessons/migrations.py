"""The tutoring bot's migrations by hand; `DatabaseManager.initialize` applies them by itself."""

from __future__ import annotations

from typing import Any

from sqlstore.compat.easy_lessons.database import DatabaseManager
from sqlstore.migrations import down, migrate, status
from sqlstore.stores.lessons import Lessons


class MigrationManager:
    """What was applied, what is pending, and doing something about it.

    Its methods but `get_migration_status` raise Unavailable while the database is away
    or switched off, and a MigrationError where the runner does.
    """

    def __init__(self, database: DatabaseManager) -> None:
        self._database = database

    async def initialize(self) -> None:
        """Open the database if it is not open, and apply what is pending.

        Without a database nothing is done: the bot goes on in memory.
        """
        if await self._database.initialize():
            await self.apply_migrations()

    async def apply_migrations(self) -> list[int]:
        """Apply what is pending; the versions, in order."""
        report = await self._database.use(lambda lessons: migrate(lessons.driver, Lessons.migration_source()))
        return [step.version for step in report.steps]

    async def rollback(self, steps: int = 1) -> list[int]:
        """Take back the newest migrations, with everything in their tables; the versions.

        For development: until `apply_migrations` the store has no tables.
        """
        report = await self._database.use(
            lambda lessons: down(lessons.driver, Lessons.migration_source(), steps=steps)
        )
        return [step.version for step in report.steps]

    async def get_migration_status(self) -> dict[str, Any]:
        """How the migrations stand.

        - status: `available`, or `unavailable` and nothing else while there is no database.
        - applied_migrations, pending_migrations: versions; total_migrations: how many there are.
        - migrations: each as `{"version", "name", "applied_at"}`, applied_at None while pending.
        """
        if not self._database.is_available:
            return {"status": "unavailable"}
        found = await self._database.use(lambda lessons: status(lessons.driver, Lessons.migration_source()))
        applied = [line.version for line in found.migrations if line.applied_at is not None]
        return {
            "status": "available",
            "applied_migrations": applied,
            "pending_migrations": list(found.pending),
            "total_migrations": len(found.migrations),
            "migrations": [
                {"version": line.version, "name": line.name, "applied_at": line.applied_at}
                for line in found.migrations
            ],
        }
