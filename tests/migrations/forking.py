"""Runners that start in milliseconds: a process that has imported everything forks one for each run.

Run as a program it reads a line of JSON for each run from stdin, and answers with the
number of the process, and then with its exit code (negative for a signal).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


class Forker:
    """Starts runners, one at a time."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-W", "ignore", __file__]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self._answer()

    def start(self, action: str, url: str, folder: Path, **options: Any) -> int:
        """Start `migrate`, `down` or `redo`; gives the number of its process."""
        request = {"action": action, "url": url, "folder": str(folder), "options": options}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._answer())

    def wait(self) -> int:
        """The exit code of what was started: 0, 1 for an error of the runner's, or -9."""
        return int(self._answer())

    def run(self, action: str, url: str, folder: Path, **options: Any) -> int:
        """Start and wait."""
        self.start(action, url, folder, **options)
        return self.wait()

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _answer(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the process that forks has died"
        return line


async def run(action: str, url: str, folder: str, options: dict[str, Any]) -> None:
    from sqlstore import migrations
    from sqlstore.engine.connect import make_driver

    kill_at = options.pop("kill_at", None)
    driver = make_driver(url)
    await driver.open()
    try:
        if kill_at is not None:
            await die_before_statement(kill_at, driver)
        await getattr(migrations, action)(driver, migrations.MigrationSource("shop", Path(folder)), **options)
    finally:
        await driver.close()


async def die_before_statement(number: int, driver: Any) -> None:
    """SIGKILL before the number-th statement from now on that reaches SQLite's writer, or the server."""
    remaining = number

    def count(*_: object) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if driver.engine == "sqlite":
        async with driver.exclusive() as exclusive:
            await exclusive.run(lambda connection: connection.set_trace_callback(count))
        return
    import asyncpg

    def counted(method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            count()
            return method(*arguments, **options)

        return call

    for name in ("execute", "fetch", "fetchval", "fetchrow"):
        setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))


def answer(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    from sqlstore.engine.errors import StoreError

    for module in ("engine.connect", "engine.postgres_migrations", "engine.sqlite_migrations", "migrations"):
        import_module(f"sqlstore.{module}")

    answer("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                asyncio.run(run(**json.loads(line)))
                code = 0
            except StoreError:
                code = 1
            finally:
                os._exit(code)
        answer(pid)
        answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
