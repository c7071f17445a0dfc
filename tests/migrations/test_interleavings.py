"""Whatever is done in whatever order: what is recorded is there, and what is there is recorded.

`SQLSTORE_TEST_EXAMPLES=200` tries longer than CI does.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from .conftest import Shop
from .forking import Forker

EXAMPLES = int(os.environ.get("SQLSTORE_TEST_EXAMPLES", "5"))
TABLES = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
    "postgres": "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('{schema}')",
}
moments = st.floats(0.0, 0.06)
picks = st.integers(0, 1000)


class Interleavings(RuleBasedStateMachine):
    """One database, one folder of files, and everybody at work on them."""

    engine: str
    server: str
    forker: Forker

    @initialize()
    def begin(self):
        self.place = Path(tempfile.mkdtemp(prefix="sqlstore-test-"))
        self.folder = self.place / "shop"
        self.folder.mkdir()
        self.schema = f"test_{self.place.name[-8:].lower()}"
        separator = "&" if "?" in self.server else "?"
        self.url = (
            f"sqlite:///{self.place}/bot.db"
            if self.engine == "sqlite"
            else f"{self.server}{separator}schema={self.schema}"
        )
        self.variant = 0
        self.add(20)

    def teardown(self):
        if self.engine == "postgres":
            self.ask(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        shutil.rmtree(self.place, ignore_errors=True)

    def add(self, version: int, *, fails: bool = False) -> None:
        self.variant += 1
        name = f"t{version}_{self.variant}"
        (self.folder / f"{version:04}_{'x' * (version % 3 + 1)}.sql").write_text(
            f"CREATE TABLE {name}_a (id bigint); CREATE TABLE {name}_b (id bigint);"
            + (" INSERT INTO nowhere VALUES (1);" if fails else "")
            + f"\n-- migrate: down\nDROP TABLE {name}_a; DROP TABLE {name}_b;"
        )

    @property
    def versions(self) -> list[int]:
        return sorted(int(path.name[:4]) for path in self.folder.iterdir())

    def path(self, pick: int) -> Path:
        return sorted(self.folder.iterdir())[pick % len(self.versions)]

    @rule()
    def up(self):
        assert self.forker.run("migrate", self.url, self.folder) in (0, 1)

    @rule(after_s=moments)
    def killed_up(self, after_s):
        self.killed("migrate", after_s)

    @rule(after_s=moments, steps=st.integers(1, 3))
    def killed_down(self, after_s, steps):
        self.killed("down", after_s, steps=steps)

    def killed(self, action: str, after_s: float, **options: object) -> None:
        pid = self.forker.start(action, self.url, self.folder, **options)
        time.sleep(after_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert self.forker.wait() in (0, 1, -signal.SIGKILL)

    @rule(steps=st.integers(1, 3))
    def down(self, steps):
        assert self.forker.run("down", self.url, self.folder, steps=steps) in (0, 1)

    @rule(steps=st.integers(1, 2))
    def redo(self, steps):
        assert self.forker.run("redo", self.url, self.folder, steps=steps) in (0, 1)

    @rule(fails=st.booleans())
    def add_higher(self, fails):
        self.add(max([*self.versions, 19]) + 1, fails=fails)

    @precondition(lambda self: min(self.versions, default=0) > 1)
    @rule()
    def add_lower(self):
        self.add(min(self.versions) - 1)

    @precondition(lambda self: self.versions)
    @rule(pick=picks, fails=st.booleans())
    def edit(self, pick, fails):
        version = int(self.path(pick).name[:4])
        self.path(pick).unlink()
        self.add(version, fails=fails)

    @precondition(lambda self: len(self.versions) > 1)
    @rule(pick=picks)
    def delete(self, pick):
        self.path(pick).unlink()

    @invariant()
    def recorded_is_there_and_what_is_there_is_recorded(self):
        if not hasattr(self, "url"):
            return
        tables = {name for (name,) in self.ask(TABLES[self.engine].format(schema=self.schema))}
        book = "migrations" if self.engine == "sqlite" else f"{self.schema}.migrations"
        rows = self.ask(f"SELECT up_sql, state FROM {book}") if "migrations" in tables else []
        recorded = {sql.split()[2].removesuffix("_a") for sql, state in rows if state == "applied"}
        assert len(recorded) == len(rows)
        assert tables - {"migrations"} == {f"{name}_{letter}" for name in recorded for letter in "ab"}

    def ask(self, sql: str) -> list[tuple]:
        if self.engine == "sqlite":
            with closing(sqlite3.connect(self.place / "bot.db")) as connection:
                return connection.execute(sql).fetchall()
        return asyncio.run(ask_postgres(self.server, sql))


async def ask_postgres(server: str, sql: str) -> list[tuple]:
    connection = await asyncpg.connect(server)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES > 20 else 120)
def test_any_order_of_events_leaves_book_and_tables_in_step(engine, request):
    forker = Forker(Shop.environment())
    machine = type(
        "Machine",
        (Interleavings,),
        {
            "engine": engine,
            "server": request.getfixturevalue("postgres_server"),
            "forker": forker,
        },
    )
    quick = settings(
        max_examples=EXAMPLES,
        stateful_step_count=16,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    try:
        run_state_machine_as_test(machine, settings=quick)
    finally:
        forker.close()
