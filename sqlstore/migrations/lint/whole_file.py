"""Rules about what several statements of a file do together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlstore.engine.values import Engine
from sqlstore.migrations.lint.finding import Problem
from sqlstore.migrations.lint.known import Known, altered, created_hanger
from sqlstore.migrations.lint.phrase import Phrase

_WEAK_ACTIONS: Final = ("VALIDATE CONSTRAINT", "ATTACH PARTITION")
_ON_TABLE: Final = (
    "CREATE POLICY",
    "ALTER POLICY",
    "DROP POLICY",
    "DROP TRIGGER",
    "DROP RULE",
    "CREATE RULE",
)


class WholeFile:
    """Collects from one statement after the other."""

    def __init__(self, engine: Engine, known: Known) -> None:
        self._engine: Engine = engine
        self._known = known
        self._locked: set[str] = set()
        self._enum_values: set[str] = set()
        self._rebuilt: dict[str, Phrase] = {}

    def statement(self, statement: Phrase) -> Iterator[Problem]:
        """What this statement does together with those before it. Asked before `known` learns it."""
        if self._engine == "sqlite":
            self._note_rebuild(statement)
            return
        yield from self._enum_value_used(statement)
        yield from self._several_locked(statement)

    def end(self) -> Iterator[Problem]:
        """What is wrong when all is done. Asked after `known` has learnt all."""
        for table, dropped in self._rebuilt.items():
            now = {(hanger.kind, hanger.name) for hanger in self._known.hangers}
            lost = [
                f"{hanger.kind} {hanger.name}"
                for hanger in self._known.hangers_before
                if hanger.hangs_on(table) and (hanger.kind, hanger.name) not in now
            ]
            if lost:
                yield Problem(
                    "rebuild-loses-objects",
                    dropped.first,
                    f"the new {table} lacks what the old one had: {', '.join(lost)}; make them again at the end "
                    "of this file, or accept it with allow=rebuild-loses-objects",
                )

    def _note_rebuild(self, statement: Phrase) -> None:
        if statement.starts("DROP TABLE"):
            table, _ = statement.after("DROP TABLE", "IF EXISTS").name()
            if table in self._known.renamed_to and not self._known.is_new(table):
                self._rebuilt[table] = statement

    def _enum_value_used(self, statement: Phrase) -> Iterator[Problem]:
        if statement.starts("ALTER TYPE"):
            value = statement.find("ADD VALUE").after("ADD VALUE", "IF NOT EXISTS")
            if value:
                self._enum_values.add(value.first.text)
            return
        for token in statement.tokens:
            if token.kind == "string" and token.text in self._enum_values:
                yield Problem(
                    "enum-value-used",
                    token,
                    f"PostgreSQL refuses to use {token.text} in the transaction that adds it to the enum; "
                    "use it in the next migration",
                )

    def _several_locked(self, statement: Phrase) -> Iterator[Problem]:
        tables = {table for table in locked_tables(statement) if table and not self._known.is_new(table)}
        others = sorted(self._locked - tables)
        was_one = len(self._locked) <= 1
        self._locked |= tables
        if was_one and len(self._locked) > 1:
            already = (
                f"{others[0]} is locked already, and stays"
                if others
                else "they are locked together, and stay"
            )
            yield Problem(
                "several-tables-locked",
                statement.first,
                f"{already} so until the commit, so that programs which use them in another order meet a deadlock; "
                "give each table a migration of its own",
            )


def locked_tables(statement: Phrase) -> Sequence[str]:
    """The tables whose writers, at least, a statement keeps waiting until the commit.

    Not those at which a foreign key points: they cannot be had apart.
    """
    if statement.starts("ALTER TABLE"):
        table, actions = altered(statement)
        if all(action.starts(*_WEAK_ACTIONS) for action in actions):
            return ()
        return [table]
    if statement.starts("DROP TABLE", "TRUNCATE", "LOCK"):
        names = statement.after("DROP TABLE", "TRUNCATE", "LOCK", "TABLE", "IF EXISTS", "ONLY")
        return [part.name()[0] for part in names.parts()]
    if statement.starts(*_ON_TABLE):
        return [statement.find("ON").skip(1).name()[0]]
    hanger = created_hanger(statement) if statement.starts("CREATE") else None
    return [hanger.table] if hanger and not statement.has("CONCURRENTLY") else ()
