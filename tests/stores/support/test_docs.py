"""What docs/stores/support.md says: its example runs, its columns and methods are those there are."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqlstore.stores.support import Support
from sqlstore.stores.support.repositories import (
    ChatRepository,
    KnowledgeRepository,
    MessageRepository,
    TicketRepository,
    UserRepository,
)

from . import schema

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "support.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
METHODS = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
REPOSITORIES = {
    "users": UserRepository,
    "chats": ChatRepository,
    "messages": MessageRepository,
    "tickets": TicketRepository,
    "knowledge": KnowledgeRepository,
}


def test_the_example_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = PROGRAMS
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^\s*print\(.*#\s*(.+)$", program, flags=re.MULTILINE)
    assert expected
    assert done.stdout.splitlines() == expected


async def test_the_columns_are_those_of_the_tables(desk: Support) -> None:
    rows = re.findall(
        r"^\| `(\w+)\.(\w+)` \| (.*?) \| (.*?) \| (yes|no) \| (.*?) ?\| (original|added) \|$",
        PAGE,
        re.MULTILINE,
    )
    described: dict[str, list[schema.Column]] = {}
    for table, name, sqlite, postgres, null, default, _ in rows:
        kind = sqlite if desk.driver.engine == "sqlite" else postgres
        described.setdefault(table, []).append(schema.Column(name, kind, null == "yes", default))
    assert described == await schema.columns(desk)


@pytest.mark.parametrize("attribute", REPOSITORIES)
def test_every_method_is_described_with_its_parameters(attribute: str) -> None:
    described = {
        name: re.findall(r"(\w+)(?:=[^,)]+)?", parameters)
        for name, parameters in re.findall(rf"`{attribute}\.(\w+)\(([^`]*)\)`", METHODS)
    }
    methods = {
        name: method
        for name, method in inspect.getmembers(REPOSITORIES[attribute], inspect.isfunction)
        if not name.startswith("_")
    }
    assert set(described) == set(methods)
    for name, method in methods.items():
        taken = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        if name == "list":  # what all lists take is said once
            taken = [parameter for parameter in taken if parameter not in ("after", "limit", "newest_first")]
        assert described[name] == taken, name
