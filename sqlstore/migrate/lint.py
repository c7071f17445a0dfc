"""`lint`: what migrations would do to a database in use, before they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from sqlstore.migrate.running import DONE, FAILED, run
from sqlstore.migrate.target import make_sources, source_options
from sqlstore.migrations.files import MigrationSource
from sqlstore.migrations.lint import Finding, lint_source


@click.command()
@source_options
def lint(store: str | None, migrations: Path | None, *, as_json: bool) -> None:
    """Find what would lock, rewrite or break a database in use; needs no database.

    All files, for both engines; of all stores where none is named. A file accepts a finding with
    `-- migrate: allow=CODE`. Exit codes: 0 nothing found; 1 something; 2 a wrong file.
    """
    sources = make_sources(store, migrations)

    async def work() -> int:
        found = {source: lint_source(source) for source in sources}
        findings = [finding for of_source in found.values() for finding in of_source]
        if as_json:
            click.echo(msgspec.json.encode(findings))
        else:
            for source, of_source in found.items():
                _show(source, of_source)
        return FAILED if findings else DONE

    run(work())


def _show(source: MigrationSource, findings: Sequence[Finding]) -> None:
    """As compilers do: the place, the sentence, and the line with a caret."""
    for finding in findings:
        line = _line(source, finding)
        indent = "".join(character if character == "\t" else " " for character in line[: finding.column - 1])
        click.echo(f"{finding.path}:{finding.line}:{finding.column}: {finding.code}: {finding.problem}")
        click.echo(f"  {line}\n  {indent}^")
    click.echo(f"{source.store}: {len(findings) or 'nothing'} found")


def _line(source: MigrationSource, finding: Finding) -> str:
    """The line of a finding; the folder may be inside a zip file, so the path alone would not do."""
    text = (source.folder / Path(finding.path).name).read_text(encoding="utf-8-sig")
    return text.split("\n")[finding.line - 1].rstrip("\r")
