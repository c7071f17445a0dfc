"""Which queries a store's Python code uses, found by reading it; it is not imported.

self._q.get           in a class with `table = "users"`: users.get; in one without, get of any table
store.q.users.get     users.get; so does any `….q.TABLE.NAME`
queries.table("t").x  t.x
self._t = queries.table("t"), then self._t.x: t.x; so with a function that returns such a table
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

ANY_TABLE = "*"


def used_queries(code: Iterable[Path]) -> set[str] | None:
    """The queries that Python files use, `users.get` or `*.get`; None where no file uses any.

    code: files, or folders that are searched. What Python cannot parse is passed over.
    """
    used: set[str] = set()
    for file in chain.from_iterable(_python_files(path) for path in code):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        used.update(_uses(tree, ANY_TABLE, dict(_named_tables(tree))))
    return used or None


def _python_files(path: Path) -> Iterator[Path]:
    """The file, or those of a folder; hidden folders and virtual environments are left out."""
    if path.is_file():
        yield path
    for folder, inner, names in os.walk(path):
        inner[:] = [
            name for name in inner if name[0] != "." and not Path(folder, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _named_tables(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names of variables, attributes and functions that are `….table("t")`, and t."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (table := _table_asked(node.value)):
            yield from ((name, table) for target in node.targets if (name := _name(target)))
        elif isinstance(node, ast.FunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value and (table := _table_asked(inner.value)):
                    yield node.name, table


def _table_asked(node: ast.expr) -> str | None:
    """t, of `….table("t")`; any where it is no text."""
    if isinstance(node, ast.Call) and _name(node.func) == "table" and node.args:
        return str(getattr(node.args[0], "value", ANY_TABLE))
    return None


def _uses(node: ast.AST, table: str, named: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        table = next(_tables(node), table)
    elif isinstance(node, ast.Attribute):
        owner = node.value
        if _name(owner) == "_q":
            yield f"{table}.{node.attr}"
        elif isinstance(owner, ast.Attribute) and _name(owner.value) == "q":
            yield f"{owner.attr}.{node.attr}"
        elif asked := _table_asked(owner) or named.get(_name(getattr(owner, "func", owner)) or ""):
            yield f"{asked}.{node.attr}"
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, table, named)


def _name(node: ast.expr) -> str | None:
    """The last part of a name, `c` of `a.b.c`."""
    found: str | None = getattr(node, "attr", getattr(node, "id", None))
    return found


def _tables(node: ast.ClassDef) -> Iterator[str]:
    """The text that a class gives its attribute `table`."""
    for statement in node.body:
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        named = any(isinstance(target, ast.Name) and target.id == "table" for target in targets)
        value = getattr(statement, "value", None)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
