"""The documentation page of the store says what is there."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlstore.stores.conversations import Conversations
from sqlstore.stores.conversations.repositories import ConversationRepository, MessageRepository
from tests.programs import run_program

from . import schema

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "conversations.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n### {title}\n")[1].split("\n##")[0]


def table(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_example_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^\s*print\(.*#\s*(.+)$", program, flags=re.MULTILINE)
    assert said
    for line in said:
        assert line in done.stdout


@pytest.mark.parametrize("name", ["conversations", "messages"])
async def test_the_columns_are_those_of_the_database(store: Conversations, engine: str, name: str) -> None:
    documented = [
        schema.Column(column, sqlite if engine == "sqlite" else postgres, null == "yes", default)
        for column, sqlite, postgres, null, default, _ in table(section(name))
    ]
    live = await schema.columns(store.driver, name)
    if engine == "sqlite":
        live = [column._replace(default="true") if column.name == "is_active" else column for column in live]
    assert documented == live
    assert {row[-1] for row in table(section(name))} == {"original", "added"}


async def test_the_indexes_are_those_of_the_database(store: Conversations, engine: str) -> None:
    live = {
        index for name in ("conversations", "messages") for index in await schema.indexes(store.driver, name)
    }
    rows = table(section("Indexes"))
    assert {row[0] for row in rows if engine == "postgres" or "PostgreSQL" not in row[2]} == live


def call_of(method: Callable[..., object]) -> str:
    """`history(conversation_id, limit=50, *, before=None)`, without types."""
    parts = []
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = getattr(parameter.default, "__name__", repr(parameter.default))
        parts.append(
            parameter.name if parameter.default is parameter.empty else f"{parameter.name}={default}"
        )
    return f"{method.__name__}({', '.join(parts)})"


@pytest.mark.parametrize(
    ("attribute", "repository"),
    [("conversations", ConversationRepository), ("messages", MessageRepository)],
)
def test_every_method_is_documented_as_it_is_called(attribute: str, repository: type) -> None:
    methods = PAGE.split(f"\n`store.{attribute}`:\n")[1]
    documented = {
        call for row in table(methods.split("\n\n`")[0]) for call in re.findall(r"\w+\(.*?\)", row[0])
    }
    assert documented == {
        call_of(method)
        for name, method in inspect.getmembers(repository, inspect.isfunction)
        if not name.startswith("_")
    }
