"""`python -m sqlstore health`: what it prints, and its exit codes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqlstore.engine.connect import make_driver
from sqlstore.stores.support import Support
from tests.engine.postgres_support import postgres_address
from tests.engine.proxy import proxy

SECRET = "s3cr3t-canary"


def run(*arguments, **environment):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sqlstore", "health", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[3]), **environment},
    )


@pytest.fixture
async def empty(url):
    """URL of a database without tables."""
    driver = make_driver(url)
    await driver.open()
    await driver.close()
    return url


@pytest.fixture
async def migrated(empty):
    """URL of a database with the support store's tables."""
    async with Support.open(empty):
        return empty


async def test_healthy_is_0_in_words_and_json(migrated, engine):
    done = run("--url", migrated, "--store", "support")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"healthy: {engine} ")
    assert "migrations of support: none pending" in done.stdout

    done = run("--json", SQLSTORE_URL=migrated)
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (shown["status"], shown["engine"], shown["pending"]) == ("healthy", engine, None)


async def test_unhealthy_is_1(empty):
    done = run("--url", empty, "--store", "sqlstore.stores.support:Support")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("unhealthy: ")
    assert "problem: migrations are pending: 0001" in done.stdout


def test_away_is_6(tmp_path):
    done = run("--url", f"sqlite:///{tmp_path / 'none.db'}", "--json")
    assert (done.returncode, done.stderr) == (6, "")
    assert json.loads(done.stdout)["status"] == "away"
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_cannot_be_read_is_2():
    done = run("--url", f"mysql://bot:{SECRET}@host/db")
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr


async def test_a_stalled_network_is_6_in_time(postgres_url):
    address = postgres_address(postgres_url)
    async with proxy(*address.hosts[0]) as network:
        network.stall()
        url = f"postgresql://{address.user}:{SECRET}@127.0.0.1:{network.port}/{address.database}"
        started = time.monotonic()
        done = run("--url", url, "--timeout", "0.5")
        took_s = time.monotonic() - started
    assert done.returncode == 6
    assert took_s < 0.5 + 20  # Python starts and ends in between, on a busy machine
    assert "did not answer within 0.2 s" in done.stdout
    assert SECRET not in done.stdout + done.stderr
