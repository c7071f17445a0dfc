"""docs/stores/lessons.md: its programs run, its tables are those of a live database, its names exist."""

import re
from pathlib import Path

import pytest
import schema_reading as schema
from schema_reading import Column

from sqlstore.compat import easy_lessons
from sqlstore.stores.lessons import Lessons
from tests.programs import run_program

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "stores" / "lessons.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below a line that begins so, up to the next such line."""
    after = PAGE.split(f"\n{heading}", 1)[1]
    part = re.split(r"\n(?:`\w+`: |#)", after, maxsplit=1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_runs_and_prints_what_it_says(program: str, tmp_path: Path) -> None:
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    (printed,) = re.findall(r"print\(.*#\s*(.+)$", program, flags=re.MULTILINE)
    assert done.stdout.strip() == printed


def test_there_are_programs_to_run() -> None:
    assert len(PROGRAMS) == 3


async def test_the_columns_are_those_of_the_database(lessons: Lessons, engine: str) -> None:
    live = await schema.columns(lessons)
    for table, columns in live.items():
        shown = {
            name: Column({"sqlite": sqlite, "postgres": postgres}[engine], null == "yes", default or None)
            for name, sqlite, postgres, null, default, source in rows(f"`{table}`: ")
        }
        if engine == "sqlite":
            numbers = {"false": "0", "true": "1"}
            shown = {
                name: about._replace(default=numbers.get(str(about.default), about.default))
                for name, about in shown.items()
            }
        assert list(shown.items()) == list(columns.items())


def test_each_column_says_where_it_comes_from() -> None:
    sources = {name: row[-1] for table in ("messages", "sessions") for name, *row in rows(f"`{table}`: ")}
    assert set(sources.values()) == {"original", "added"}
    assert [name for name, source in sources.items() if source == "added"] == ["state_version"]


async def test_each_named_index_exists(lessons: Lessons) -> None:
    assert set(re.findall(r"idx_\w+", PAGE)) == set(await schema.indexes(lessons))


async def test_each_method_of_the_store_exists(lessons: Lessons) -> None:
    for shown, _ in rows("## Methods"):
        if "(" in shown:
            assert callable(getattr(lessons, shown.split("(")[0])), shown
        else:
            repository, names = shown.split(".")
            for name in names.split(", "):
                assert callable(getattr(getattr(lessons, repository), name)), name


def test_each_class_of_the_old_interface_has_its_methods() -> None:
    found = [cells for cells in rows("## The old bot's own names") if cells[0] in easy_lessons.__all__]
    assert len(found) == 4
    for name, methods in ((cells[0], cells[1]) for cells in found):
        for method in re.sub(r"[`,]|\(.*", "", methods).split():
            assert hasattr(getattr(easy_lessons, name), method), f"{name}.{method}"
