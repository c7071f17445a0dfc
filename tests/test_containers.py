"""The Dockerfile and docker-compose.yml: what can be told without an engine that builds them."""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of that name, its lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in text.splitlines() if line.startswith(name + " ")]


def test_what_is_copied_is_there_and_enough_to_install(tmp_path):
    for copied in instructions("COPY"):
        *sources, target = shlex.split(copied)
        for source in map(ROOT.joinpath, sources):
            place = tmp_path / target
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "dist").glob("sqlstore-*.whl"))


def test_the_bot_starts_on_a_database_that_was_made_and_migrated(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SQLSTORE_URL": f"sqlite:///{folder}/bot.db",
    }
    command = [*json.loads(instructions("ENTRYPOINT")[0]), *json.loads(instructions("CMD")[0])]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, input="hello\n\n", capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "You said: hello" in done.stdout
    with closing(sqlite3.connect(folder / "bot.db")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (4,)
    assert (folder / "bot.db").stat().st_mode & 0o777 == 0o600


def test_the_image_runs_as_a_user_whose_folder_nobody_else_reads():
    assert instructions("USER") == ["appuser"]
    assert instructions("VOLUME") == ["/app/data"]
    assert any("install -d -o appuser -g appuser -m 0700 /app/data" in run for run in instructions("RUN"))


def test_compose_has_both_services_with_volumes_health_checks_and_no_password():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert services["postgres"]["image"] == "postgres:15"
    assert services["redis"]["command"] == ["redis-server", "--appendonly", "yes"]
    for service in services.values():
        assert service["healthcheck"]["test"]
        (volume,) = service["volumes"]
        assert volume.partition(":")[0] in compose["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
