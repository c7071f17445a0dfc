"""`backup`, `backups` and `restore` as they are typed; what they say, and how they end."""

import asyncio
import json
import os
import pty
import re
import subprocess

import pytest
from click.testing import CliRunner

from sqlstore.capabilities.backup.manifest import manifest_path
from sqlstore.cli import main
from sqlstore.stores.chatbot import Chatbot
from tests.capabilities.backup.conftest import environment, program, visible

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])
CANARY = "canary-4f1d"


async def run(*arguments):
    """The command in a thread: it starts an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(map(str, arguments)))


async def test_there_and_back(bot, url, place, tmp_path):
    folder = tmp_path / "backups"
    done = await run("backup", "--url", url, "--to", folder, "--verify")
    assert done.exit_code == 0, done.output
    path, _, summary = done.stdout.strip().partition(": ")
    assert visible(folder) == [os.path.basename(path)]
    assert re.fullmatch(r"\d+ rows in \d+ tables, [\d.]+ kB, verified", summary)

    listed = await run("backups", folder)
    assert listed.exit_code == 0
    assert re.fullmatch(rf"{path}  verified  0 min old  [\d.]+ kB  \d+ rows in \d+ tables\n", listed.stdout)

    tried = await run("restore", path, "--to", place, "--drill")
    assert (tried.exit_code, tried.stdout.endswith("; nothing was kept\n")) == (0, True)
    restored = await run("restore", path, "--to", place)
    assert restored.exit_code == 0, restored.output
    assert "restored" in restored.stdout
    async with Chatbot.open(place, create=False, migrate=False) as new:
        assert await new.messages.count("web_1_0") == 2
    again = await run("restore", path, "--to", place)
    assert again.exit_code == 2
    assert again.stderr.startswith("Error: ")


async def test_as_json(bot, url, place, tmp_path):
    done = await run("backup", tmp_path / "b" / "copy.dump", "--url", url, "--json")
    made = json.loads(done.stdout)
    assert made["file"] == str(tmp_path / "b" / "copy.dump")
    assert made["manifest"]["contents"]["tables"]["messages"]["rows"] == 6
    (listed,) = json.loads((await run("backups", tmp_path / "b", "--json")).stdout)
    assert (listed["state"], listed["manifest"]) == ("complete", made["manifest"])
    restored = json.loads((await run("restore", made["file"], "--to", place, "--json")).stdout)
    assert (restored["drill"], restored["manifest"]) == (False, made["manifest"])


async def test_older_ones_are_deleted_by_name(bot, url, tmp_path):
    first = await run("backup", "--url", url, "--to", tmp_path / "b", "--json")
    done = await run("backup", "--url", url, "--to", tmp_path / "b", "--keep", "1")
    assert done.stdout.endswith(f"deleted {json.loads(first.stdout)['file']}\n")


@on_sqlite
async def test_the_folder_beside_the_database_is_the_default(bot, url, tmp_path):
    assert (await run("backup", "--url", url)).exit_code == 0
    assert len(visible(tmp_path / "backups")) == 1
    assert "complete" in (await run("backups", "--url", url)).stdout


@on_sqlite
async def test_damaged_ones_are_found_and_the_exit_code_is_1(bot, made):
    folder = made.file.parent
    damaged = bytearray(made.file.read_bytes())
    damaged[-1] ^= 1
    made.file.write_bytes(damaged)
    assert (await run("backups", folder)).exit_code == 0  # nothing was read
    done = await run("backups", folder, "--verify")
    assert done.exit_code == 1
    assert "  damaged  " in done.stdout
    assert "SHA-256" in done.stdout
    damaged_one = await run("restore", made.file, "--to", f"sqlite:///{folder}/new.db")
    assert damaged_one.exit_code == 1
    manifest_path(made.file).unlink()
    assert "  unknown  " in (await run("backups", folder, "--verify")).stdout


async def test_wrong_usage(tmp_path):
    assert (await run("backup", tmp_path / "x", "--to", tmp_path)).exit_code == 2
    assert (await run("backup", "--keep", "0")).exit_code == 2
    assert (await run("backup", "--url", f"sqlite:///{tmp_path}/none.db")).exit_code == 2
    assert (await run("restore", tmp_path / "none.db", "--to", f"sqlite:///{tmp_path}/n.db")).exit_code == 2
    assert (await run("restore", tmp_path / "none.db")).exit_code == 2
    assert (await run("backups", tmp_path / "none")).stdout == "no backups\n"
    assert list(tmp_path.iterdir()) == []


async def test_a_server_that_is_away_gives_exit_code_6_and_no_password(tmp_path):
    url = f"postgresql://bot:{CANARY}@127.0.0.1:1/db"
    done = await run("backup", "--url", url, "--to", tmp_path / "b")
    assert done.exit_code == 6
    assert CANARY not in done.output
    assert not (tmp_path / "b").exists()


@on_sqlite
async def test_on_a_terminal_it_shows_how_far_it_is(bot, url, tmp_path):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        program("backup", tmp_path / "b" / "copy", "--url", url),
        stdout=subprocess.PIPE, stderr=follower, env=environment() | {"TERM": "xterm"},
    )  # fmt: skip
    printed, _ = await asyncio.to_thread(process.communicate, timeout=30)
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert process.returncode == 0
    assert "Checking" in shown or "Copying" in shown or "Counting" in shown
    assert printed.decode().startswith(str(tmp_path / "b" / "copy"))


@on_sqlite
async def test_in_a_pipe_it_is_quiet(bot, url, tmp_path):
    done = await asyncio.to_thread(
        subprocess.run,
        program("backup", tmp_path / "b" / "copy", "--url", url),
        capture_output=True,
        env=environment(),
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, b"")
