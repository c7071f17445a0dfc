"""The SQL files are found from a checkout, a wheel and an sdist alike."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sqlstore.engine import resources

ROOT = Path(__file__).parent.parent
SQL_FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("sql", "migrations_sql")
    for path in (ROOT / folder).rglob("*.sql")
)
OPEN_A_STORE = """
import asyncio
from sqlstore.stores.chatbot import Chatbot

async def main():
    async with Chatbot.open("sqlite://:memory:") as bot:
        await bot.append_message("web_ann", "user", "hello")
        print(len(await bot.get_or_create_history("web_ann")))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist of this checkout and a wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return folder


def test_a_checkout_finds_its_own_folders() -> None:
    assert resources.sql_folder("chatbot").joinpath("users.sql").is_file()
    assert any(path.name.startswith("0001_") for path in resources.migrations_folder("chatbot").iterdir())


@pytest.mark.slow
def test_the_sdist_holds_every_sql_file(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert SQL_FILES
    assert set(SQL_FILES) <= names
    assert {"README.md", "LICENSE", "pyproject.toml", "Makefile"} <= names


@pytest.mark.slow
def test_the_wheel_holds_every_sql_file_and_the_type_marker(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"sqlstore/{name}" for name in SQL_FILES} <= names
    assert {
        "sqlstore/py.typed",
        "sqlstore/statistics/page.css",
        "sqlstore/statistics/page.html.jinja",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/"))]


@pytest.mark.slow
def test_an_installed_wheel_opens_a_store(built: Path, tmp_path: Path) -> None:
    [wheel] = built.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel], check=True
    )
    shown = subprocess.run(
        [sys.executable, "-c", OPEN_A_STORE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.strip() == "1"
