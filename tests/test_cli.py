"""`python -m sqlstore`: its help, its exit codes, the menu and the commands on the chatbot store."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sqlstore.cli import COMMANDS, main
from sqlstore.compat import reg01
from sqlstore.stores.chatbot import Chatbot

SESSION = [{"role": "user", "parts": [{"text": "สวัสดี"}]}, {"role": "model", "parts": [{"text": "ครับ"}]}]


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """An empty working folder, and nothing set."""
    reg01.close_database()
    for variable in ("SQLSTORE_URL", "DB_TYPE", "DB_PATH", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments, stdin=""):
    """Run a command in this process."""
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin)


def session_files(*names):
    folder = Path("sessions")
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(SESSION), encoding="utf-8")
    return folder


def test_help_names_every_command_without_importing_it():
    code = (
        "import sys; from sqlstore.cli import main; main(['--help'], standalone_mode=False);"
        "print(sorted(m for m in sys.modules if m.startswith('sqlstore.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, place in COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert repr(place.module) not in done.stdout
    assert "aiosqlite" not in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_of_its_own(name):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: main {name}")


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "sqlstore", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: python -m sqlstore [OPTIONS] COMMAND")
    assert done.stderr == ""


def test_an_unknown_command_is_a_usage_error():
    assert run("nothing-like-it").exit_code == 2


def test_sessions_are_imported_counted_and_exported(url):
    folder = session_files("web_1", "fb_2")
    done = run("import-json", folder, "--url", url)
    assert done.exit_code == 0
    assert done.output == "2 files: 2 migrated, 0 skipped, 0 failed; 4 messages\n"

    again = run("import-json", folder, "--url", url, "--json")
    assert json.loads(again.stdout)["messages"] == 0

    found = json.loads(run("stats", "--url", url, "--json").stdout)
    rows = {row["label"]: row["number"] for row in found["sections"][0]["rows"]}
    assert (rows["users"], rows["messages"]) == (2, 4)
    assert "messages" in run("stats", "--url", url).stdout

    assert run("export-json", "out", "--url", url).exit_code == 0
    exported = json.loads(Path("out/web_1.json").read_text(encoding="utf-8"))
    assert [item["parts"] for item in exported["history"]] == [item["parts"] for item in SESSION]


def test_a_bad_file_is_named_and_the_exit_code_is_1(sqlite_url):
    folder = session_files("web_1")
    (folder / "torn.json").write_text("[{")
    done = run("import-json", folder, "--url", sqlite_url)
    assert done.exit_code == 1
    assert "1 migrated, 0 skipped, 1 failed" in done.stdout
    assert "\ntorn.json: " in done.stdout


def test_counting_never_creates_a_database():
    done = run("stats")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert list(Path().iterdir()) == []


def test_a_server_that_is_away_gives_exit_code_6_and_no_password():
    done = run("stats", "--url", "postgresql://bot:canary-4f1d@127.0.0.1:1/db")
    assert done.exit_code == 6
    assert "canary-4f1d" not in done.output


def test_the_url_comes_from_the_environment_and_from_dot_env(monkeypatch):
    Path(".env").write_text("SQLSTORE_URL=sqlite:///dotenv.db\n")
    assert run("import-json", session_files("web_1")).exit_code == 0
    assert Path("dotenv.db").is_file()
    monkeypatch.setenv("SQLSTORE_URL", "sqlite:///environment.db")
    assert run("import-json", "sessions").exit_code == 0
    assert Path("environment.db").is_file()


def test_the_menu_creates_imports_exports_backs_up_and_counts():
    session_files("web_1", "line_2")
    done = run("menu", stdin="1\n2\nsessions\n3\n4\n5\n0\n")
    assert done.exit_code == 0
    assert "2 files: 2 migrated" in done.stdout
    database = Path("backend/database")
    assert {path.name for path in (database / "exports").glob("*.json")} == {"web_1.json", "line_2.json"}
    assert len(list((database / "backups").glob("*.db"))) == 1
    assert any(line.split() == ["total_messages", "4"] for line in done.stdout.splitlines())


def test_enter_takes_the_default_folder_in_the_menu():
    folder = Path(reg01.JSON_FOLDER)
    folder.mkdir(parents=True)
    (folder / "web_1.json").write_text(json.dumps(SESSION))
    assert "1 files: 1 migrated" in run("menu", stdin="1\n2\n\n0\n").stdout


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "9\n",
        "x\n" * 3,
        "\n\n",
        "2\n",
        "2\nno/such/folder\n",
        "2\n\0\n",
        "3\n4\n5\n",
        "๑\n",
        "1" * 10_000,
        b"\xff\xfe\n0\n",
    ],
    ids=[
        "end",
        "9",
        "x",
        "enter",
        "end in a question",
        "no folder",
        "nul",
        "no database",
        "thai",
        "long",
        "bytes",
    ],
)
def test_the_menu_survives_any_input(typed):
    done = run("menu", stdin=typed)
    assert done.exit_code == 0, done.exception
    assert "0. Quit" in done.stdout


def test_the_menu_says_what_to_do_about_a_missing_database(caplog):
    done = run("menu", stdin="5\n0\n")
    assert "That failed" in done.stdout
    assert "init_database()" in caplog.text


def test_the_menu_works_in_a_pipe():
    done = subprocess.run(
        [sys.executable, "-W", "default", "-m", "sqlstore", "menu"],
        input="5\n1\n5\n",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0
    assert "total_users" in done.stdout
    assert done.stderr.startswith("get_database_stats failed: ConfigurationError")
    assert "Traceback" not in done.stderr


def test_the_example_bot_echoes_and_remembers():
    example = Path(__file__).parent.parent / "examples" / "echo_bot.py"

    def talk(typed):
        done = subprocess.run(
            [sys.executable, "-W", "default", example],
            input=typed,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert talk("hello\n\n") == ["You said: hello"]
    assert talk("") == ["user: hello", "model: You said: hello"]

    async def stored():
        async with Chatbot.open("sqlite:///data/echo.db", create=False) as bot:
            return await bot.get_or_create_history("web_echo")

    assert len(asyncio.run(stored())) == 2
