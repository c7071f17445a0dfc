"""docs/adapters: the programs run and print what they say, and each method in the tables exists."""

import re

import pytest

from sqlstore.adapters import fastapi, starlette
from sqlstore.adapters.aiogram import SqlStoreStorage
from sqlstore.adapters.langchain import SqlStoreChatMessageHistory
from sqlstore.adapters.langgraph import SqlStoreSaver
from sqlstore.adapters.openai_agents import SqlStoreSession
from sqlstore.adapters.telegram import SqlStorePersistence
from tests.adapters.programs import ROOT, run_program

PAGES = {
    "openai-agents": SqlStoreSession,
    "langchain": SqlStoreChatMessageHistory,
    "langgraph": SqlStoreSaver,
    "aiogram": SqlStoreStorage,
    "telegram": SqlStorePersistence,
}


def page(name: str) -> str:
    return (ROOT / "docs" / "adapters" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
async def test_the_program_runs_and_prints_what_it_says(name, tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```", page(name), flags=re.DOTALL | re.MULTILINE)
    (printed,) = re.findall(r"print\(.*#\s*(.+)$", program, flags=re.MULTILINE)
    assert (await run_program("-c", program, folder=tmp_path)).strip() == printed


@pytest.mark.parametrize("name", PAGES)
def test_each_method_exists(name):
    cells = re.findall(r"^\| (`.*?) \|", page(name), flags=re.MULTILINE)
    methods = [method for cell in cells for method in re.findall(r"`(\w+)(?:\([^`]*\))?`", cell)]
    assert len(methods) >= 5
    for method in methods:
        assert method in {PAGES[name].__name__, "langgraph"} or hasattr(PAGES[name], method), method


@pytest.mark.parametrize("name", PAGES)
def test_no_method_of_its_own_is_missing(name):
    own = {method for kind in PAGES[name].__mro__ if "sqlstore" in kind.__module__ for method in vars(kind)}
    shown = page(name)
    assert [method for method in sorted(own) if method[0] != "_" and f"`{method}" not in shown] == []


async def test_the_program_for_fastapi_runs_and_opens_nothing(tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```", page("fastapi"), flags=re.DOTALL | re.MULTILINE)
    assert await run_program("-c", program, folder=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_the_names_for_fastapi_exist():
    names = set(re.findall(r"^\| `(?:async with )?([\w.]+)", page("fastapi"), flags=re.MULTILINE)) - {
        "Depends"
    }
    assert len(names) == 7
    for name in names:
        place, _, attribute = name.partition(".")
        owner = starlette.StoreProvider if place == "provider" else fastapi
        assert not attribute or hasattr(owner, attribute)
        assert place == "provider" or hasattr(fastapi, place) or hasattr(starlette, place), name


@pytest.mark.parametrize("name", PAGES)
def test_each_page_speaks_of_concurrency_limits_and_versions(name):
    headings = re.findall(r"^## (.+)", page(name), flags=re.MULTILINE)
    assert any("oncurrency" in each or "at a time" in each for each in headings)
    assert any("imits" in each for each in headings)
    assert "(versions.md)" in page(name)
