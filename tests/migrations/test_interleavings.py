"""Whatever is done in whatever order: what is recorded is there, and what is there is recorded.

`SQLSTORE_TEST_EXAMPLES=200` tries longer than CI does.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import tempfile
from collections import Counter
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
    rule,
    run_state_machine_as_test,
)

from .conftest import Shop
from .forking import Forker

QUICK = 5
EXAMPLES = int(os.environ.get("SQLSTORE_TEST_EXAMPLES", QUICK))
TABLES = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
    "postgres": "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('{schema}')",
}
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    derandomize=EXAMPLES == QUICK,
)
EVENTS = (
    ["migrate"] * 6 + ["down"] * 3 + ["redo", "lower", "edit", "edit", "delete"] + ["higher", "failing"] * 2
)
kills = st.integers(0, 14).map(lambda number: number or None)
"""Before which of the statements that the runner sends it gets SIGKILL."""
picks = st.integers(0, 1000)


class Interleavings(RuleBasedStateMachine):
    """One database, one folder of files, and everybody at work on them."""

    engine: str
    server: str
    forker: Forker
    codes: Counter[int]
    loop: asyncio.Runner
    connection: asyncpg.Connection

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
        for path in self.folder.glob(f"{version:04}_*"):
            path.unlink()
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

    @rule(what=st.sampled_from(EVENTS), kill_at=kills, pick=picks)
    def event(self, what, kill_at, pick):
        """One rule for all: hypothesis would leave some of several out of an example."""
        if what in ("migrate", "redo"):
            self.run(what, kill_at)
        elif what == "down":
            self.run(what, kill_at, steps=pick % 3 + 1)
        else:
            self.change_files(what, pick)

    def run(self, action: str, kill_at: int | None, **options: object) -> None:
        code = self.forker.run(action, self.url, self.folder, kill_at=kill_at, **options)
        assert code in (0, 1, -signal.SIGKILL)
        self.codes[code] += 1

    def change_files(self, change: str, pick: int) -> None:
        versions = self.versions
        if change in ("higher", "failing"):
            self.add(max([*versions, 19]) + 1, fails=change == "failing")
        elif change == "lower":
            self.add(max(1, min(versions, default=20) - 1))
        elif versions:
            path = sorted(self.folder.iterdir())[pick % len(versions)]
            path.unlink()
            if change == "edit":
                self.add(int(path.name[:4]), fails=pick % 5 == 0)

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
            path = self.place / "bot.db"
            if not path.exists():  # sqlite3 would make it
                return []
            with closing(sqlite3.connect(path)) as connection:
                return connection.execute(sql).fetchall()
        return [tuple(row) for row in self.loop.run(self.connection.fetch(sql))]


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES > 20 else 120)
def test_any_order_of_events_leaves_book_and_tables_in_step(engine, request):
    forker, codes = Forker(Shop.environment()), Counter()
    server = request.getfixturevalue("postgres_server")
    with asyncio.Runner() as loop:
        connection = loop.run(asyncpg.connect(server, statement_cache_size=0))
        shared = {"engine": engine, "server": server, "forker": forker, "codes": codes}
        shared |= {"loop": loop, "connection": connection}
        try:
            run_state_machine_as_test(type("Machine", (Interleavings,), shared), settings=SETTINGS)
        finally:
            forker.close()
            loop.run(connection.close())
    assert min(codes[code] for code in (0, 1, -signal.SIGKILL)) > 2, codes  # or it tried nothing
