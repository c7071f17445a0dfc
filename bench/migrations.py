"""200 small migrations, and a run with nothing to do, beside other runners: whole processes.

    python bench/migrations.py [--rounds 5] [--migrations 200] [--no-pypi] [--json]

Each migration makes a table, an index and a row. Rounds are interleaved, so that what
else the machine does meets all alike; compare the smallest times, and only within one
run. `sqlstore (in process)` is what `Store.open` pays: no interpreter is started.

The peers are installed into a temporary folder: dbmate from npm (left out where npm is
missing), yoyo-migrations, Alembic and SQLSpec from PyPI. The server is
SQLSTORE_TEST_POSTGRES, or one that is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

import asyncpg

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlstore.engine.connect import make_driver
from sqlstore.engine.scratch import scratch_server
from sqlstore.migrations import MigrationSource, migrate

Engine = Literal["sqlite", "postgres"]
UP = """CREATE TABLE t{0} (id bigint PRIMARY KEY, name text);
CREATE INDEX i{0} ON t{0} (name);
INSERT INTO t{0} VALUES (1, 'x');
"""
REVISION = """from alembic import op
revision, down_revision = "{0:04}", {1}
def upgrade():
{2}
"""
ALEMBIC_ENV = """import os
from alembic import context
from sqlalchemy import create_engine, pool
with create_engine(os.environ["BENCH_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
SQLSPEC = """import asyncio, os
from sqlspec.migrations.commands import AsyncMigrationCommands
if os.environ["BENCH_ENGINE"] == "sqlite":
    from sqlspec.adapters.aiosqlite import AiosqliteConfig as Config
    connection = {"database": os.environ["BENCH_URL"]}
else:
    from sqlspec.adapters.asyncpg import AsyncpgConfig as Config
    connection = {"dsn": os.environ["BENCH_URL"]}
config = Config(connection_config=connection, migration_config={"script_location": os.environ["BENCH_FOLDER"]})
async def main():
    await AsyncMigrationCommands(config).upgrade()
    await config.close_pool()
asyncio.run(main())
"""
PACKAGES = ["yoyo-migrations", "setuptools", "psycopg[binary]", "alembic", "sqlspec[aiosqlite,asyncpg]"]


class Place(NamedTuple):
    """A database for one runner: a file, or a database of its own on the server."""

    engine: Engine
    url: str
    name: str

    def path(self) -> str:
        return self.url.removeprefix("sqlite:///")

    def parts(self) -> tuple[str, str, int]:
        """User, host (or folder of the socket) and port of the server."""
        split = urlsplit(self.url)
        host = split.hostname or parse_qs(split.query).get("host", ["localhost"])[0]
        return split.username or "postgres", host, split.port or 5432

    def for_peers(self, scheme: str) -> str:
        user, host, port = self.parts()
        return f"{scheme}://{user}@/{self.name}?host={host}&port={port}"


class Runner(NamedTuple):
    """name: of the runner; run: applies what is pending, and raises where that fails."""

    name: str
    run: Callable[[Place], None]


def process(*command: str, **environment: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
    if done.returncode or "Failed" in done.stdout:
        raise RuntimeError(f"{command[0]}: {done.stdout[-500:]}{done.stderr[-1500:]}")


def ours(folder: Path, compiled: Path) -> Iterator[Runner]:
    root = str(Path(__file__).parent.parent)
    environment = {
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(compiled),  # compiled once, as an installed package is
    }
    process(sys.executable, "-m", "sqlstore.migrate", "validate", "--migrations", str(folder), **environment)

    def command(place: Place) -> None:
        arguments = ["up", "--url", place.url, "--migrations", str(folder), "--store", "bench"]
        process(sys.executable, "-m", "sqlstore.migrate", *arguments, **environment)

    async def call(place: Place) -> None:
        driver = make_driver(place.url)
        await driver.open()
        try:
            await migrate(driver, MigrationSource("bench", folder))
        finally:
            await driver.close()

    yield Runner("sqlstore", command)
    yield Runner("sqlstore (in process)", lambda place: asyncio.run(call(place)))


def dbmate(place: Path, folder: Path) -> Iterator[Runner]:
    npm = shutil.which("npm")
    if npm is None:
        print("dbmate is left out: npm is not installed", file=sys.stderr)
        return
    process(npm, "install", "--silent", "--prefix", str(place), "dbmate")
    program = next(path for path in place.glob("node_modules/@dbmate/*/bin/dbmate*") if path.is_file())

    def run(target: Place) -> None:
        user, host, port = target.parts()
        socket = f"socket={host}&" if host.startswith("/") else ""
        server = "" if host.startswith("/") else f"{host}:{port}"
        url = (
            f"sqlite:{target.path()}"
            if target.engine == "sqlite"
            else f"postgres://{user}@{server}/{target.name}?{socket}sslmode=disable"
        )
        process(str(program), "--no-dump-schema", "-u", url, "-d", str(folder), "up")

    yield Runner("dbmate", run)


def from_pypi(place: Path, folders: dict[str, Path]) -> Iterator[Runner]:
    venv.create(place / "venv", with_pip=True)
    programs = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    process(str(programs / "pip"), "install", "-q", "--disable-pip-version-check", *PACKAGES)
    (place / "sqlspec_up.py").write_text(SQLSPEC)

    def url(target: Place, postgres: str) -> str:
        return target.url if target.engine == "sqlite" else target.for_peers(postgres)

    def yoyo(target: Place) -> None:
        database = url(target, "postgresql+psycopg")
        process(
            str(programs / "yoyo"),
            "apply",
            "--batch",
            "--no-config-file",
            "-d",
            database,
            str(folders["yoyo"]),
        )

    def alembic(target: Place) -> None:
        ini = str(folders["alembic"] / "alembic.ini")
        process(
            str(programs / "alembic"),
            "-c",
            ini,
            "upgrade",
            "head",
            BENCH_URL=url(target, "postgresql+psycopg"),
        )

    def sqlspec(target: Place) -> None:
        database = target.path() if target.engine == "sqlite" else target.for_peers("postgresql")
        settings = {
            "BENCH_URL": database,
            "BENCH_ENGINE": target.engine,
            "BENCH_FOLDER": str(folders["sqlspec"]),
        }
        process(str(programs / "python"), str(place / "sqlspec_up.py"), **settings)

    yield from (Runner("yoyo", yoyo), Runner("alembic", alembic), Runner("sqlspec", sqlspec))


def write_files(place: Path, count: int) -> dict[str, Path]:
    """The same migrations as each runner has them."""
    folders = {name: place / name for name in ("sqlstore", "dbmate", "yoyo", "alembic", "sqlspec")}
    for folder in folders.values():
        folder.mkdir()
    (folders["alembic"] / "versions").mkdir()
    (folders["alembic"] / "env.py").write_text(ALEMBIC_ENV)
    (folders["alembic"] / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {folders['alembic']}\npath_separator = os\n"
    )
    for number in range(1, count + 1):
        up, name = UP.format(number), f"{number:04}_t{number}"
        (folders["sqlstore"] / f"{name}.sql").write_text(up)
        (folders["dbmate"] / f"{name}.sql").write_text(f"-- migrate:up\n{up}-- migrate:down\n")
        (folders["yoyo"] / f"{name}.sql").write_text(up)
        calls = "".join(f"    op.execute({line!r})\n" for line in up.splitlines())
        before = f'"{number - 1:04}"' if number > 1 else None
        (folders["alembic"] / "versions" / f"{name}.py").write_text(REVISION.format(number, before, calls))
        (folders["sqlspec"] / f"{name}.sql").write_text(f"-- name: migrate-{number:04}-up\n{up}")
    return folders


@contextmanager
def fresh(engine: Engine, server: str) -> Iterator[Place]:
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Place(engine, f"sqlite:///{folder}/bench.db", "bench")
        return
    name = "sqlstore_bench"
    asyncio.run(execute(server, f"DROP DATABASE IF EXISTS {name} (FORCE)", f"CREATE DATABASE {name}"))
    try:
        yield Place(engine, urlsplit(server)._replace(path=f"/{name}").geturl(), name)
    finally:
        asyncio.run(execute(server, f"DROP DATABASE {name} (FORCE)"))


async def execute(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def timed(run: Callable[[Place], None], place: Place) -> float:
    started = time.perf_counter()
    run(place)
    return time.perf_counter() - started


def measure(runners: list[Runner], server: str, rounds: int) -> dict[tuple[str, str, str], list[float]]:
    seconds: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds):
        for engine in ("sqlite", "postgres"):
            for runner in runners if number % 2 else runners[::-1]:
                with fresh(engine, server) as place:
                    for what in ("up", "nothing to do"):
                        took = timed(runner.run, place)
                        seconds.setdefault((engine, what, runner.name), []).append(took)
                print(f"round {number + 1}: {engine} {runner.name}", file=sys.stderr)
    return seconds


def show(seconds: dict[tuple[str, str, str], list[float]], reference: str) -> None:
    print(f"| database | run | runner | min s | median s | min, as a multiple of {reference}'s |")
    print("|---|---|---|---|---|---|")
    for (engine, what, name), times in sorted(seconds.items(), key=lambda each: (each[0][:2], min(each[1]))):
        ratio = min(times) / min(seconds[engine, what, reference])
        print(
            f"| {engine} | {what} | {name} | {min(times):.3f} | {statistics.median(times):.3f} | {ratio:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--migrations", type=int, default=200)
    parser.add_argument("--no-pypi", action="store_true", help="dbmate alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sqlstore-bench-") as name, scratch_server() as server:
        place = Path(name)
        folders = write_files(place, arguments.migrations)
        runners = [
            *ours(folders["sqlstore"], place / "compiled"),
            *dbmate(place, folders["dbmate"]),
            *(() if arguments.no_pypi else from_pypi(place, folders)),
        ]
        seconds = measure(runners, server, arguments.rounds)
    if arguments.json:
        results = [
            {"database": engine, "run": what, "runner": runner, "seconds": times}
            for (engine, what, runner), times in seconds.items()
        ]
        print(json.dumps(results))
    else:
        names = [runner.name for runner in runners]
        show(seconds, "dbmate" if "dbmate" in names else "sqlstore")


if __name__ == "__main__":
    main()
