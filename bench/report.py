"""What a run found, as tables on the terminal, as JSON, and the machine it was found on."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.table import Table

from bench.cases import CASES
from bench.goals import Goal
from bench.measuring import Results
from bench.peers import OURS
from bench.peers.peer import Engine

PACKAGES: Final = (
    "aiosqlite", "asyncpg", "aiosql", "sqlspec", "sqlalchemy", "databases", "openai-agents",
    "langchain-community", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres", "uvloop",
)  # fmt: skip
TITLES: Final[dict[Engine, str]] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


async def machine(server: str, **settings: object) -> dict[str, Any]:
    """Versions and settings that the figures hang on. server: "" where there is none."""
    postgres = {}
    if server:
        connection = await asyncpg.connect(server)
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers"):
            postgres[name] = await connection.fetchval(f"SHOW {name}")
        await connection.close()
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "sqlite": sqlite3.sqlite_version,
        "postgres": postgres,
        "packages": packages,
        **settings,
    }


def table(results: Results, engine: Engine, floor: str) -> Table:
    """A row for each case and peer: quartiles in µs, and the medians of the rounds' ratios."""
    made = Table(title=f"{TITLES[engine]}: a call in µs, median (quartiles)")
    for column in ("case", "who", "cpu", "wall", "cpu/floor", "cpu/ours", "wall/ours"):
        made.add_column(column, justify="left" if column in ("case", "who") else "right", no_wrap=True)
    for case in CASES[engine]:
        title = case.name
        for each in results.samples:
            if (each.engine, each.case) != (engine, case.name):
                continue
            if each.error or not each.cpu:
                made.add_row(title, each.peer, each.error or "not measured")
            else:
                cpu, wall = (_quartiles(each.quartiles(measure)) for measure in ("cpu", "wall"))
                ratios = [
                    results.ratio(engine, case.name, each.peer, to, measure)
                    for to, measure in ((floor, "cpu"), (OURS, "cpu"), (OURS, "wall"))
                ]
                style = "bold" if each.peer == OURS else None
                made.add_row(title, each.peer, cpu, wall, *map(_ratio, ratios), style=style)
            title = ""
        made.add_section()
    return made


def goal_table(found: Sequence[Goal]) -> Table:
    made = Table("", "goal", "figure", "at most", "reached", title="Goals")
    words = {None: "not measured", True: "yes", False: "NO"}
    for goal in found:
        figure = "-" if goal.figure is None else f"{goal.figure:.2f} {goal.unit}"
        style = "bold" if goal.reached is False else None
        made.add_row(
            str(goal.number),
            goal.what,
            figure,
            f"{goal.most:g} {goal.unit}",
            words[goal.reached],
            style=style,
        )
    return made


def make_console() -> Console:
    """As wide as the tables, also in a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=150)


def _quartiles(values: tuple[float, float, float]) -> str:
    low, middle, high = values
    return f"{middle:.1f} ({low:.1f}-{high:.1f})"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
