"""Whether each down section undoes its up section: tried on a database of its own."""

from __future__ import annotations

from typing import Literal

import msgspec

from sqlstore.engine.driver import Driver
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.schema import Schema, read_schema, schema_difference
from sqlstore.engine.values import Engine
from sqlstore.migrations.errors import MigrationFailed
from sqlstore.migrations.files import Migration, MigrationSource, load
from sqlstore.migrations.runner import down, migrate

Outcome = Literal["undone", "irreversible", "not tried"]


class VerifiedMigration(msgspec.Struct, frozen=True):
    """One migration. outcome: "irreversible" has no down section, which ends the way down."""

    version: int
    name: str
    outcome: Outcome


class Verification(msgspec.Struct, frozen=True):
    """What was tried.

    - problem: the first thing that is wrong, or None; diff: the schema as it should be
      against what it is, where that is the problem.
    """

    store: str
    engine: Engine
    migrations: tuple[VerifiedMigration, ...]
    problem: str | None = None
    diff: str = ""


class _Wrong(Exception):
    """Ends a verification. diff: see Verification."""

    def __init__(self, problem: str, diff: str = "") -> None:
        super().__init__(problem)
        self.diff = diff


async def verify(
    scratch: Driver, source: MigrationSource, *, on_progress: OnProgress | None = None
) -> Verification:
    """Apply all migrations one by one, take them back one by one, and apply them again.

    After each step the schema must be what it was at that version before.
    scratch: an empty database, see sqlstore.engine.scratch.

    Raises MigrationFileError before anything is run, or a DatabaseError.
    """
    trial = _Trial(scratch, source, on_progress)
    problem, diff = None, ""
    try:
        await trial.run()
    except _Wrong as wrong:
        problem, diff = str(wrong), wrong.diff
    except MigrationFailed as failed:
        problem = str(failed)
    return Verification(source.store, scratch.engine, trial.outcomes(), problem, diff)


class _Trial:
    """One verification."""

    def __init__(self, driver: Driver, source: MigrationSource, on_progress: OnProgress | None) -> None:
        self._driver = driver
        self._source = source
        self._on_progress = on_progress or (lambda _done, _total: None)
        self._files = load(source, driver.engine)
        self._steps = 0
        self._schemas: dict[int, Schema] = {}
        self._outcomes: dict[int, Outcome] = {}

    def outcomes(self) -> tuple[VerifiedMigration, ...]:
        """How each migration stands now."""
        return tuple(
            VerifiedMigration(file.version, file.name, self._outcomes.get(file.version, "not tried"))
            for file in self._files
        )

    async def run(self) -> None:
        """Up, down, up. Raises _Wrong and MigrationFailed."""
        self._schemas[0] = await read_schema(self._driver)
        for file in self._files:
            await migrate(self._driver, self._source, to=file.version)
            self._schemas[file.version] = await read_schema(self._driver)
            self._count()
        taken_back = await self._take_back()
        for file in taken_back:
            await migrate(self._driver, self._source, to=file.version)
            await self._compare(
                file.version, file, "applied a second time, gives another schema than at first"
            )

    async def _take_back(self) -> list[Migration]:
        """Down as far as it goes; gives what was taken back, oldest first."""
        versions = [0, *(file.version for file in self._files)]
        for place in reversed(range(len(self._files))):
            file = self._files[place]
            if file.content.down is None:
                self._outcomes[file.version] = "irreversible"
                return list(self._files[place + 1 :])
            await down(self._driver, self._source, steps=1)
            await self._compare(versions[place], file, "its down section does not undo its up section")
            self._outcomes[file.version] = "undone"
        return list(self._files)

    async def _compare(self, version: int, file: Migration, sentence: str) -> None:
        now = await read_schema(self._driver)
        diff = schema_difference(self._schemas[version], now, (f"at {version:04} before", "now"))
        if diff:
            raise _Wrong(f"{file.path}: {sentence}", diff)
        self._count()

    def _count(self) -> None:
        self._steps += 1
        self._on_progress(self._steps, 3 * len(self._files))
