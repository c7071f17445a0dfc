"""docs/stores/state.md: its tables and indexes are those of a live database."""

import re
from pathlib import Path

import schema_reading as schema
from schema_reading import Column

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "state.md").read_text(encoding="utf-8")


def rows(table: str) -> list[list[str]]:
    """The cells below the line that begins with the table's name."""
    after = PAGE.split(f"\n`{table}`: ", 1)[1]
    part = re.split(r"\n(?:`\w+`: |#)", after, maxsplit=1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


async def test_the_columns_are_those_of_the_database(state, engine):
    live = await schema.columns(state)
    assert set(live) == set(re.findall(r"^`(\w+)`: ", PAGE, flags=re.MULTILINE))
    for table, columns in live.items():
        shown = {
            name: Column({"sqlite": sqlite, "postgres": postgres}[engine], null == "yes", default or None)
            for name, sqlite, postgres, null, default in rows(table)
        }
        assert list(shown.items()) == list(columns.items()), table


async def test_each_named_index_exists(state):
    live = {name for name in await schema.indexes(state) if name.startswith("idx_")}
    assert set(re.findall(r"idx_\w+", PAGE)) == live
