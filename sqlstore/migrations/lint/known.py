"""What the statements so far say of the tables: those of earlier files, and those before in this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlstore.migrations.lint.phrase import Phrase
from sqlstore.migrations.lint.types import ColumnType, column_type

TABLE_CONSTRAINTS = (
    "CONSTRAINT",
    "CHECK",
    "UNIQUE",
    "PRIMARY KEY",
    "FOREIGN KEY",
    "EXCLUDE",
    "NOT NULL",
    "LIKE",
)
"""How an item of CREATE TABLE, or of ADD, starts that is no column."""


@dataclass(frozen=True, slots=True)
class Hanger:
    """What is made for a table by a statement of its own.

    names: in a view; in an index, where it has expressions or a WHERE.
    """

    kind: Literal["index", "trigger", "view"]
    name: str
    table: str
    names: frozenset[str] = frozenset()

    def hangs_on(self, table: str) -> bool:
        """Whether it is the table's, or a view that names it."""
        return self.table == table or (self.kind == "view" and table in self.names)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A table's.

    - names: what a CHECK names, its columns among them.
    - not_null: the column of which it says CHECK (column IS NOT NULL).
    - is_new: made in this file.
    """

    names: frozenset[str]
    not_null: str
    is_valid: bool
    is_new: bool


class Known:
    """Follows the statements of all files, in order."""

    def __init__(self) -> None:
        self.column_types: dict[tuple[str, str], ColumnType] = {}
        self.constraints: dict[tuple[str, str], Constraint] = {}
        self.hangers: list[Hanger] = []
        self._new: set[str] = set()
        self.created: frozenset[str] = frozenset()
        self.renamed_to: frozenset[str] = frozenset()
        self.hangers_before: tuple[Hanger, ...] = ()

    def start_file(self, statements: Sequence[Phrase]) -> None:
        """Look ahead: which tables the file makes, and which names it gives to tables."""
        self._new = set()
        self.hangers_before = tuple(self.hangers)
        self.constraints = {
            key: replace(constraint, is_new=False) for key, constraint in self.constraints.items()
        }
        self.created = frozenset(table for statement in statements if (table := created_table(statement)))
        self.renamed_to = frozenset(new for statement in statements if (new := _new_name(statement)))

    def is_new(self, table: str) -> bool:
        """Whether this file has made the table: nobody uses it yet."""
        return table in self._new

    def valid_not_null(self, table: str, column: str) -> bool:
        """Whether a CHECK that every row was tested by says that the column is never NULL."""
        return any(
            of == table and constraint.not_null == column and constraint.is_valid
            for (of, _), constraint in self.constraints.items()
        )

    def is_tested(self, table: str, column: str) -> bool:
        """Whether a CHECK, or an index with expressions or a WHERE, names the column.

        PostgreSQL makes these again where the column's type changes, be it only to a longer one.
        """
        constraints = any(
            of == table and column in constraint.names for (of, _), constraint in self.constraints.items()
        )
        return constraints or any(
            hanger.kind == "index" and hanger.table == table and column in hanger.names
            for hanger in self.hangers
        )

    def is_new_constraint(self, table: str, name: str) -> bool:
        """Whether this file has added the constraint, whose lock is still held."""
        constraint = self.constraints.get((table, name))
        return constraint is not None and constraint.is_new

    def learn(self, statement: Phrase) -> None:
        """Take a statement as done."""
        table = created_table(statement)
        if table:
            self._new.add(table)
            self._learn_items(table, statement.inside().parts())
        elif statement.starts("ALTER TABLE"):
            self._learn_alter(statement)
        elif statement.starts("DROP"):
            self._forget(statement)
        elif statement.starts("CREATE"):
            hanger = created_hanger(statement)
            if hanger:
                self.hangers.append(hanger)

    def _learn_items(self, table: str, items: Sequence[Phrase]) -> None:
        for item in items:
            if item.starts(*TABLE_CONSTRAINTS):
                self._learn_constraint(table, item)
            else:
                column, rest = item.name()
                self.column_types[table, column] = column_type(rest)
                if rest.has("CHECK"):
                    self._learn_constraint(table, rest.find("CHECK"))

    def _learn_constraint(self, table: str, item: Phrase) -> None:
        name, rest = (
            item.skip(1).name() if item.starts("CONSTRAINT") else (f"({len(self.constraints)})", item)
        )
        is_check = rest.starts("CHECK")
        column, says = rest.inside().name()
        self.constraints[table, name] = Constraint(
            rest.inside().names() if is_check else frozenset(),
            column if is_check and says.words == ("IS", "NOT", "NULL") else "",
            is_valid=not rest.has("NOT VALID"),
            is_new=True,
        )

    def _learn_alter(self, statement: Phrase) -> None:
        table, actions = altered(statement)
        new_name = _new_name(statement)
        if new_name:
            self._rename(table, new_name)
        for action in actions:
            if action.starts("ADD"):
                self._learn_items(table, [action.after("ADD", "COLUMN", "IF NOT EXISTS")])
            elif action.starts("ALTER"):
                column, change = action.after("ALTER", "COLUMN").name()
                if change.starts("TYPE", "SET DATA TYPE"):
                    self.column_types[table, column] = column_type(change.after("SET DATA", "TYPE"))
            elif action.starts("DROP CONSTRAINT"):
                self.constraints.pop((table, action.skip(2).after("IF EXISTS").name()[0]), None)
            elif action.starts("VALIDATE CONSTRAINT"):
                key = table, action.skip(2).name()[0]
                if key in self.constraints:
                    self.constraints[key] = replace(self.constraints[key], is_valid=True)

    def _rename(self, table: str, new_name: str) -> None:
        if self.is_new(table):
            self._new.add(new_name)
        self.column_types |= {
            (new_name, column): kind for (of, column), kind in self.column_types.items() if of == table
        }
        self.constraints |= {
            (new_name, name): constraint for (of, name), constraint in self.constraints.items() if of == table
        }
        self.hangers = [
            replace(hanger, table=new_name) if hanger.table == table else hanger for hanger in self.hangers
        ]

    def _forget(self, statement: Phrase) -> None:
        kind = statement.words[1].lower()
        names = {part.name()[0] for part in statement.skip(2).after("CONCURRENTLY", "IF EXISTS").parts()}
        if kind == "table":
            self.hangers = [hanger for hanger in self.hangers if hanger.table not in names]
            self.constraints = {key: item for key, item in self.constraints.items() if key[0] not in names}
            self._new -= names
        else:
            self.hangers = [
                hanger for hanger in self.hangers if hanger.kind != kind or hanger.name not in names
            ]


def created_table(statement: Phrase) -> str:
    """The table, or materialized view, that a statement makes; nothing where it makes none."""
    rest = statement.after("CREATE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "FOREIGN", "VIRTUAL")
    if not statement.starts("CREATE") or not rest.starts("TABLE", "MATERIALIZED VIEW"):
        return ""
    return rest.after("TABLE", "MATERIALIZED VIEW", "IF NOT EXISTS").name()[0]


def created_hanger(statement: Phrase) -> Hanger | None:
    """The index, trigger or view that a CREATE statement makes."""
    rest = statement.after("CREATE", "OR REPLACE", "CONSTRAINT", "UNIQUE")
    if rest.starts("VIEW"):
        return Hanger("view", rest.after("VIEW", "IF NOT EXISTS").name()[0], "", rest.names())
    if not rest.starts("INDEX", "TRIGGER"):
        return None
    is_index = rest.starts("INDEX")
    rest = rest.skip(1).after("CONCURRENTLY", "IF NOT EXISTS")
    name = "" if rest.starts("ON") else rest.name()[0]
    table, definition = rest.find("ON").after("ON", "ONLY").name()
    if not is_index:
        return Hanger("trigger", name, table)
    is_plain = not definition.has("WHERE") and "(" not in definition.inside().words
    return Hanger("index", name, table, frozenset() if is_plain else definition.names())


def altered(statement: Phrase) -> tuple[str, list[Phrase]]:
    """The table of an ALTER TABLE, and its actions."""
    table, rest = statement.after("ALTER TABLE", "IF EXISTS", "ONLY").name()
    return table, rest.after("*").parts()


def _new_name(statement: Phrase) -> str:
    """What a statement renames a table to; nothing where it does not."""
    if not statement.starts("ALTER TABLE"):
        return ""
    action = statement.find("RENAME TO")
    return action.skip(2).name()[0] if action else ""
