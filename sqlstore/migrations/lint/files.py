"""All rules over all files, and what the files accept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from sqlstore.engine.sqltext import line_and_column, scan
from sqlstore.engine.values import Engine
from sqlstore.migrations.files import Migration, MigrationSource, load
from sqlstore.migrations.lint.alter_table import alter_table
from sqlstore.migrations.lint.finding import CODES, Finding, Problem
from sqlstore.migrations.lint.known import Known
from sqlstore.migrations.lint.phrase import Phrase
from sqlstore.migrations.lint.statements import other_statement
from sqlstore.migrations.lint.whole_file import WholeFile
from sqlstore.migrations.statements import Statements

_ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)


@dataclass(frozen=True, slots=True)
class _Linted:
    """A file and what was found in it. accepted: codes that its `allow=` took away."""

    migration: Migration
    findings: tuple[Finding, ...]
    accepted: frozenset[str]

    @property
    def is_common(self) -> bool:
        """Whether the file serves both engines."""
        return not self.migration.path.endswith((".sqlite.sql", ".postgres.sql"))


def lint(migrations: Sequence[Migration], engine: Engine) -> list[Finding]:
    """What the up sections of a store's migrations, all of them and in order, would do to a database in use.

    In order of files and places. That an `allow=` accepts nothing is said of files for one engine;
    of those for both, which may need it for the other, `lint_source` tells.

    Raises MigrationFileError.
    """
    found: list[Finding] = []
    for linted in _lint_files(migrations, engine):
        found += linted.findings
        if not linted.is_common:
            found += _unused(linted.migration, linted.accepted)
    return found


def lint_source(source: MigrationSource) -> list[Finding]:
    """`lint` for both engines together, each finding once. Raises MigrationFileError."""
    found: dict[Finding, None] = {}
    common: dict[str, list[_Linted]] = {}
    for engine in _ENGINES:
        for linted in _lint_files(load(source, engine), engine):
            found |= dict.fromkeys(linted.findings)
            if linted.is_common:
                common.setdefault(linted.migration.path, []).append(linted)
            else:
                found |= dict.fromkeys(_unused(linted.migration, linted.accepted))
    for both in common.values():
        accepted = frozenset().union(*(linted.accepted for linted in both))
        found |= dict.fromkeys(_unused(both[0].migration, accepted))
    return sorted(found, key=lambda finding: (finding.path, finding.line, finding.column))


def _lint_files(migrations: Sequence[Migration], engine: Engine) -> Iterator[_Linted]:
    known = Known()
    for migration in migrations:
        allowed = frozenset(migration.content.directives.allow)
        problems = list(_problems(migration, known, engine))
        findings = [
            _finding(migration, problem.token.start, problem.code, problem.sentence)
            for problem in problems
            if problem.code not in allowed
        ]
        findings += _unknown(migration)
        findings.sort(key=lambda finding: (finding.line, finding.column))
        yield _Linted(migration, tuple(findings), allowed & {problem.code for problem in problems})


def _problems(migration: Migration, known: Known, engine: Engine) -> Iterator[Problem]:
    tokens = scan(migration.content.up.sql, engine, binds=False)
    statements = [Phrase(each) for each in Statements(tokens, engine).each]
    known.start_file(statements)
    whole_file = WholeFile(engine, known)
    for statement in statements:
        if statement.starts("ALTER TABLE"):
            yield from alter_table(statement, known, engine)
        else:
            yield from other_statement(statement, known, engine)
        yield from whole_file.statement(statement)
        known.learn(statement)
    yield from whole_file.end()


def _unknown(migration: Migration) -> Iterator[Finding]:
    for code in migration.content.directives.allow:
        if code not in CODES:
            sentence = (
                f"{code} is no code of lint, so that this allows nothing; the codes stand in docs/lint.md"
            )
            yield _finding(migration, _place_of_allow(migration, code), "unknown-allow", sentence)


def _unused(migration: Migration, accepted: frozenset[str]) -> Iterator[Finding]:
    for code in migration.content.directives.allow:
        if code in CODES and code not in accepted:
            sentence = f"nothing in this file needs allow={code}; remove it"
            yield _finding(migration, _place_of_allow(migration, code), "unused-allow", sentence)


def _place_of_allow(migration: Migration, code: str) -> int:
    for token in scan(migration.content.up.sql, migration.engine, binds=False):
        if token.kind == "comment" and "migrate:" in token.text:
            _, directive, codes = token.text.partition("allow=")
            if directive and code in codes.split(maxsplit=1)[0].split(","):
                return token.start + token.text.index(code, token.text.index("allow="))
    raise AssertionError("the directives come from these comments")


def _finding(migration: Migration, offset: int, code: str, sentence: str) -> Finding:
    line, column = line_and_column(migration.text, offset)
    return Finding(code, migration.path, line, column, sentence)
