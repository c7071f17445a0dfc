"""docs/search.md: its program runs and prints what it says; its table names what is searched."""

import re
from pathlib import Path

from sqlstore.capabilities.search import SearchableRepository
from sqlstore.store import _repositories
from sqlstore.stores import STORES, load_store
from tests.programs import run_program

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")


def test_the_program_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == re.findall(r"^\s*print\(.*# (.+)$", program, flags=re.MULTILINE)


def test_the_table_names_what_is_searched() -> None:
    listed = {
        (store, attribute)
        for store, attributes in re.findall(
            r"^\| (\w+) (`[\w`, ]+`) \| .* \| .* \|$", PAGE, flags=re.MULTILINE
        )
        for attribute in re.findall(r"\w+", attributes)
    }
    assert listed == {
        (name, attribute)
        for name in STORES
        for attribute, kind in _repositories(load_store(name)).items()
        if issubclass(kind, SearchableRepository)
    }
