"""The demo runs, tells the truth, can be run again, and notices what differs."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from sqlstore.demo.dialogues import SHAPES, load_dialogues, write_session_files
from sqlstore.demo.steps import Demo, DifferenceError
from sqlstore.stores.chatbot import Chatbot

pytest.importorskip("chatterbot_corpus", reason="pip install 'sqlstore[demo]'")
pytest.importorskip("yaml", reason="pip install 'sqlstore[demo]'")


def run_demo(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "default", "-m", "sqlstore", "demo", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=120,
        check=False,
    )


def test_the_dialogues_are_of_many_languages_and_every_shape_is_written(tmp_path):
    dialogues = load_dialogues()
    languages = {dialogue.language for dialogue in dialogues}
    assert {"thai", "korean", "russian", "japanese", "chinese", "english"} <= languages
    assert len({dialogue.session_id for dialogue in dialogues}) == len(dialogues) >= 100
    assert all(dialogue.turns[0][0] == "user" for dialogue in dialogues)
    write_session_files(dialogues[: len(SHAPES)], tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == len(SHAPES)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_runs_twice_on_each_engine(url, engine, tmp_path):
    arguments = ["--url", url] if engine == "postgres" else []
    first = run_demo(tmp_path, *arguments)
    assert (first.returncode, first.stderr) == (0, "")
    count = len(load_dialogues())
    assert f"{count} sessions imported, 0 there already, 0 failed" in first.stdout
    assert "none lost" in first.stdout
    assert "\nAll of it was read back equal" in first.stdout

    (tmp_path / "demo" / "export" / "left_over.json").write_text("{}")
    second = run_demo(tmp_path, *arguments)
    assert (second.returncode, second.stderr) == (0, "")
    exported = re.search(r"(\d+) sessions exported", second.stdout)
    users = re.search(r"holds users: (\d+)", second.stdout)
    assert exported is not None
    assert users is not None
    assert exported[1] == users[1]
    assert f"0 sessions imported, {count} there already, 0 failed; 0 messages added" in second.stdout
    if engine == "sqlite":
        connection = sqlite3.connect(tmp_path / "demo" / "bot.db")
        (stored,) = connection.execute("SELECT count(*) FROM messages").fetchone()
        connection.close()
        assert f" messages: {stored}," in second.stdout
    if shutil.which("sqlite3" if engine == "sqlite" else "psql"):
        command = second.stdout.splitlines()[-1]
        looked = subprocess.run(
            shlex.split(command), cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "answer " in looked.stdout


async def test_a_message_that_reads_back_differently_is_noticed(url, tmp_path):
    dialogues = load_dialogues()[:3]
    write_session_files(dialogues, tmp_path / "sessions")
    demo = Demo(url, tmp_path, "test", dialogues)
    async with Chatbot.open(url) as bot:
        await demo.import_files(bot)
        await demo.read_back(bot)
        changed = replace(dialogues[1], turns=(*dialogues[1].turns[:-1], ("model", "not what was said")))
        with pytest.raises(DifferenceError, match=changed.session_id):
            await replace(demo, dialogues=[changed]).read_back(bot)


def test_a_database_in_memory_is_refused(tmp_path):
    done = run_demo(tmp_path, "--url", "sqlite://:memory:")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: the demo closes its database")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_differs_gives_exit_code_1(tmp_path):
    assert run_demo(tmp_path).returncode == 0
    connection = sqlite3.connect(tmp_path / "demo" / "bot.db")
    with connection:
        connection.execute("UPDATE messages SET content = 'tampered' WHERE id = 1")
    connection.close()
    done = run_demo(tmp_path)
    assert done.returncode == 1
    assert "DIFFERENCE: " in done.stderr
    assert "tampered" not in done.stdout + done.stderr
