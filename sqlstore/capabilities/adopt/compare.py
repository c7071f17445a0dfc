"""Old tables and the store's own side by side: is it that store's, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlstore.capabilities.adopt.errors import NotRecognised
from sqlstore.capabilities.adopt.report import Difference
from sqlstore.engine.adoption import OLD_BOOK, Column, PutAside, Table

Tables = Mapping[str, Table]


def check_any(store: str, names: Sequence[str]) -> None:
    """Raise NotRecognised where the old database has none of the store's tables."""
    if not names:
        raise NotRecognised(
            f"{store}: the database has none of this store's tables; nothing was changed; "
            "check the URL, and --store"
        )


def check_recognised(store: str, old: Tables, new: Tables, names: Sequence[str]) -> None:
    """Raise NotRecognised unless the old tables of these names can hold this store's rows.

    Each must have the columns that a row of the store cannot be without, and the tables it points at.
    """
    for name in names:
        missing = [column.name for column in new[name].columns if _is_missing(column, old[name])]
        if missing:
            raise NotRecognised(
                f"{store}: the table {name} lacks the columns {', '.join(missing)}, so it is another store's "
                "or another program's; nothing was changed; check the URL, and --store"
            )
        parents = sorted({key.parent for key in new[name].foreign_keys} - old.keys())
        if parents:
            raise NotRecognised(
                f"{store}: the table {name} is there, but not {', '.join(parents)}, to which its rows belong; "
                "nothing was changed"
            )


def _is_missing(column: Column, table: Table) -> bool:
    return column.required and table.column(column.name) is None


def differences(
    old: Tables, new: Tables, names: Sequence[str], put_aside: Iterable[PutAside], *, old_book: bool
) -> Iterator[Difference]:
    """What differs, table by table. names: the store's tables that the old database has."""
    for name in new:
        if name not in old:
            yield Difference("table", name, "", "added")
    for name in names:
        yield from _of_columns(old[name], new[name])
        yield from _of_indexes(old[name], new[name])
    for thing in put_aside:
        yield Difference(thing.kind, thing.table, thing.name, "put aside", old=thing.sql)
    if old_book:
        yield Difference("table", "migrations", "", "put aside", new=OLD_BOOK)
    for name in sorted(old.keys() - set(names) - {"migrations"}):
        yield Difference("table", name, "", "kept")


def extra_columns(old: Table, new: Table) -> list[Column]:
    """The columns of an old table that the store does not know."""
    return [column for column in old.columns if new.column(column.name) is None]


def extra_indexes(old: Tables, new: Tables, names: Iterable[str]) -> dict[str, str]:
    """The names of old indexes that the store does not have, with the table of each."""
    taken = {index for table in new.values() for index in table.indexes}
    return {index: name for name in names for index in old[name].indexes if index not in taken}


def parents_first(tables: Iterable[Table]) -> list[Table]:
    """In an order in which rows can be written. Raises AssertionError where tables point at each other."""
    remaining = {table.name: table for table in tables}
    ordered: list[Table] = []
    while remaining:
        ready = [
            table
            for table in remaining.values()
            if not {key.parent for key in table.foreign_keys} & (remaining.keys() - {table.name})
        ]
        if not ready:
            raise AssertionError("tables point at each other in a circle")
        ordered += ready
        for table in ready:
            del remaining[table.name]
    return ordered


def _of_columns(old: Table, new: Table) -> Iterator[Difference]:
    for column in new.columns:
        before = old.column(column.name)
        if before is None:
            yield Difference("column", new.name, column.name, "added", new=column.definition)
        elif before.definition != column.definition:
            yield Difference("column", new.name, column.name, "changed", before.definition, _shown(column))
    for column in extra_columns(old, new):
        yield Difference("column", new.name, column.name, "kept", old=column.definition)


def _shown(column: Column) -> str:
    """SQLite's type does not tell that a text is a time."""
    is_told = column.type != "timestamp" or column.declared.startswith("timestamp")
    return column.definition if is_told else f"{column.definition} (a time in UTC)"


def _of_indexes(old: Table, new: Table) -> Iterator[Difference]:
    for name in sorted(old.indexes.keys() | new.indexes.keys()):
        before, after = old.indexes.get(name, ""), new.indexes.get(name, "")
        if not after:
            yield Difference("index", new.name, name, "kept", old=before)
        elif before != after:
            yield Difference("index", new.name, name, "changed" if before else "added", before, after)
