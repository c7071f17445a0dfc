"""Typed stubs for named queries: what `store.q.users.get(…)` takes and gives, for editors and type checkers.

A package of .pyi files: one class a table, each query a method with the header's types, and
`Queries`, which has the tables. Names of a query, table or row type may be anything that the
loader takes; where one hides a name that the stub needs, that is imported under another.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sqlstore.engine.queries import AFTER, Queries, Query, RowTypes, load
from sqlstore.engine.query_folder import QueryFile, read_folder
from sqlstore.engine.query_header import Parameter
from sqlstore.engine.values import TypeName

MARK: Final = "# Written by `python -m sqlstore check --stubs`; write it anew instead of editing it.\n"
_TYPES: Final[dict[TypeName, tuple[str, str]]] = {
    "int": ("builtins", "int"),
    "int4": ("builtins", "int"),
    "float": ("builtins", "float"),
    "text": ("builtins", "str"),
    "bool": ("builtins", "bool"),
    "bytes": ("builtins", "bytes"),
    "timestamp": ("datetime", "datetime"),
    "uuid": ("uuid", "UUID"),
}
_LONGEST_LINE: Final = 100
_PAGE_SIZE: Final = "page_size"


def stub_files(folder: Path, rows: RowTypes) -> dict[str, str]:
    """The stubs for a folder of queries by file name. Raises QueryFileError for one that cannot be loaded."""
    queries = load(folder, "sqlite", rows, store="stubs")
    about = {table: _about(files) for table, files in read_folder(folder).items()}
    stubs = {
        f"{table}.pyi": _Stub(table, [query.header.name for query in queries.table(table)]).text(
            list(queries.table(table)), about[table]
        )
        for table in _attributes(queries)
    }
    return {"__init__.pyi": _package(queries), **stubs}


def stale_files(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """The names of the stubs in a folder that differ from those wanted, are missing, or should go."""
    return sorted(name for name in {*wanted, *_ours(folder)} if _read(folder / name) != wanted.get(name))


def write_files(folder: Path, wanted: Mapping[str, str]) -> None:
    """Put the stubs into a folder, made if missing; stubs of tables that are gone go too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale_files(folder, wanted):
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()


def class_name(table: str) -> str:
    """`user_settings` as `UserSettingsQueries`."""
    return "".join(part.capitalize() for part in table.split("_")) + "Queries"


def _ours(folder: Path) -> Iterator[str]:
    for path in folder.glob("*.pyi"):
        if (_read(path) or "").startswith(MARK):
            yield path.name


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _attributes(queries: Queries) -> list[str]:
    """The tables that can be written as attributes: `import.sql` is none of them."""
    return [table for table in queries.tables if not keyword.iskeyword(table)]


def _package(queries: Queries) -> str:
    tables = _attributes(queries)
    imports = "".join(f"from . import {table} as _{table}\n" for table in tables)
    attributes = "".join(f"    {table}: _{table}.{class_name(table)}\n" for table in tables) or "    ...\n"
    about = '    """The named queries of a store, by table; `Store.q` is one."""\n\n'
    return f"{MARK}\n{imports}\nclass Queries:\n{about}{attributes}"


def _about(files: list[QueryFile]) -> str:
    """What the first comment lines of a table's file say."""
    shared = next((file for file in files if file.engine is None), files[0])
    lines = re.match(r"(?:--(?! *name:).*\n)*", shared.text)
    return "\n".join(line.lstrip("-").strip() for line in lines[0].splitlines()) if lines else ""


class _Stub:
    """The stub of one table. hidden: names that mean something else inside of the class."""

    def __init__(self, table: str, hidden: list[str]) -> None:
        self._class = class_name(table)
        self._hidden = {*hidden, self._class}
        self._modules: dict[str, str] = {}
        self._imports: set[str] = set()

    def text(self, queries: list[Query], about: str) -> str:
        """The whole file."""
        methods = "\n".join(self._method(query) for query in queries)
        imports = "".join(f"{line}\n" for line in sorted(self._imports))
        return f"{MARK}\n{imports}\nclass {self._class}:\n{_docstring(about, '    ')}\n{methods}"

    def _method(self, query: Query) -> str:
        is_stream = query.kind == "stream"
        names = [parameter.name for parameter in query.header.parameters]
        receiver = "_self, /" if "self" in names else "self"
        parameters = [self._parameter(parameter) for parameter in query.header.parameters]
        if is_stream:  # pages are the caller's business no more
            page_size = f"{_PAGE_SIZE}: {self._use('builtins', 'int')} = ..."
            given = [each for each in parameters if not each.startswith((AFTER, f"{_PAGE_SIZE}:"))]
            parameters = ["*", *given, page_size]
        start = f"    {'' if is_stream else 'async '}def {query.header.name}("
        end = f") -> {self._result(query)}:"
        doc = "\n".join(line for line in query.doc.split("\n") if not line.strip().startswith("check:"))
        body = _docstring(doc, "        ") or "        ...\n"
        line = f"{start}{', '.join([receiver, *parameters])}{end}"
        if len(line) > _LONGEST_LINE:
            listed = "".join(f"        {each},\n" for each in [receiver, *parameters])
            line = f"{start}\n{listed}    {end}"
        return f"{line}\n{body}"

    def _parameter(self, parameter: Parameter) -> str:
        kind = self._given(parameter.type)
        if parameter.is_list:
            kind = f"{self._use('builtins', 'list')}[{kind}] | {self._use('builtins', 'tuple')}[{kind}, ...]"
        return f"{parameter.name}: {kind}{' | None' if parameter.nullable else ''}"

    def _given(self, kind: TypeName) -> str:
        if kind != "json":
            return self._use(*_TYPES[kind])
        some, text = self._use("typing", "Any"), self._use("builtins", "str")
        objects = f"{self._use('builtins', 'dict')}[{text}, {some}] | {self._use('builtins', 'list')}[{some}]"
        return f"{objects} | {text} | {self._use('builtins', 'float')} | None"

    def _result(self, query: Query) -> str:
        if query.row is None:
            kind: TypeName = query.header.value or "int"
            value = self._use("typing", "Any") if kind == "json" else self._use(*_TYPES[kind])
            return f"{value} | None" if query.header.value_nullable else value
        outer, dot, inner = query.row.__qualname__.partition(".")
        row = f"{self._use(query.row.__module__, outer)}{dot}{inner}"
        if query.kind == "one":
            return f"{row} | None"
        many = ("builtins", "list") if query.kind == "many" else ("collections.abc", "AsyncIterator")
        return f"{self._use(*many)}[{row}]"

    def _use(self, module: str, name: str) -> str:
        """How a name of a module is written here; it is imported where it must be."""
        alias = name
        while alias in self._hidden or self._modules.get(alias, module) != module:
            alias = f"_{alias}"
        self._modules[alias] = module
        if module != "builtins" or alias != name:
            self._imports.add(f"from {module} import {name}" + (f" as {alias}" if alias != name else ""))
        return alias


def _docstring(text: str, indent: str) -> str:
    text = text.strip()
    if not text:
        return ""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    lines = [f"{indent}{line}".rstrip() for line in f'"""{escaped}"""'.split("\n")]
    return "\n".join(lines) + "\n"
