"""docs/cache.md: its program runs, with and without Redis, and it names every variable and limit."""

import re
from pathlib import Path

import pytest

from sqlstore.capabilities.cache.breaker import FAILURES, PAUSE_S
from sqlstore.capabilities.cache.caching import MOST_ROWS
from sqlstore.capabilities.cache.client import DEADLINE_S
from sqlstore.capabilities.cache.settings import CacheSwitch, RedisSettings
from sqlstore.capabilities.cache.values import MOST_BYTES
from tests.programs import run_program

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cache.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("there", [True, False])
def test_the_program_prints_what_it_says(tmp_path: Path, redis, there: bool) -> None:
    if not there:
        redis.stop()
    done = run_program(PROGRAM.replace("redis://localhost:6379/0", redis.url), tmp_path)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "1", "1"]), done.stderr
    if there:
        assert len(redis.stored_keys()) == 1


def test_the_table_names_every_variable() -> None:
    table = PAGE.split("## Settings")[1].split("## What it promises")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`([A-Z_]{5,})`", line.split("|")[1] if line.startswith("|") else "")
    }
    assert named == {name.upper() for kind in (CacheSwitch, RedisSettings) for name in kind.model_fields}


def test_the_limits_are_as_written() -> None:
    assert f"At most {MOST_ROWS} messages and {MOST_BYTES // 1024} KiB" in PAGE
    assert f"at most {DEADLINE_S * 1000:.0f} ms" in PAGE
    assert FAILURES == 3
    assert f"After three failures in a row Redis is left alone for {PAUSE_S:.0f} seconds" in PAGE
