"""What README.md shows, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import run_program

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


PROGRAMS = [block for block in blocks("python") if "asyncio.run(" in block]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_runs(program: str, url: str, tmp_path: Path) -> None:
    program = re.sub(r'"postgresql://bot@[^"]*"', f'"{url}"', program)
    if url.startswith("postgresql"):
        program = re.sub(r'"sqlite:[^"]*"', f'"{url}"', program)
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    for line in re.findall(r"^\s*print\(.*#\s*(.+)$", program, flags=re.MULTILINE):
        assert line in done.stdout


def test_there_are_programs_to_run() -> None:
    assert len(PROGRAMS) >= 7


def commands() -> list[str]:
    return [
        line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m sqlstore")
    ]


def test_each_command_is_one_that_exists(tmp_path: Path) -> None:
    assert commands()
    for command in commands():
        words = command.split(" #")[0].split()
        module, arguments = words[2], [word for word in words[3:] if not word.startswith("-")]
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments[:1], "--help"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_relative_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target
