"""`python -m sqlstore check` as a process, without the SQLSTORE variables of ours."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(*arguments: str, folder: Path, **variables: str) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SQLSTORE")}
    return subprocess.Popen(
        [sys.executable, "-m", "sqlstore", "check", *arguments],
        cwd=folder, env={**environment, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(*arguments: str, folder: Path, **variables: str) -> tuple[int, str, str]:
    process = start(*arguments, folder=folder, **variables)
    out, errors = process.communicate(timeout=100)
    return process.returncode, out, errors
