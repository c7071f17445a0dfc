"""The trials that runners of migrations are put through, by what can be seen from outside.

    python bench/trials.py [--long 15]

Each runs `python -m sqlstore.migrate` as real processes on fresh databases of both
engines, and looks at the database afterwards with the bare drivers. Prints a table in
Markdown. --long: how many seconds the first migration of trial b' takes.
The server is SQLSTORE_TEST_POSTGRES, or one that is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import asyncpg

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlstore.engine.scratch import scratch_server

ROOT: Final = Path(__file__).parent.parent

TRIGGERS = {
    "sqlite": """CREATE TABLE log (id integer PRIMARY KEY, word text);
CREATE TRIGGER fill AFTER INSERT ON log BEGIN
  UPDATE log SET word = CASE WHEN word = 'a;b' THEN 'END;' ELSE word || ';' END WHERE id = new.id;
END;
INSERT INTO log VALUES (1, 'a;b'); /* ; */ INSERT INTO log VALUES (2, 'it''s');""",
    "postgres": r"""CREATE TABLE log (id bigint PRIMARY KEY, word text);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  new.word := CASE WHEN new.word = 'a;b' THEN 'END;' ELSE new.word || $x$;$x$ END; -- COMMIT;
  RETURN new;
END $body$;
CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT $1 * 2; END;
CREATE TRIGGER fill BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION fill();
INSERT INTO log VALUES (1, 'a;b'); /* a /* nested; */ ; */ INSERT INTO log VALUES (twice(1), E'it\'s');""",
}
FAMILY = """CREATE TABLE parent (id integer PRIMARY KEY, name text);
CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);"""
REBUILD = """CREATE TABLE parent_new (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO parent_new SELECT id, name FROM parent; DROP TABLE parent{};
ALTER TABLE parent_new RENAME TO parent;"""
SIGNS = "100% :name ? $1 {x} %s"


COUNTING = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT count(*) FROM n"
)


@cache
def counted_per_second() -> float:
    """How fast SQLite counts on this machine."""
    count = 2_000_000
    started = time.monotonic()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(COUNTING.format(count)).fetchall()
    return count / (time.monotonic() - started)


class Database:
    """A fresh database, a folder of migrations, and processes of the runner."""

    def __init__(self, engine: str, place: Path, server: str, long_s: float) -> None:
        self.engine, self.folder, self.long_s = engine, place / "bench", long_s
        self.file, self._server = place / "bench.db", server
        self.schema = f"trial_{uuid.uuid4().hex[:8]}"
        separator = "&" if "?" in server else "?"
        self.url = (
            f"sqlite:///{self.file}" if engine == "sqlite" else f"{server}{separator}schema={self.schema}"
        )
        self.folder.mkdir()

    def write(self, name: str, sql: str) -> Path:
        path = self.folder / f"{name}.sql"
        path.write_bytes(sql.encode())
        return path

    def start(self, command: str = "up", *arguments: str) -> subprocess.Popen[str]:
        target = ["--url", self.url, "--migrations", str(self.folder)]
        return subprocess.Popen(
            [sys.executable, "-m", "sqlstore.migrate", command, *target, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def run(self, command: str = "up", *arguments: str) -> tuple[int, str]:
        process = self.start(command, *arguments)
        out, err = process.communicate()
        return process.returncode, (err + out).replace(f"{self.folder}{os.sep}", "")

    def at_once(self, count: int) -> tuple[str, float]:
        started = time.monotonic()
        processes = [self.start() for _ in range(count)]
        codes = [process.wait() for process in processes]
        good = codes.count(0)
        took_s = time.monotonic() - started
        return (f"{good} of {count} ok" if good < count else f"{count} ok"), took_s

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self.engine == "sqlite":
            with closing(sqlite3.connect(f"file:{self.file}?mode=rw", uri=True)) as connection:
                return connection.execute(sql).fetchall()
        return asyncio.run(self._ask(sql))

    async def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self._server, server_settings={"search_path": self.schema})
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    def tables(self) -> set[str]:
        names = {
            "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
            "postgres": f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema}'",
        }
        return {name for (name,) in self.rows(names[self.engine])}

    def slow(self, seconds: float) -> str:
        if self.engine == "postgres":
            return f"SELECT pg_sleep({seconds});"
        count = round(seconds * counted_per_second())
        return f"CREATE TEMP TABLE slow AS {COUNTING.format(count)}; DROP TABLE temp.slow;"

    def drop(self) -> None:
        if self.engine == "postgres":
            asyncio.run(self._ask(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE"))


def killed(db: Database) -> str:
    db.write("0001_one", "CREATE TABLE one (id integer);")
    db.run()
    db.write("0002_two", f"CREATE TABLE two (id integer); {db.slow(6)} CREATE TABLE three (id integer);")
    process = db.start()
    time.sleep(1.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = db.tables() & {"two", "three"}
    started = time.monotonic()
    db.write("0002_two", "CREATE TABLE two (id integer);")
    code, _ = db.run()
    took = f"{time.monotonic() - started:.1f} s"
    return f"{'left: ' + ', '.join(left) if left else 'clean'}; re-run {'ok' if code == 0 else code}, {took}"


def ten_tables(db: Database) -> str:
    for number in range(1, 21):
        db.write(f"{number:04}_t", f"CREATE TABLE t{number} (id integer);")
    outcome, took_s = db.at_once(10)
    return f"{outcome}, {len(db.tables()) - 1} of 20 tables, {took_s:.1f} s"


def ten_rows(db: Database) -> str:
    db.write("0001_t", "CREATE TABLE hits (n integer);")
    for number in range(2, 22):
        db.write(f"{number:04}_t", f"INSERT INTO hits VALUES ({number});")
    outcome, _ = db.at_once(10)
    once = db.rows("SELECT count(*), count(DISTINCT n) FROM hits") == [(20, 20)]
    return f"{outcome}, {'each once' if once else 'NOT once'}"


def long_first(db: Database) -> str:
    db.write("0001_t", f"CREATE TABLE one (id integer); {db.slow(db.long_s)}")
    outcome, took_s = db.at_once(5)
    return f"{outcome}, {took_s:.0f} s"


def two_applied(db: Database) -> list[Path]:
    paths = [db.write(f"000{number}_t", f"CREATE TABLE t{number} (id integer);\n") for number in (1, 2, 3)]
    db.run()
    return paths


def edited(db: Database) -> str:
    two_applied(db)[1].write_text("CREATE TABLE t2 (id integer, name text);\n")
    return told(db.run())


def to_crlf(db: Database) -> str:
    path = two_applied(db)[1]
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return told(db.run())


def deleted_middle(db: Database) -> str:
    two_applied(db)[1].unlink()
    return told(db.run())


def deleted_newest(db: Database) -> str:
    two_applied(db)[2].unlink()
    return told(db.run())


def failing(db: Database) -> str:
    db.write("0001_t", "CREATE TABLE one (id integer);")
    statements = [
        "CREATE TABLE two (id integer);",
        "INSERT INTO two VALUES (1);",
        "INSERT INTO nowhere VALUES (1);",
        "CREATE TABLE three (id integer);",
    ]
    path = db.write("0002_t", "\n".join(statements))
    code, said = db.run()
    place = "line named" if f"{path.name}:3:" in said else "place not named"
    left = "rolled back" if db.tables() == {"one", "migrations"} else "HALF APPLIED"
    path.write_text("CREATE TABLE two (id integer);")
    return f"{left}, exit {code}, {place}, mended re-run {'ok' if db.run()[0] == 0 else 'fails'}"


def triggers(db: Database) -> str:
    db.write("0001_t", TRIGGERS[db.engine])
    code, said = db.run()
    good = code == 0 and db.rows("SELECT word FROM log ORDER BY id") == [("END;",), ("it's;",)]
    return "ok" if good else f"FAILS: {said}"


def placeholders(db: Database) -> str:
    db.write("0001_t", f"CREATE TABLE t (x text); INSERT INTO t VALUES ('{SIGNS}');")
    return "ok" if db.run()[0] == 0 and db.rows("SELECT x FROM t") == [(SIGNS,)] else "FAILS"


def commit_inside(db: Database) -> str:
    db.write("0001_t", "CREATE TABLE one (id integer);\nCOMMIT;\nINSERT INTO nowhere VALUES (1);")
    outcome = told(db.run())
    exists = db.engine == "postgres" or db.file.exists()
    return f"{outcome}, {'nothing applied' if not exists or not db.tables() else 'HALF APPLIED'}"


def one_version_twice(db: Database) -> str:
    db.write("0001_a", "CREATE TABLE one (id integer);")
    db.write("0001_b", "CREATE TABLE two (id integer);")
    outcome = told(db.run())
    exists = db.engine == "postgres" or db.file.exists()
    return f"{outcome}, {'nothing applied' if not exists or not db.tables() else 'APPLIED'}"


def out_of_order(db: Database) -> str:
    db.write("0001_t", "CREATE TABLE t1 (id integer);")
    db.write("0003_t", "CREATE TABLE t3 (id integer);")
    db.run()
    db.write("0002_t", "CREATE TABLE t2 (id integer);")
    return told(db.run())


def rebuild(db: Database) -> str:
    db.write("0001_family", FAMILY)
    db.write("0002_rebuild", REBUILD.format("" if db.engine == "sqlite" else " CASCADE"))
    code, _ = db.run()
    ((children,),) = db.rows("SELECT count(*) FROM child")
    return f"children {children} of 3, exit {code}"


def status_on_nothing(db: Database) -> str:
    db.write("0001_t", "CREATE TABLE one (id integer);")
    code, _ = db.run("status")
    made = db.file.exists() if db.engine == "sqlite" else bool(db.tables())
    return f"{'creates something' if made else 'creates nothing'}, exit {code}"


def told(end: tuple[int, str]) -> str:
    """The exit code and the first words of what was said."""
    code, said = end
    lines = [line for line in said.splitlines() if line.strip()]
    words = lines[0].replace("error: ", "").replace("WARNING ", "").replace("bench: ", "") if lines else ""
    return f"exit {code}: {words.split(';')[0].split(' (or')[0]}"


TRIALS: dict[str, Callable[[Database], str]] = {
    "a. SIGKILL in a migration": killed,
    "b. 10 x up, empty database, 20 DDL": ten_tables,
    "b. 20 DML": ten_rows,
    "b'. 5 processes, a long first migration": long_first,
    "c. applied file edited": edited,
    "c'. same file turned to CRLF": to_crlf,
    "d. applied file deleted (middle)": deleted_middle,
    "d'. newest deleted (old code, newer database)": deleted_newest,
    "e. fails at statement 3 of 4": failing,
    "f. triggers, strings, CASE..END, $body$, nested comments": triggers,
    "f'. placeholders in a string": placeholders,
    "COMMIT inside the file, then an error": commit_inside,
    "two files, one version": one_version_twice,
    "out of order (1, 3, then 2)": out_of_order,
    "foreign keys on, rebuild of a parent with cascade children": rebuild,
    "status on a fresh database": status_on_nothing,
}


@contextmanager
def database(engine: str, server: str, long_s: float) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="sqlstore-trials-") as place:
        db = Database(engine, Path(place), server, long_s)
        try:
            yield db
        finally:
            db.drop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", type=float, default=15.0)
    long_s = parser.parse_args().long
    print("| trial | SQLite | PostgreSQL |")
    print("|---|---|---|")
    with scratch_server() as server:
        for name, trial in TRIALS.items():
            outcomes = []
            for engine in ("sqlite", "postgres"):
                with database(engine, server, long_s) as db:
                    outcomes.append(trial(db))
            print(f"| {name} | {' | '.join(outcomes)} |", flush=True)


if __name__ == "__main__":
    main()
