"""The check of whole stores: read, migrate scratch databases, ask them about every query, compare."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, get_args

from sqlstore.check.compare import NAMES, Inspected, compare
from sqlstore.check.findings import Checked, Finding, Report, shown_path
from sqlstore.check.sources import Source, check_line_findings, load_finding, read_sources
from sqlstore.check.usage import ANY_TABLE, used_queries
from sqlstore.engine.inspection import Refused, open_inspector
from sqlstore.engine.progress import OnProgress
from sqlstore.engine.queries import Query, RowTypes, load
from sqlstore.engine.scratch import scratch_driver
from sqlstore.engine.values import Engine
from sqlstore.migrations import (
    MigrationFailed,
    MigrationFileError,
    MigrationSource,
    migrate,
)
from sqlstore.migrations.lint import lint_source

_NOT_CHECKED: Final[dict[Engine, str]] = {
    "postgres": "PostgreSQL: its queries and plans; types and NULL of parameters, NULL in results",
    "sqlite": "SQLite: its queries and plans",
}
_ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)


@dataclass(frozen=True, slots=True)
class Target:
    """A store to be checked.

    - sql: its folder of queries; rows: the row types by the names that headers use.
    - code: the Python files and folders that use the queries.
    - run_elsewhere: tables, and names of queries, that something else runs, so that no code names them.
    """

    name: str
    sql: Path
    migrations: MigrationSource
    rows: RowTypes
    code: tuple[Path, ...] = ()
    run_elsewhere: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Run:
    """One target while it is checked: what its files say, and what the databases answered."""

    target: Target
    findings: list[Finding] = field(default_factory=list)
    queries: dict[Engine, dict[str, Query]] = field(default_factory=dict)
    sources: dict[Engine, dict[str, Source]] = field(default_factory=dict)
    inspected: dict[str, dict[Engine, Inspected]] = field(default_factory=dict)
    answered: set[Engine] = field(default_factory=set)

    def read(self) -> None:
        """Load both engines' files, whichever database is there to be asked."""
        self.findings += _lint_findings(self.target.migrations)
        folder = self.target.sql
        for engine in _ENGINES:
            loaded = load(
                folder,
                engine,
                self.target.rows,
                store=self.target.name,
                on_problem=lambda problem: self.findings.append(load_finding(folder, problem)),
            )
            self.queries[engine] = {f"{query.table}.{query.header.name}": query for query in loaded}
            self.sources[engine] = read_sources(folder, engine)

    async def ask(self, engine: Engine, server: str, on_query: Callable[[], None]) -> None:
        """Migrate a scratch database and let it look at every query."""
        async with scratch_driver(engine, server) as driver:
            try:
                await migrate(driver, self.target.migrations)
            except (MigrationFileError, MigrationFailed) as error:
                self.findings.append(_migration_finding(error, engine))
                return
            async with open_inspector(driver) as inspector:
                for name, query in self.queries[engine].items():
                    source = self.sources[engine][name]
                    try:
                        answer = await inspector.inspect(source.question)
                    except Refused as refused:
                        self.findings.append(_refused_finding(source, refused))
                    else:
                        self.inspected.setdefault(name, {})[engine] = Inspected(query, source, answer)
                    on_query()
        self.answered.add(engine)

    def conclude(self) -> None:
        """What follows from all answers together."""
        for engines in self.inspected.values():
            self.findings += compare(engines)
            self.findings += _whole_reads(engines, self.answered)
        used = used_queries(self.target.code)
        for name, source in chain(*(sources.items() for sources in self.sources.values())):
            self.findings += check_line_findings(source)
            if used is not None and self.target.run_elsewhere.isdisjoint(name.split(".")):
                self.findings += _unused(name, source, used)


async def check(targets: Sequence[Target], servers: Mapping[Engine, str], on_progress: OnProgress) -> Report:
    """Check stores on the engines of `servers`, each with the URL of its server ("" for SQLite).

    Raises ConfigurationError for a folder that is not there or a role that may not create
    databases, Unavailable for a server that cannot be reached; a problem of a file is a finding.
    """
    runs = [_Run(target) for target in targets]
    for run in runs:
        run.read()
    total = sum(len(run.queries[engine]) for run in runs for engine in servers)
    done = 0

    def on_query() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    # side by side: most of the time is waiting for disks
    await asyncio.gather(
        *(run.ask(engine, server, on_query) for run in runs for engine, server in servers.items())
    )
    for run in runs:
        run.conclude()
    findings = sorted({finding for run in runs for finding in run.findings})
    not_checked = tuple(_NOT_CHECKED[engine] for engine in _ENGINES if engine not in servers)
    return Report(tuple(findings), tuple(_checked(run) for run in runs), not_checked)


def _checked(run: _Run) -> Checked:
    engines = tuple(engine for engine in _ENGINES if engine in run.answered)
    return Checked(run.target.name, engines, len({*run.queries["sqlite"], *run.queries["postgres"]}))


def _lint_findings(source: MigrationSource) -> Iterator[Finding]:
    """What locks, rewrites or breaks; a file that is wrong is told by whoever runs it."""
    with suppress(MigrationFileError):
        for found in lint_source(source):
            yield Finding(shown_path(Path(found.path)), found.line, found.column, found.code, found.problem)


def _migration_finding(error: MigrationFileError | MigrationFailed, engine: Engine) -> Finding:
    place = shown_path(Path(error.path))
    problem = f"{NAMES[engine]}: {error.problem}; the queries were not checked there"
    return Finding(place, error.line or 1, error.column or 1, "migration", problem)


def _refused_finding(source: Source, refused: Refused) -> Finding:
    offset = None if refused.offset is None else source.offset_of_sql(refused.offset)
    return source.finding("sql", f"{NAMES[source.engine]}: {refused.problem}", offset)


def _whole_reads(engines: Mapping[Engine, Inspected], answered: Iterable[Engine]) -> Iterator[Finding]:
    """Tables that are read whole and not said to be, or said to be and not read whole."""
    readers = [each for each in engines.values() if each.answer.whole_reads]
    undeclared = [each for each in readers if not each.source.declares("full-scan")]
    if undeclared:
        tables = list(dict.fromkeys(table for each in undeclared for table in each.answer.whole_reads))
        problem = (
            f"may read all of {', '.join(tables)} on {' and '.join(each.name for each in undeclared)}: "
            "no index serves it; add one, or say why below the header, `-- check: full-scan, REASON`"
        )
        source = undeclared[0].source
        yield source.finding("full-scan", problem, source.offset_of_word(tables[0]))
    for each in engines.values():
        needed = any(reader.source.path == each.source.path for reader in readers)
        all_asked = not each.source.shared or set(answered) == set(_ENGINES)
        if all_asked and not needed:
            yield from _unneeded(each.source, "full-scan", "no table is read whole")


def _unused(name: str, source: Source, used: set[str]) -> Iterator[Finding]:
    query = source.block.header.name
    if name in used or f"{ANY_TABLE}.{query}" in used:
        yield from _unneeded(source, "unused", "the code uses this query")
    elif not source.declares("unused"):
        problem = f"no Python code uses {query}; delete it, or say who does below the header: `-- check: unused, REASON`"
        yield source.finding("unused", problem)


def _unneeded(source: Source, code: str, why: str) -> Iterator[Finding]:
    for offset, declared, reason in source.check_lines():
        if declared == code and reason:
            yield source.finding("check-line", f"{why}; remove this line", offset)
