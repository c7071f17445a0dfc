"""`python -m sqlstore search`: find texts by their words, and look after the index."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_type_hints
from uuid import UUID

import click
import msgspec

from sqlstore.capabilities.search import SearchableRepository, SearchHit, SearchResult
from sqlstore.capabilities.search.maintenance import Verdict, verify
from sqlstore.config import Settings, load_settings
from sqlstore.store import Store
from sqlstore.stores import STORES, load_store
from sqlstore.terminal import json_option, progress_bar, url_option

_OWNERS: Final = ("chat_id", "session_id", "conversation_id")
"""Parameters of the stores' search methods that --chat stands for."""
_DIFFERS: Final = 1


@click.command()
@click.argument("words", required=False)
@click.option("--store", type=click.Choice(sorted(STORES)), default="chatbot", show_default=True)
@click.option("--chat", metavar="ID", help="Only in one chat, session or conversation.")
@click.option(
    "--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Hits of each table."
)
@click.option("--newest", is_flag=True, help="The newest first, not the best.")
@click.option("--rebuild", "anew", is_flag=True, help="Make the index anew first.")
@click.option("--verify", "check", is_flag=True, help="Compare the index with the texts.")
@url_option
@json_option
def search(
    words: str | None,
    store: str,
    chat: str | None,
    limit: int,
    url: str | None,
    *,
    newest: bool,
    anew: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Find messages, FAQs and whatever else a store searches by WORDS, in any language.

    "…" are exact forms, - leaves out, * ends a beginning. What is not indexed yet is indexed
    first. Exit codes: 0 done; 1 --verify found an index that differs from the texts; 2 wrong
    usage, or a store that has nothing to search.
    """
    if words is None and not (anew or check):
        raise click.UsageError("give WORDS to look for, or --rebuild or --verify")
    kind = load_store(store)
    if not _has_search(kind):
        raise click.UsageError(f"the store {store} has nothing to search: its texts have no index of words")
    address = url or load_settings(Settings).url.get_secret_value()

    async def work() -> tuple[dict[str, SearchResult[Any]], list[Verdict]]:
        async with kind.open(address, create=False) as opened:
            tables = [repository.table for repository in _searched(opened, None).values()]
            with progress_bar("Indexing") as on_progress:
                await opened.complete_index(anew=anew, on_progress=on_progress)
            verdicts = [await verify(opened.driver, table) for table in tables] if check else []
            return await _found(opened, words, chat, limit, newest=newest), verdicts

    results, verdicts = asyncio.run(work())
    if as_json:
        click.echo(msgspec.json.encode(_document(results, verdicts), enc_hook=str))
    else:
        click.echo(
            "\n".join([*_hit_lines(results), *map(_verdict_line, verdicts)]), nl=bool(results or verdicts)
        )
    if not all(verdict.agrees for verdict in verdicts):
        raise SystemExit(_DIFFERS)


def _has_search(kind: type[Store]) -> bool:
    hints = get_type_hints(kind).values()
    return any(isinstance(hint, type) and issubclass(hint, SearchableRepository) for hint in hints)


def _searched(store: Store, chat: str | None) -> dict[str, SearchableRepository[Any]]:
    """The repositories that are searched, by their names in the store; with a chat, those that have owners."""
    return {
        name: repository
        for name, repository in vars(store).items()
        if isinstance(repository, SearchableRepository) and (chat is None or _owner(repository, chat))
    }


def _owner(repository: SearchableRepository[Any], chat: str) -> dict[str, int | str | UUID]:
    """The parameter that --chat stands for, and its value; {} where rows of the table are nobody's.

    Raises UsageError for an id that cannot be one.
    """
    method = repository.search  # type: ignore[attr-defined]  # each declares its own owners
    name = next((name for name in _OWNERS if name in inspect.signature(method).parameters), None)
    if name is None:
        return {}
    hint = get_type_hints(method)[name]
    make = next(kind for kind in (int, UUID, str) if kind == hint or kind in getattr(hint, "__args__", ()))
    try:
        return {name: make(chat)}
    except ValueError:
        raise click.UsageError(f"--chat: {chat!r} is no {name.replace('_', ' ')} of this store") from None


async def _found(
    store: Store, words: str | None, chat: str | None, limit: int, *, newest: bool
) -> dict[str, SearchResult[Any]]:
    if words is None:
        return {}
    found = {}
    for name, repository in _searched(store, chat).items():
        owner = {} if chat is None else _owner(repository, chat)
        order = "newest" if newest else "relevance"
        found[name] = await repository.search(words, limit=limit, order=order, **owner)  # type: ignore[attr-defined]
    return found


def _document(results: dict[str, SearchResult[Any]], verdicts: Sequence[Verdict]) -> dict[str, object]:
    found = {
        name: {
            "complete": result.complete,
            "hits": [
                {
                    "row": hit.row,
                    "score": hit.score,
                    "snippet": hit.snippet,
                    "highlights": hit.highlights,
                    "cut": hit.cut,
                }
                for hit in result.hits
            ],
        }
        for name, result in results.items()
    }
    return {"found": found, "verified": list(verdicts)}


def _hit_lines(results: dict[str, SearchResult[Any]]) -> Iterator[str]:
    for name, result in results.items():
        for hit in result.hits:
            row = msgspec.structs.asdict(hit.row)
            key = row.get("seq", row["id"])
            yield f"{name} {key}  {_highlighted(hit)}"
        if not result.complete:
            yield f"{name}: not everything is indexed yet; there may be more"
    if results and not any(result.hits for result in results.values()):
        yield "nothing found"


def _highlighted(hit: SearchHit[Any]) -> str:
    """The snippet on one line; click takes the colours out where it is not a terminal."""
    parts, end = [], 0
    for start, stop in hit.highlights:
        parts += [hit.snippet[end:start], click.style(hit.snippet[start:stop], bold=True, fg="yellow")]
        end = stop
    return " ".join("".join([*parts, hit.snippet[end:]]).split())


def _verdict_line(verdict: Verdict) -> str:
    if verdict.agrees:
        return f"{verdict.table}: {verdict.rows} rows, {verdict.words} words, the index agrees"
    hint = "rows were written meanwhile; run it again" if verdict.pending else "run --rebuild"
    return (
        f"{verdict.table}: {verdict.missing} words are missing and {verdict.superfluous} too many "
        f"in the index of {verdict.rows} rows; {hint}"
    )
