"""The benchmarks run: tiny, on SQLite, with what is installed for the tests."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.soak import Second, compare

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"bench.{module}", "--engine", "sqlite", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_calls_are_compared_in_every_round_and_goals_are_judged(tmp_path: Path) -> None:
    file = tmp_path / "calls.json"
    done = run(
        "calls", "--rounds", "2", "--seconds", "0.005", "--rows", "60000", "--history", "60", "--growth-rows", "0",
        "--only", "append, 16", "--only", "last 50", "--json", str(file),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    measured = {(each["case"], each["peer"]): each for each in found["results"]["samples"]}
    for case in ("last 50", "append, 16 tasks", "history: last 50"):
        assert len(measured[case, "sqlstore"]["cpu"]) == 2
        assert min(measured[case, "sqlstore"]["cpu"]) > 0
    assert len(measured["last 50", "aiosqlite, one hop"]["wall"]) == 2
    judged = {goal["what"]: goal["figure"] for goal in found["goals"]}
    assert judged["sqlite: last 50, cpu, of aiosqlite, one hop"] > 0
    assert judged["sqlite: one by key, cpu, of aiosqlite, one hop"] is None


def test_growth_is_measured_at_each_size(tmp_path: Path) -> None:
    file = tmp_path / "growth.json"
    sizes = ("--rows", "2000", "--rows", "3000", "--board-rows", "1000", "--seconds", "0.1")
    done = run("growth", *sizes, "--json", str(file))
    assert done.returncode == 0, done.stderr
    calls, load = json.loads(file.read_text())["sqlite"]
    assert set(calls["times_ms"]) == {"2000", "3000"}
    assert {cost["rows"] for cost in calls["history"].values()} == {5}  # whatever is stored
    assert load["processes"]["8"] > 0


def test_traffic_is_told_minute_by_minute() -> None:
    done = run("soak", "--minutes", "0.1")
    assert done.returncode in (0, 1), done.stderr  # latency of six seconds says nothing on a busy machine
    assert done.stderr == ""
    assert "calls in 0.1 minutes" in " ".join(done.stdout.split())


@pytest.mark.parametrize("figure", ["memory_mb", "wal_mb", "threads", "open_files", "p50_ms", "p99_ms"])
def test_what_grows_through_a_soak_is_found_and_what_falls_back_is_not(figure: str) -> None:
    flat = [Second(100, 10, 6, 16, 1, 10) for _ in range(600)]
    leaking = [msgspec.structs.replace(each, **{figure: 100.0 + number}) for number, each in enumerate(flat)]
    peak = [*flat[:300], *leaking[300:400], *flat[400:]]
    assert not any(grown for _, _, grown in compare(flat).values())
    assert [name for name, (_, _, grown) in compare(leaking).items() if grown] == [figure]
    assert not any(grown for _, _, grown in compare(peak).values())
