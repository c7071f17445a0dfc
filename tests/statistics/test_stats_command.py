"""`python -m sqlstore stats` and `report`."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sqlstore.capabilities.statistics.grids import figure, shown_label
from sqlstore.cli import main
from sqlstore.stores import STORES, load_store
from tests.capabilities.statistics.populated import insert, populate


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("SQLSTORE_URL", "SQLSTORE_TIMEZONE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def fill(name: str, url: str, size: int = 100) -> None:
    async def work() -> None:
        async with load_store(name).open(url) as store:
            if size:
                await populate(store, size=size)

    asyncio.run(work())


@pytest.mark.parametrize("name", sorted(STORES))
def test_every_store_is_counted_and_drawn(name: str, sqlite_url: str) -> None:
    fill(name, sqlite_url)
    shown = run("stats", "--url", sqlite_url, "--days", 3, "--timezone", "Asia/Kathmandu")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith(f"{name}, ")
    assert "days of Asia/Kathmandu" in shown.stdout
    lines = [line.rstrip() for line in shown.stdout.splitlines()]
    assert {"Rows", "Size", "Per day, last 3 days"} <= set(lines)
    assert lines[lines.index("Rows") + 1].split()[1].isdigit()
    done = run("report", "--url", sqlite_url, "--html", "out/report.html", "--top", 2)
    assert (done.exit_code, done.stdout) == (0, "written to out/report.html\n")
    assert Path("out/report.html").read_text(encoding="utf-8").count("<svg") >= 4


def test_json_is_one_object_with_every_section(postgres_url: str) -> None:
    fill("support", postgres_url)
    found = json.loads(
        run("stats", "--url", postgres_url, "--store", "support", "--json", "--days", 2).stdout
    )
    assert (found["store"], found["engine"], found["timezone"], found["days"]) == (
        "support",
        "postgres",
        "UTC",
        2,
    )
    sections = {section["name"]: section for section in found["sections"]}
    assert sections["messages_per_day"]["kind"] == "days"
    assert [row["day"] for row in sections["messages_per_day"]["rows"]] == [
        found["first_day"],
        found["last_day"],
    ]
    assert sections["active_users_per_day"]["last_30_days"] > 0
    assert sections["tickets_per_status"]["kind"] == "table"
    assert set(sections["resolution_time"]) == {"kind", "name", "title", "in_period", "rows"}
    assert sections["table_rows"]["rows"][0] == {"label": "users", "number": 5, "unit": ""}


def test_an_empty_store_is_counted(sqlite_url: str) -> None:
    fill("lessons", sqlite_url, size=0)
    done = run("stats", "--url", sqlite_url, "--days", 1)
    assert done.exit_code == 0
    assert "Per day, today" in done.stdout
    assert "Messages per role" not in done.stdout


def test_the_timezone_comes_from_the_environment_or_dot_env(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("lessons", sqlite_url, size=0)
    Path(".env").write_text("SQLSTORE_TIMEZONE=Asia/Tokyo\n")
    assert json.loads(run("stats", "--url", sqlite_url, "--json").stdout)["timezone"] == "Asia/Tokyo"
    monkeypatch.setenv("SQLSTORE_TIMEZONE", "Asia/Seoul")
    assert json.loads(run("stats", "--url", sqlite_url, "--json").stdout)["timezone"] == "Asia/Seoul"
    named = run("stats", "--url", sqlite_url, "--json", "--timezone", "Asia/Kolkata")
    assert json.loads(named.stdout)["timezone"] == "Asia/Kolkata"


@pytest.mark.parametrize("command", [["stats"], ["report", "--html", "report.html"]])
def test_an_unknown_timezone_is_told_and_nothing_written(command: list[str], sqlite_url: str) -> None:
    fill("lessons", sqlite_url, size=0)
    done = run(*command, "--url", sqlite_url, "--timezone", "Nowhere")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: the timezone is not known here; give a name such as UTC")
    assert not Path("report.html").exists()


@pytest.mark.parametrize(
    "wrong", [["--days", "0"], ["--days", "3661"], ["--top", "0"], ["--days", "x"], ["--store", "none"]]
)
def test_wrong_usage_has_exit_code_2(wrong: list[str], sqlite_url: str) -> None:
    fill("lessons", sqlite_url, size=0)
    assert run("stats", "--url", sqlite_url, *wrong).exit_code == 2


def test_nothing_is_created_where_there_is_no_database() -> None:
    assert run("report", "--html", "report.html").exit_code == 2
    assert list(Path().iterdir()) == []


def test_words_of_users_cannot_move_the_cursor_or_set_colours(sqlite_url: str) -> None:
    async def work() -> None:
        async with load_store("chatbot").open(sqlite_url) as bot:
            question = (
                "a \x1b[31mred\x1b[0m [bold]word[/bold]\n\u202e and a very long rest of the question " * 3
            )
            await insert(bot, "faqs", "question, answer", [(question, "yes")])

    asyncio.run(work())
    shown = run("stats", "--url", sqlite_url).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    (line,) = [line for line in shown.splitlines() if "[bold]word[/bold]" in line]
    assert "…" in line


def test_a_pipe_gets_no_colours_and_no_progress(sqlite_url: str) -> None:
    fill("chatbot", sqlite_url)
    done = subprocess.run(
        [sys.executable, "-m", "sqlstore", "stats", "--url", sqlite_url],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_without_the_extra_the_report_says_what_to_install(sqlite_url: str) -> None:
    fill("lessons", sqlite_url, size=0)
    code = (
        "import sys; sys.modules['pygal'] = None; from sqlstore.cli import main;"
        f"main(['report', '--html', 'r.html', '--url', '{sqlite_url}'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'sqlstore[report]'" in done.stderr
    assert run("stats", "--url", sqlite_url).exit_code == 0


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, "bytes", "0 bytes"),
        (1023, "bytes", "1,023 bytes"),
        (1536, "bytes", "1.5 KiB"),
        (5 * 1024**4, "bytes", "5.0 TiB"),
        (5000 * 1024**4, "bytes", "5,000.0 TiB"),
        (0.0123, "s", "0.0123 s"),
        (59.94, "s", "59.9 s"),
        (60, "s", "1 min"),
        (3_599.9, "s", "1 h"),
        (3_725, "s", "1 h 2 min"),
        (86_400 * 3 + 7_200, "s", "3 d 2 h"),
        (12, "ms", "12 ms"),
        (1_234, "ms", "1.23 s"),
        (61_000, "ms", "1 min 1 s"),
        (1_234_567, "", "1,234,567"),
        (1234.56, "", "1,235"),
        (-2.5, "", "-2.5"),
        (1e300, "", "1e+300"),
    ],
)
def test_figures_are_readable(value: float, unit: str, shown: str) -> None:
    assert figure(value, unit) == shown


def test_labels_are_one_line_and_short() -> None:
    assert shown_label("  a\tb\nc\x00 ") == "a b c"
    assert shown_label("x" * 60) == "x" * 60
    assert shown_label("x" * 61) == "x" * 59 + "…"
