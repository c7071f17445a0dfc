"""docs/migrations.md: what it shows runs, and it lists every command, option and exit code there is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

from sqlstore.migrate import COMMANDS, main, running
from sqlstore.migrations.content import _FLAGS
from sqlstore.migrations.display import _SIGNS
from sqlstore.migrations.plan import Mark

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "migrations.md").read_text(encoding="utf-8")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_program_runs(tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    done = run([sys.executable, "-W", "error", "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["planned", "started", "applied", "done", "1 0"]


def test_the_first_steps_work(tmp_path):
    (block,) = re.findall(r"^```sh\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines():
        words = line.split(" #")[0].split()
        done = run([sys.executable, *words[1:]], tmp_path)
        assert done.returncode == 0, done.stderr
        if words[3] == "new":
            for path in (tmp_path / "migrations").iterdir():
                assert f"migrations/{path.name}" in line or path.name.partition(".")[2] in line
                path.write_text("CREATE TABLE t (id bigint);")
    assert "0 pending" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_its_own_options_are_there(name):
    assert re.search(rf"^\| `{name}\b", TEXT, flags=re.MULTILINE)
    command = main.get_command(click.Context(main), name)
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("--"):
                assert option in TEXT, option


def test_each_mark_directive_and_exit_code_is_there():
    for mark in get_args(Mark):
        assert re.search(rf"`{re.escape(_SIGNS[mark])}` {mark}", TEXT), mark
    for flag in _FLAGS:
        assert f"`-- migrate: {flag}`" in TEXT
    codes = re.findall(r"^\| ([\d, ]+) \|", TEXT, flags=re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "130, 143"]
    assert running.NO_CONNECTION == 6
