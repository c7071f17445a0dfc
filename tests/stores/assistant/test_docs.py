"""docs/stores/assistant.md: its programs run as they stand there, its table is the live schema."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sqlstore.engine.repository import Repository
from sqlstore.stores.assistant import Assistant

sys.path.insert(0, str(Path(__file__).parent))

import assistant_schema

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "stores" / "assistant.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
DEFAULTS = {None: "", "random": "random UUID", "identity": "counts up"}


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_runs_and_prints_what_it_says(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", "-c", program],
        cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^\s*print\(.*\)  # (.+)$", program, flags=re.MULTILINE)
    assert said
    assert done.stdout.splitlines() == said


async def test_the_table_of_columns_is_the_live_schema(assistant: Assistant, engine: str) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()
            if re.match(r"\| \w+ \| \w+ \| [A-Z]+ \|", line)]  # fmt: skip
    written = [
        (table, column, sqlite if engine == "sqlite" else postgres, null, default)
        for table, column, sqlite, postgres, null, default, _ in rows
    ]
    live = [
        (table, name, column.type, "yes" if column.null else "no",
         "counts up" if name == "seq" else DEFAULTS.get(column.default, column.default))
        for table, columns in (await assistant_schema.columns(assistant)).items()
        for name, column in columns.items()
    ]  # fmt: skip
    assert sorted(written) == sorted(live)
    assert {row[-1] for row in rows} == {"original", "added"}


def test_every_method_is_listed_with_its_parameters() -> None:
    listed = {
        found[1]: found[2] for found in re.finditer(r"`([\w.]+)\(([^`]*)\)`", PAGE.split("## Methods")[1])
    }
    for attribute, kind in inspect.get_annotations(Assistant, eval_str=True).items():
        if inspect.isclass(kind) and issubclass(kind, Repository):
            for name, method in vars(kind).items():
                if inspect.iscoroutinefunction(method):
                    assert listed[f"{attribute}.{name}"] == parameters(method), f"{attribute}.{name}"
    assert listed["cleanup_expired_short_term_memory"] == parameters(
        Assistant.cleanup_expired_short_term_memory
    )


def parameters(method: Any) -> str:
    signature = inspect.signature(method)
    found = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in list(signature.parameters.values())[1:]
    ]
    return str(inspect.Signature(found))[1:-1].replace("'", '"')
