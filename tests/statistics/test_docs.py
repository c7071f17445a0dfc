"""docs/statistics.md: its program runs, and it names what there is."""

import re
from pathlib import Path

import msgspec

from sqlstore.capabilities.statistics import Counters, Days, Spread, Statistics, Table
from sqlstore.engine.queries import load, row_types_of
from sqlstore.stores import support
from tests.programs import run_program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)[number]


def test_the_program_prints_what_it_says(tmp_path: Path) -> None:
    program = block("python")
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == re.findall(r"print\(.*#\s*(.+)$", program, re.MULTILINE)


def test_every_field_is_named() -> None:
    for kind in (Statistics, Counters, Days, Spread, Table):
        for field in msgspec.structs.fields(kind):
            assert field.name in ("name", "title") or f"`{field.name}`" in PAGE, field.name


def test_the_queries_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "statistics.sql").write_text(block("sql"))
    for engine in ("sqlite", "postgres"):
        loaded = load(tmp_path, engine, row_types_of(support.rows), store="diary")
        assert [query.header.name for query in loaded] == ["table_rows", "entries_per_mood"]
