"""What docs/backup.md shows, run as it stands there."""

import re
import subprocess
import sys

import pytest

from tests.capabilities.backup.conftest import ROOT, environment

TEXT = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_each_program_runs(program, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for line in re.findall(r"^\s*print\(.*#\s*(.+)$", program, flags=re.MULTILINE):
        assert line in done.stdout


def test_the_commands_lead_from_a_database_to_a_restored_one(tmp_path):
    """The first block, with the file that the backup really made."""
    (block,) = [
        part for part in re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE) if "--keep" in part
    ]
    make = "import asyncio; from sqlstore.stores.chatbot import Chatbot\nasync def m():\n async with Chatbot.open('sqlite:///data/bot.db'): pass\nasyncio.run(m())"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True, env=environment())
    for command in block.strip().splitlines():
        found = [str(path.relative_to(tmp_path)) for path in tmp_path.glob("data/backups/*.db")]
        typed = re.sub(r"data/backups/\S+\.db", found[0] if found else "", command)
        done = subprocess.run(
            [sys.executable, *typed.split()[1:]],
            cwd=tmp_path, capture_output=True, text=True, env=environment(),
        )  # fmt: skip
        assert done.returncode == 0, (typed, done.stderr)
    assert (tmp_path / "restored" / "bot.db").is_file()
