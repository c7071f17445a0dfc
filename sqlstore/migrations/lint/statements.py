"""Rules about statements other than ALTER TABLE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlstore.engine.values import Engine
from sqlstore.migrations.lint.alter_table import rewrites
from sqlstore.migrations.lint.finding import Problem
from sqlstore.migrations.lint.known import Known, created_hanger
from sqlstore.migrations.lint.phrase import Phrase

_VERBS: Final = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES"))


def other_statement(statement: Phrase, known: Known, engine: Engine) -> Iterator[Problem]:
    """What a statement would do to tables that are there already."""
    yield from _dropped_tables(statement, known, engine)
    yield from _written_whole(statement, known)
    if engine == "postgres":
        yield from _index(statement, known)
        yield from _whole_table(statement, known)


def _dropped_tables(statement: Phrase, known: Known, engine: Engine) -> Iterator[Problem]:
    if not statement.starts("DROP TABLE"):
        return
    for part in statement.after("DROP TABLE", "IF EXISTS").parts():
        table, _ = part.name()
        is_rebuilt = engine == "sqlite" and table in known.renamed_to
        if not known.is_new(table) and not is_rebuilt:
            yield Problem(
                "drop-table",
                part.first,
                f"code that runs before it is updated may still ask for {table}, and its rows are lost; "
                "release a version that does without it first, and drop it with the next",
            )


def _written_whole(statement: Phrase, known: Known) -> Iterator[Problem]:
    written = statement
    if statement.starts("WITH"):
        rest = statement.until(_VERBS)
        written = statement.skip(len(rest.tokens))
    if not written.starts("UPDATE", "DELETE FROM") or written.has("WHERE"):
        return
    verb = written.words[0]
    table, _ = written.after("UPDATE", "DELETE FROM", "ONLY").name()
    if not known.is_new(table):
        yield Problem(
            "write-without-where",
            written.first,
            f"{verb} without WHERE locks and writes every row of {table} in one transaction, for which other writers "
            "wait; do it in portions by WHERE, from the program or a script, while everybody goes on",
        )


def _index(statement: Phrase, known: Known) -> Iterator[Problem]:
    if statement.has("CONCURRENTLY"):
        return
    hanger = created_hanger(statement) if statement.starts("CREATE") else None
    if hanger is not None and hanger.kind == "index" and not known.is_new(hanger.table):
        yield Problem(
            "index-not-concurrently",
            statement.first,
            f"writers of {hanger.table} wait while the index is built (SHARE); write CREATE INDEX CONCURRENTLY, alone "
            "in a file with the line `-- migrate: no-transaction`",
        )
    if statement.starts("REINDEX"):
        yield Problem(
            "index-not-concurrently",
            statement.first,
            "writers wait while the index is built, and readers that would use it (ACCESS EXCLUSIVE on the index); "
            "write REINDEX … CONCURRENTLY, alone in a file with the line `-- migrate: no-transaction`",
        )


def _whole_table(statement: Phrase, known: Known) -> Iterator[Problem]:
    if statement.starts("VACUUM") and "FULL" in statement.words:
        yield Problem("table-rewrite", statement.first, rewrites("VACUUM FULL"))
    elif statement.starts("CLUSTER"):
        yield Problem("table-rewrite", statement.first, rewrites("CLUSTER"))
    elif statement.starts("TRUNCATE", "LOCK"):
        rest = statement.after("TRUNCATE", "LOCK", "TABLE", "ONLY")
        used = [part for part in rest.parts() if not known.is_new(part.name()[0])]
        if used:
            yield _truncated(used[0]) if statement.starts("TRUNCATE") else _locked(used[0])


def _truncated(part: Phrase) -> Problem:
    return Problem(
        "truncate",
        part.first,
        "readers and writers wait until this migration commits (ACCESS EXCLUSIVE), and older snapshots find the table "
        "empty; DELETE in portions, or drop the table once no code asks for it",
    )


def _locked(part: Phrase) -> Problem:
    return Problem(
        "lock-table",
        part.first,
        "the lock is held until this migration commits; leave it out: each statement takes the lock that it needs, "
        "and `-- migrate: lock-timeout=2s` says how long others may be kept waiting",
    )
