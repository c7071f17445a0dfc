"""Stubs: valid for any name and text, up to date or not, and as the type checkers take them."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sqlstore.check.stubs import stub_files
from tests.check.command import ROOT, run

ROWS = """
from datetime import datetime

import msgspec


class Item(msgspec.Struct, frozen=True):
    id: int
    made_at: datetime


class list(msgspec.Struct, frozen=True):
    id: int
"""
ITEMS = """-- Items, and "quotes" in \\N{comments}.

-- name: get(id: int) :one Item
-- One item. \\d {} \"\"\" and a quote at the end"
-- check: unused, for nobody
SELECT id, made_at FROM items WHERE id = :id;

-- name: latest(since: timestamp?, limit: int) :many Item
SELECT id, made_at FROM items WHERE made_at > :since LIMIT :limit;

-- name: some(ids: int[], codes: uuid[], extra: json) :changed
UPDATE items SET extra = :extra WHERE id IN (:ids) AND code IN (:codes);

-- name: all(name: text, after_id: int?, page_size: int) :stream Item
SELECT id, made_at FROM items WHERE id > :after_id AND name = :name LIMIT :page_size;

-- name: highest() :value int?
SELECT max(id) FROM items;

-- name: number(page_size: int) :value int
SELECT count(*) + :page_size FROM items;
"""
NAMES = """-- Names that hide others.

-- name: int(self: int, int: text) :value int
SELECT length(:int) + :self;

-- name: list(datetime: timestamp) :many list
SELECT 1 AS id WHERE :datetime IS NOT NULL;

-- name: datetime(list: text[]) :value timestamp
SELECT 'x' WHERE 'a' IN (:list);

-- name: Item(id: int) :one Item
SELECT id, made_at FROM items WHERE id = :id;

-- name: OddNamesQueries() :value text
SELECT 'x';
"""
STORE = """
from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from bot import rows
from sqlstore.store import Store

if TYPE_CHECKING:
    from bot.queries import Queries


class Bot(Store):
    name = "bot"
    row_types: ClassVar[ModuleType] = rows
    sql = Path("sql")
    migrations = Path("migrations_sql")

    if TYPE_CHECKING:
        q: Queries
"""
RIGHT = """
from datetime import datetime

from bot.rows import Item
from bot.store import Bot


async def use(bot: Bot, now: datetime) -> list[Item]:
    one = await bot.q.items.get(7)
    if one is not None:
        print(one.made_at.year)
    items = await bot.q.items.latest(since=None, limit=3)
    changed: int = await bot.q.items.some([1], (), {"a": [1, None]})
    highest: int | None = await bot.q.items.highest()
    async for item in bot.q.items.all(name="x"):
        print(item.id, changed, highest)
    for row in await bot.q.odd_names.list(datetime=now):
        print(row.id + await bot.q.odd_names.int(1, "x"))
    async with bot.transaction() as tx:
        await tx.q.items.number(page_size=1)
    return items
"""
WRONG = """
from bot.store import Bot


async def use(bot: Bot) -> None:
    await bot.q.items.get("seven")
    await bot.q.items.get(id=None)
    await bot.q.items.got(7)
    await bot.q.itms.get(7)
    await bot.q.items.latest(limit=3)
    await bot.q.items.some("abc", [], None)
    print((await bot.q.items.get(7)).id)
    print((await bot.q.items.highest()) + 1)
    async for item in bot.q.items.all(name="x"):
        print(item.no_such_field)
"""
WRONG_LINES = set(range(6, 14)) | {15}


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """A project whose store has its queries typed by stubs."""
    (tmp_path / "bot").mkdir()
    (tmp_path / "sql").mkdir()
    for name, text in (
        ("__init__", ""),
        ("rows", ROWS),
        ("store", STORE),
        ("right", RIGHT),
        ("wrong", WRONG),
    ):
        (tmp_path / "bot" / f"{name}.py").write_text(text)
    for name, text in (("items", ITEMS), ("odd_names", NAMES), ("import", NAMES)):
        (tmp_path / "sql" / f"{name}.sql").write_text(text)
    code, out, errors = run("--store", "bot.store:Bot", "--stubs", "bot/queries", folder=tmp_path)
    assert (code, out, errors) == (0, "bot/queries: 3 stubs, 3 written or removed\n", "")
    return tmp_path


def test_the_text_of_a_query_becomes_its_docstring(bot):
    tree = ast.parse((bot / "bot" / "queries" / "items.pyi").read_text())
    (items,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {
        node.name: node for node in items.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
    }
    assert ast.get_docstring(items) == 'Items, and "quotes" in \\N{comments}.'
    assert ast.get_docstring(methods["get"]) == 'One item. \\d {} """ and a quote at the end"'
    assert ast.unparse(methods["all"].args) == "self, *, name: str, page_size: int=..."
    assert ast.unparse(methods["number"].args) == "self, page_size: int"


@pytest.mark.slow
def test_stale_stubs_are_named_and_written_anew(bot):
    def stubs(*more: str) -> tuple[int, str]:
        return run("--store", "bot.store:Bot", "--stubs", "bot/queries", *more, folder=bot)[:2]

    assert stubs("--verify") == (0, "")
    (bot / "sql" / "items.sql").write_text(ITEMS.replace("id: int)", "id: int?)"))
    (bot / "sql" / "odd_names.sql").unlink()
    own = bot / "bot" / "queries" / "own.pyi"
    own.write_text("x: int\n")
    code, out = stubs("--verify")
    assert (code, out.partition(";")[0]) == (
        1,
        "stale in bot/queries: __init__.pyi, items.pyi, odd_names.pyi",
    )
    assert stubs()[0] == 0
    assert stubs("--verify") == (0, "")
    assert sorted(path.name for path in own.parent.iterdir()) == ["__init__.pyi", "items.pyi", "own.pyi"]


def test_stubs_are_of_one_store(tmp_path):
    code, out, errors = run("--stubs", "queries", folder=tmp_path)
    assert (code, out) == (2, "")
    assert "--store NAME" in errors


@pytest.mark.parametrize("store", ["assistant", "chatbot", "conversations", "lessons", "state", "support"])
def test_the_built_in_stores_have_valid_stubs(store):
    from sqlstore.engine.queries import row_types_of
    from sqlstore.stores import load_store

    kind = load_store(store)
    files = stub_files(kind.query_folder(), row_types_of(kind.row_types))
    for name, text in files.items():
        compile(text, name, "exec")


@pytest.mark.slow
def test_mypy_takes_right_calls_and_refuses_wrong_ones(bot):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "--cache-dir", str(bot / "cache"), "bot"],
        cwd=bot, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert {line.partition(":")[0] for line in lines} == {"bot/wrong.py"}, done.stdout + done.stderr
    assert {int(re.search(r":(\d+):", line)[1]) for line in lines} == WRONG_LINES, done.stdout


@pytest.mark.slow
def test_pyright_takes_right_calls_and_refuses_wrong_ones(bot):
    settings = {"include": ["bot"], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (bot / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"],
        cwd=bot, capture_output=True, text=True,
    )  # fmt: skip
    found = [found for found in json.loads(done.stdout)["generalDiagnostics"] if found["severity"] == "error"]
    assert {Path(error["file"]).name for error in found} == {"wrong.py"}, found
    assert {error["range"]["start"]["line"] + 1 for error in found} == WRONG_LINES, found
