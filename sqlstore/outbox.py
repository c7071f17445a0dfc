"""`python -m sqlstore outbox`: what waits for a database, and what it refused."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec

from sqlstore.capabilities.outbox import OutboxFile, OutboxSettings
from sqlstore.capabilities.outbox.rows import DeadLetter, Record
from sqlstore.config import LessonsSettings, Settings, load_settings
from sqlstore.engine.address import SqliteAddress, parse
from sqlstore.engine.errors import ConfigurationError
from sqlstore.engine.files import outbox_beside
from sqlstore.store import Store
from sqlstore.stores import load_store
from sqlstore.terminal import json_option, progress_bar, url_option

_PUT_ASIDE: Final = 1
_LOOK_EVERY_S: Final = 0.2
_outbox_option = click.option(
    "--outbox",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SQLSTORE_OUTBOX",
    metavar="FILE",
    help="The outbox.  [default: SQLSTORE_OUTBOX, .env, the one beside the SQLite database]",
)
_content_option = click.option(
    "--show-content", is_flag=True, help="Also what is to be written: texts and ids of people."
)


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record as the commands show it.

    keys, arguments: what it is about, and what is to be written; left out unless they are asked for.
    """

    id: str
    state: Literal["waits", "put aside"]
    store: str
    method: str
    created_at: str
    tries: int
    size: int
    error: str | None = None
    keys: Any = None
    arguments: Any = None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did. waiting, dead_letters: how many there are now."""

    written: int
    waiting: int
    dead_letters: int


@click.group()
def outbox() -> None:
    """What was saved while the database was away: what waits for it, and what it refused.

    A bot that is open writes what waits by itself. Nothing here shows what people wrote,
    unless it is asked for with --show-content.
    """


@outbox.command("list")
@click.option("--dead", is_flag=True, help="Only what was put aside.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many, the oldest."
)
@_outbox_option
@_content_option
@json_option
def list_(path: Path | None, limit: int, *, dead: bool, show_content: bool, as_json: bool) -> None:
    """List what waits and what was put aside, in order.

    Exit codes: 0 nothing was put aside; 1 something was.
    """

    async def work() -> tuple[list[Shown], int, int]:
        async with _opened(path) as file:
            backlog, found = file.backlog(), list[Shown]()
            async for letter in file.dead_letters():
                found.append(_shown(letter, content=show_content))
                if len(found) == limit:
                    break
            async for record in file.waiting():
                if dead or len(found) >= limit:
                    break
                found.append(_shown(record, content=show_content))
            return found, backlog.records, backlog.dead_letters

    found, waiting, letters = asyncio.run(work())
    if as_json:
        click.echo(msgspec.json.encode({"waiting": waiting, "dead_letters": letters, "records": found}))
    else:
        for each in found:
            click.echo(_line(each))
        click.echo(f"{waiting} wait, {letters} put aside")
    sys.exit(_PUT_ASIDE if letters else 0)


@outbox.command()
@click.argument("record_id", metavar="ID")
@_outbox_option
@_content_option
@json_option
def show(record_id: str, path: Path | None, *, show_content: bool, as_json: bool) -> None:
    """Show one record. Exit codes: 0 found; 2 there is none."""

    async def work() -> Shown:
        async with _opened(path) as file:
            found = await file.find(record_id)
            if found is None:
                raise ConfigurationError(f"there is no record {record_id!r} in {file.path}")
            return _shown(found, content=show_content)

    found = asyncio.run(work())
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for name, value in msgspec.structs.asdict(found).items():
        if value is not None:
            click.echo(
                f"{name}: {msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value}"
            )


@outbox.command()
@click.argument("ids", metavar="[ID]…", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Everything that was put aside.")
@_outbox_option
def retry(ids: tuple[str, ...], path: Path | None, *, every: bool) -> None:
    """Let what was put aside be tried again, in its old place. Mend what it failed of first.

    An open bot takes it up within half a minute. Exit codes: 0 done; 2 wrong usage, no such record.
    """
    if bool(ids) == every:
        raise click.UsageError("give the IDs, or --all")

    async def revive(file: OutboxFile) -> int:
        chosen = [letter.id async for letter in file.dead_letters()] if every else ids
        return sum([await file.revive(record_id) for record_id in chosen])

    _act(path, revive, ids, "will be tried again")


@outbox.command()
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_outbox_option
def drop(ids: tuple[str, ...], path: Path | None, *, yes: bool) -> None:
    """Delete records, whether they wait or were put aside: they are written nowhere, ever.

    Exit codes: 0 done; 2 wrong usage, no such record.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("this deletes what was saved; say --yes where nobody can be asked")
        click.confirm(f"Delete {len(ids)} records for ever?", abort=True, err=True)

    async def delete(file: OutboxFile) -> int:
        return await file.remove(ids) + await file.drop_letters(ids)

    _act(path, delete, ids, "deleted")


@outbox.command()
@_outbox_option
@url_option
@json_option
def replay(path: Path | None, url: str | None, *, as_json: bool) -> None:
    """Write what waits to the database, while no bot has the outbox open.

    Exit codes: 0 nothing waits any more; 1 something was put aside, or has to be tried again;
    2 wrong usage, or a bot has it open; 6 the database is away.
    """
    done = asyncio.run(_replay(_place(path), url))
    click.echo(
        msgspec.json.encode(done)
        if as_json
        else f"{done.written} written, {done.waiting} wait, {done.dead_letters} put aside"
    )
    sys.exit(_PUT_ASIDE if done.waiting or done.dead_letters else 0)


async def _replay(path: Path, url: str | None) -> Replayed:
    async with _opened(path) as file:
        before, stores = file.backlog(), file.stores
    if not stores:
        return Replayed(written=0, waiting=0, dead_letters=before.dead_letters)
    settings = load_settings(Settings)
    kind = load_store(min(stores))
    async with kind.open(
        url or settings.url.get_secret_value(),
        create=False, migrate=settings.migrate, timeout_s=settings.timeout_s, outbox=path,
    ) as store:  # fmt: skip
        await _watched(store, before.records)
        assert store.outbox is not None  # noqa: S101 - it was opened with one
        now = store.outbox.backlog()
    put_aside = now.dead_letters - before.dead_letters
    return Replayed(
        written=before.records - now.records - put_aside, waiting=now.records, dead_letters=now.dead_letters
    )


async def _watched(store: Store, total: int) -> None:
    """Replay, and show how far it is."""
    assert store.outbox is not None  # noqa: S101 - it was opened with one
    with progress_bar("Writing what waits") as progress:
        task = asyncio.ensure_future(store.replay_outbox())
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK_EVERY_S)
            progress(total - store.outbox.backlog().records, total)
        await task


def _act(
    path: Path | None,
    action: Callable[[OutboxFile], Coroutine[Any, Any, int]],
    ids: tuple[str, ...],
    what: str,
) -> None:
    async def work() -> int:
        async with _opened(path) as file:
            return await action(file)

    number = asyncio.run(work())
    click.echo(f"{number} {what}")
    if number < len(ids):
        raise ConfigurationError(f"{len(ids) - number} of the IDs are not there")


@asynccontextmanager
async def _opened(path: Path | None) -> AsyncIterator[OutboxFile]:
    """The outbox, beside the bot that may have it open."""
    file = OutboxFile(OutboxSettings(_place(path)), create=False)
    await file.open(alone=False)
    try:
        yield file
    finally:
        await file.close()


def _place(path: Path | None) -> Path:
    settings = load_settings(Settings)
    given = path or settings.outbox
    if given is not None:
        return given
    address = parse(settings.url.get_secret_value())
    beside = [load_settings(LessonsSettings).outbox_path]
    if isinstance(address, SqliteAddress) and address.path is not None:
        beside.insert(0, outbox_beside(address.path))
    for found in beside:
        if found.exists():
            return found
    raise ConfigurationError(f"there is no outbox at {beside[0]}; name it with --outbox FILE")


def _shown(record: Record | DeadLetter, *, content: bool) -> Shown:
    return Shown(
        id=record.id,
        state="put aside" if isinstance(record, DeadLetter) else "waits",
        store=record.store,
        method=record.method,
        created_at=f"{record.created_at:%Y-%m-%dT%H:%M:%SZ}",
        tries=record.tries,
        size=record.size,
        error=record.error if isinstance(record, DeadLetter) else None,
        keys=_read(record.keys) if content else None,
        arguments=_read(record.arguments) if content else None,
    )


def _read(document: str) -> Any:
    """JSON as it is kept; text where it is none any more."""
    try:
        return msgspec.json.decode(document)
    except ValueError:
        return document


def _line(shown: Shown) -> str:
    error = f"  {shown.error}" if shown.error else ""
    content = "" if shown.arguments is None else f"  {msgspec.json.encode(shown.arguments).decode()}"
    return (
        f"{shown.id}  {shown.state:<9}  {shown.created_at}  {shown.store}.{shown.method}, "
        f"{shown.tries} tries{error}{content}"
    )
