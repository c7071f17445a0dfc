"""sqlstore beside the bare drivers and every peer, and whether the goals are reached.

    python -m bench.calls --json bench/results/calls.json --charts docs

Each peer works in a process of its own on its own copy of the same database; they take turns in
random order, round for round, and medians of the rounds are compared. CPU is that of the
process, all its threads counted, without the database server's. A peer that is not installed is left out;
bench/requirements.txt has them all. The server is SQLSTORE_TEST_POSTGRES, or one that is started.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import Any, get_args

import click
import msgspec
from rich.console import Console

from bench.cases import CASES, Group
from bench.goals import goals, start_times
from bench.growth import measure_growth
from bench.measuring import Growth, Process, Results, measure_case
from bench.peers import CALLS, HISTORIES
from bench.peers.peer import Engine, Place, Synchronous
from bench.places import places, server_for
from bench.report import goal_table, machine, make_console, table
from bench.worker import Loop, Start
from sqlstore.terminal import progress_bar


class Options(msgspec.Struct, frozen=True):
    """How much is measured. seconds: of one measurement."""

    rounds: int
    seconds: float
    rows: int
    history: int
    loop: Loop
    folder: Path
    only: Sequence[str]


def measure_group(
    *, engine: Engine, group: Group, synchronous: Synchronous, server: str, options: Options
) -> Results:
    """All cases of a kind on one engine. Peers that cannot be opened are samples with an error."""
    cases = [
        case
        for case in CASES[engine]
        if case.group == group
        and case.synchronous == synchronous
        and (not options.only or any(part in case.name for part in options.only))
    ]
    peers = (CALLS if group == "calls" else HISTORIES)[engine]
    results = Results(floors={engine: next(iter(CALLS[engine]))})
    if not cases:
        return results
    rows = options.rows if group == "calls" else 0
    with ExitStack() as stack:
        found = stack.enter_context(
            places(
                engine=engine,
                server=server,
                folder=options.folder,
                rows=rows,
                names=list(peers),
                synchronous=synchronous,
            )
        )
        processes = list(opened(stack, peers, found, options))
        with progress_bar(f"{engine} {group}") as on_progress:
            for number, case in enumerate(cases):
                on_progress(number, len(cases))
                results.samples += measure_case(engine, case, processes, options.rounds, options.seconds)
    return results


def opened(
    stack: ExitStack, peers: Mapping[str, str], found: Mapping[str, Place], options: Options
) -> Iterator[Process]:
    """A process for each peer that can be opened; standard error says who is left out, and why."""
    for name, reference in peers.items():
        if found[name].synchronous == "normal" and name == "databases":
            continue  # it opens a connection for each call and has no way to set it up
        start = Start(reference, found[name], options.rows, options.history, options.loop)
        process = stack.enter_context(Process(name, start))
        if process.opened.error:
            click.echo(f"{found[name].engine}: {name} is left out: {process.opened.error}", err=True)
        else:
            yield process


@click.command(help=__doc__)
@click.option("--rounds", default=9, show_default=True, type=click.IntRange(2))
@click.option("--seconds", default=0.12, show_default=True, help="Length of one measurement.")
@click.option("--rows", default=200_000, show_default=True, help="Messages in the tables.")
@click.option("--history", default=1_000, show_default=True, help="Messages of the long chat.")
@click.option("--growth-rows", default=200_000, show_default=True, help="0 leaves the growth out.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(get_args(Engine)))
@click.option("--loop", default="asyncio", show_default=True, type=click.Choice(get_args(Loop)))
@click.option("--only", multiple=True, metavar="TEXT", help="Only cases whose name has this in it.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="For SQLite's files: the disk that is measured."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Every round of every case.")
@click.option("--charts", type=click.Path(path_type=Path), help="A folder for SVG files.")
def main(
    *,
    rounds: int, seconds: float, rows: int, history: int, growth_rows: int, engines: tuple[Engine, ...],
    loop: Loop, only: tuple[str, ...], folder: Path | None, json_file: Path | None, charts: Path | None,
) -> None:  # fmt: skip
    chosen: Sequence[Engine] = engines or get_args(Engine)
    options = Options(rounds, seconds, rows, history, loop, folder or Path(gettempdir()), only)
    console = make_console()
    results, growths = Results(), {}
    with server_for(chosen) as server:
        settings = {"rounds": rounds, "rows": rows, "history": history, "loop": loop}
        about = asyncio.run(machine(server, **settings))
        for engine in chosen:
            for group, synchronous in (("calls", "full"), ("calls", "normal"), ("histories", "full")):
                part = measure_group(
                    engine=engine, group=group, synchronous=synchronous, server=server, options=options
                )
                results.samples += part.samples
                results.floors |= part.floors
            if growth_rows:
                growths[engine] = asyncio.run(measure_growth(engine, server, (10_000, growth_rows)))
    write(console, results, growths, about, json_file=json_file, charts=charts)


def write(
    console: Console, results: Results, growths: dict[Engine, Growth], about: dict[str, Any],
    *, json_file: Path | None, charts: Path | None,
) -> None:  # fmt: skip
    """Tables, then files. Notes on standard error where they went."""
    for engine, floor in results.floors.items():
        console.print(table(results, engine, floor))
    reached = goals(results, growths, start_times(7))
    console.print(goal_table(reached))
    console.print_json(data=about)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        whole = {"about": about, "results": results, "growth": growths, "goals": reached}
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
        click.echo(f"every round is in {json_file}", err=True)
    if charts is not None:
        from bench.chart import draw  # noqa: PLC0415 - a benchmark without charts needs no pygal

        for path in draw(results, charts):
            click.echo(f"drawn: {path}", err=True)


if __name__ == "__main__":
    sys.exit(main())
