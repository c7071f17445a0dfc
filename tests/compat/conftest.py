"""The old bot's settings, pointed at an empty database, and scripts in processes of their own."""

import subprocess
import sys
import textwrap
import threading
import time
from typing import NamedTuple

import pytest

from sqlstore.compat import reg01


@pytest.fixture
def old_settings(url, engine, monkeypatch, tmp_path):
    """DB_TYPE and the rest for each engine in turn; the database is closed after the test."""
    monkeypatch.chdir(tmp_path)
    reg01.close_database()
    monkeypatch.setenv("DB_PATH", str(tmp_path / "old" / "reg01.db"))
    if engine == "postgres":
        monkeypatch.setenv("DB_TYPE", "postgresql")
        monkeypatch.setenv("DATABASE_URL", url)
    else:
        monkeypatch.delenv("DB_TYPE", raising=False)
        monkeypatch.setenv("DATABASE_URL", "postgresql://not-used.invalid/db")
    yield
    reg01.close_database()


@pytest.fixture
def old_database(old_settings):
    """An empty database, made by init_database."""
    assert reg01.init_database() is True


class Ended(NamedTuple):
    """How a script ended; took_s is the time after its last line, in seconds."""

    code: int
    lines: list[str]
    errors: str
    took_s: float


@pytest.fixture
def run_script(tmp_path):
    """A function that runs Python code to its end, with warnings shown; a hang is killed (code -9)."""

    def run(code, *options):
        with open(tmp_path / "errors", "w+") as errors:
            command = [sys.executable, "-W", "default", *options, "-c", textwrap.dedent(code)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            watchdog = threading.Timer(30, process.kill)
            watchdog.start()
            lines, said_at = [], time.monotonic()
            for line in process.stdout:
                lines.append(line.strip())
                said_at = time.monotonic()
            process.communicate()
            watchdog.cancel()
            errors.seek(0)
            return Ended(process.returncode, lines, errors.read(), time.monotonic() - said_at)

    return run
