"""The examples run as they stand, on both engines, and the store of one's own keeps the promises."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sqlstore.engine.errors import CheckViolation, InvalidValue
from sqlstore.migrations import down, migrate

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("diary", EXAMPLES / "diary" / "diary.py")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["diary"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
async def diary(url: str) -> AsyncIterator[Any]:
    async with module().Diary.open(url) as store:
        yield store


def run(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_diary_runs(url: str, tmp_path: Path) -> None:
    shown = run(str(EXAMPLES / "diary" / "diary.py"), url, cwd=tmp_path)
    assert shown.splitlines() == ["Rain, tea, a good book. 5", "average mood: 5.0"]


def test_the_migration_command_serves_the_diary(url: str, tmp_path: Path) -> None:
    options = ["--store", "diary", "--migrations", str(EXAMPLES / "diary" / "migrations_sql"), "--url", url]
    run("-m", "sqlstore.migrate", "up", *options, cwd=tmp_path)
    assert "0001" in run("-m", "sqlstore.migrate", "status", *options, cwd=tmp_path)


async def test_the_diary_writes_and_reads(diary: Any) -> None:
    first = await diary.entries.write("ann", "สวัสดี", 4)
    second = await diary.entries.write("ann", "안녕", 2)
    await diary.entries.write("ben", "hello", 1)
    assert await diary.entries.latest("ann") == [second, first]
    assert await diary.entries.latest("ann", 1) == [second]
    assert await diary.entries.average_mood("ann") == 3.0
    assert await diary.entries.average_mood("nobody") is None
    assert await diary.entries.tear_out([first.id, 404]) == 1
    assert await diary.entries.tear_out([]) == 0


async def test_the_diary_refuses_what_its_tables_refuse(diary: Any) -> None:
    with pytest.raises(CheckViolation) as raised:
        await diary.entries.write("ann", "too good", 6)
    assert raised.value.constraint == "entries_mood_check"
    with pytest.raises(InvalidValue):
        await diary.entries.write("ann", "nul\0", 3)
    assert await diary.entries.latest("ann") == []


async def test_the_diary_goes_down_and_up_again(diary: Any) -> None:
    await down(diary.driver, diary.migration_source())
    assert (await migrate(diary.driver, diary.migration_source())).version == 1
    await diary.entries.write("ann", "again", 3)
