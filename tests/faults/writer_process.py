"""A process that writes the diary until it is killed; started in milliseconds.

Run as a program it has imported everything, reads a line of JSON for each writer from stdin, and
forks it. A line of its answers is a process id, `open`, a key that was acknowledged, or `ended N`.
"""

import asyncio
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class WriterProcess:
    """Starts writers, one at a time. The process ends with it."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.writer_process"],
            stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert self._line() == "ready"

    def start(self, url: str, prefix: str, tasks: int = 6, **options: Any) -> int:
        """Start a writer, with so many tasks that write at once; gives its process id."""
        request = {"url": url, "prefix": prefix, "tasks": tasks, "options": options}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._line())

    def wait_until_open(self) -> None:
        """Wait until the writer is about to write."""
        assert self._line() == "open"

    def acknowledged(self) -> set[str]:
        """What the writer acknowledged before its end, which must come."""
        keys = set()
        while not (line := self._line()).startswith("ended"):
            keys.add(line)
        keys.discard("open")
        assert line == "ended -9", f"the writer was not killed: {line}"
        return keys

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _line(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the process that forks has died"
        return line.strip()


def say(what: object) -> None:
    os.write(1, f"{what}\n".encode())  # short enough to arrive whole


async def run(url: str, prefix: str, tasks: int, options: dict[str, Any]) -> None:
    from sqlstore.stores.conversations import Conversations
    from tests.faults.diary import begin, write_on

    async with Conversations.open(url, **options) as store:
        await begin(store)
        say("open")
        async with asyncio.TaskGroup() as group:
            for number in range(tasks):
                group.create_task(write_on(store, f"{prefix}.{number}", say))


def main() -> None:
    for module in ("sqlstore.engine.sqlite", "tests.faults.diary"):  # loaded here, for all that are forked
        import_module(module)
    from sqlstore.stores.conversations import Conversations

    Conversations.load_queries("sqlite")
    say("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(run(**json.loads(line)))
            finally:
                os._exit(70)
        say(pid)
        say(f"ended {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


if __name__ == "__main__":
    main()
