"""Rules about ALTER TABLE on a table in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlstore.engine.values import Engine
from sqlstore.migrations.lint.columns import (
    added_column,
    filled_on_postgres,
    without_index,
    without_not_valid,
)
from sqlstore.migrations.lint.finding import Problem
from sqlstore.migrations.lint.known import TABLE_CONSTRAINTS, Known, altered
from sqlstore.migrations.lint.phrase import Phrase
from sqlstore.migrations.lint.types import column_type, is_widening

_CODE_OF_OLD: Final = "code that runs before it is updated"
_REWRITES: Final = ("SET TABLESPACE", "SET LOGGED", "SET UNLOGGED", "SET ACCESS METHOD")


def alter_table(statement: Phrase, known: Known, engine: Engine) -> Iterator[Problem]:
    """What an ALTER TABLE would do; nothing for a table that the file has made."""
    table, actions = altered(statement)
    if known.is_new(table):
        return
    for action in actions:
        if action.starts("ADD") and not action.after("ADD").starts(*TABLE_CONSTRAINTS):
            yield from added_column(action.after("ADD", "COLUMN", "IF NOT EXISTS"), engine)
        elif action.starts("DROP", "RENAME"):
            yield from _dropped_or_renamed(action, table, known)
        elif engine == "postgres":
            yield from _on_postgres(action, table, known)


def _dropped_or_renamed(action: Phrase, table: str, known: Known) -> Iterator[Problem]:
    if action.starts("DROP CONSTRAINT", "RENAME CONSTRAINT"):
        return
    if action.starts("DROP"):
        column, _ = action.after("DROP", "COLUMN", "IF EXISTS").name()
        yield Problem(
            "drop-column",
            action.first,
            f"{_CODE_OF_OLD} may still ask for {table}.{column}, and its values are lost; release a version "
            "that does without it first, and drop it with the next",
        )
    elif not action.starts("RENAME TO"):
        column, _ = action.after("RENAME", "COLUMN").name()
        yield Problem(
            "rename-column",
            action.first,
            f"{_CODE_OF_OLD} asks for {table}.{column} by its old name; add a column of the new name, write both, "
            "copy in portions, and drop the old one in a later release; or keep the name",
        )
    elif table in known.created:
        yield Problem(
            "rename-old-first",
            action.first,
            f"foreign keys, triggers and views of other tables follow {table} to its new name and stay there; "
            f"create the new table under another name, copy, drop {table}, and rename the new one",
        )
    else:
        yield Problem(
            "rename-table",
            action.first,
            f"{_CODE_OF_OLD} asks for {table} by its old name; keep the name, or leave a view of it behind",
        )


def _on_postgres(action: Phrase, table: str, known: Known) -> Iterator[Problem]:
    if action.starts("ADD"):
        yield from _added_constraint(action.after("ADD"))
    elif action.starts("ALTER"):
        yield from _changed_column(action, table, known)
    elif action.starts("VALIDATE CONSTRAINT"):
        yield from _validated(action, table, known)
    elif action.starts("DISABLE TRIGGER"):
        yield Problem(
            "disable-trigger",
            action.first,
            "writers wait until this migration commits (SHARE ROW EXCLUSIVE), and a failure of the program in "
            "between leaves the trigger off; let the trigger's WHEN or function leave such rows alone",
        )
    elif action.starts(*_REWRITES):
        yield Problem("table-rewrite", action.first, rewrites(f"ALTER TABLE … {' '.join(action.words[:2])}"))


def rewrites(what: str) -> str:
    """The sentence for what copies a whole table."""
    return (
        f"{what} writes the whole table again while readers and writers wait (ACCESS EXCLUSIVE); "
        "do it by hand in a quiet hour, or with a tool that copies beside the traffic, such as pg_repack"
    )


def _added_constraint(added: Phrase) -> Iterator[Problem]:
    name, rest = added.after("CONSTRAINT").name() if added.starts("CONSTRAINT") else ("", added)
    if rest.starts("NOT NULL"):  # PostgreSQL 18
        if not rest.has("NOT VALID"):
            yield Problem("set-not-null", added.first, without_not_valid("NOT NULL"))
        return
    if not name:
        yield Problem(
            "unnamed-constraint",
            added.first,
            "the server makes up this constraint's name, which a later migration or an error can only guess; "
            "write ADD CONSTRAINT name",
        )
    if rest.starts("CHECK") and not rest.has("NOT VALID"):
        yield Problem("check-without-not-valid", added.first, without_not_valid("the CHECK"))
    elif rest.starts("FOREIGN KEY") and not rest.has("NOT VALID"):
        yield Problem(
            "foreign-key-without-not-valid",
            added.first,
            without_not_valid("the foreign key")
            + "; without it writers of both tables wait (SHARE ROW EXCLUSIVE)",
        )
    elif rest.starts("UNIQUE", "PRIMARY KEY") and not rest.has("USING INDEX"):
        yield Problem("unique-without-index", added.first, without_index())
    elif rest.starts("EXCLUDE"):
        yield Problem(
            "exclusion-constraint",
            added.first,
            "its index is built while readers and writers wait (ACCESS EXCLUSIVE), and there is no other way; "
            "add it while the table is small, or make a new table with it and move the rows over in portions",
        )


def _changed_column(action: Phrase, table: str, known: Known) -> Iterator[Problem]:
    column, change = action.after("ALTER", "COLUMN").name()
    if change.starts("TYPE", "SET DATA TYPE"):
        old = known.column_types.get((table, column))
        new = column_type(change.after("SET DATA", "TYPE"))
        is_free = old is not None and is_widening(old, new) and not known.is_tested(table, column)
        if change.has("USING") or not is_free:
            yield Problem(
                "column-type",
                action.first,
                f"every row of {table} may be read, or written again, while readers and writers wait (ACCESS "
                "EXCLUSIVE); free is only a longer varchar, or text, or numeric of the same scale, where no CHECK, no "
                "WHERE or expression of an index names the column; else add a column, write both, copy in portions",
            )
    elif change.starts("SET EXPRESSION"):
        yield filled_on_postgres(action, column)
    elif change.starts("SET NOT NULL") and not known.valid_not_null(table, column):
        yield Problem(
            "set-not-null",
            action.first,
            f"all rows are read while readers and writers wait (ACCESS EXCLUSIVE); first add CHECK ({column} IS NOT "
            "NULL) NOT VALID, VALIDATE it in a later migration, then SET NOT NULL reads nothing; drop the CHECK after it",
        )


def _validated(action: Phrase, table: str, known: Known) -> Iterator[Problem]:
    name, _ = action.skip(2).name()
    if known.is_new_constraint(table, name):
        yield Problem(
            "validate-in-same-file",
            action.first,
            "the lock that adding the constraint took is held until the commit, so that others wait while all rows "
            "are tested all the same; VALIDATE CONSTRAINT in a migration of its own",
        )
